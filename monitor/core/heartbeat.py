"""The dead man's switch: whether the monitor may say that all is well with itself.

It says so only while it does what it is for. Whoever listens for the heartbeat raises the alarm
when it stays away, which covers what no alert of ours can: that we are dead, stuck, blind to our
own disk, or shouting into the void.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """How the monitor does.

    Attributes:
        lateness: seconds by which the latest run of the last minute started late.
        unasked: seconds since a run was last due and begun; None where no probe is enabled.
        store_error: what is wrong with the store; None when it takes what is written.
        stuck: for each notifier with something to deliver, the age of the oldest in seconds.
    """

    lateness: float
    unasked: float | None
    store_error: str | None
    stuck: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is still well, in seconds: lateness, the longest time without a run, age of events."""

    lateness: float
    unasked: float
    stuck: float


def withheld(signs: Signs, limits: Limits) -> tuple[str, ...]:
    """Why no heartbeat goes out, a sentence each; empty when all is well."""
    found: list[str] = []
    if signs.unasked is not None and signs.unasked > limits.unasked:
        found.append(f"no probe was asked for {signs.unasked:.0f} s")
    if signs.lateness > limits.lateness:
        found.append(f"runs start {signs.lateness:.0f} s late")
    if signs.store_error is not None:
        found.append(f"the store cannot be written: {signs.store_error}")
    found += [
        f"an event has waited {age:.0f} s for {name}"
        for name, age in signs.stuck
        if age > limits.stuck
    ]
    return tuple(found)
