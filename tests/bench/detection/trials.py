"""One trial: an outage (or what must not count as one), or some weeks without any."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from monitor.core.incident import Event, EventType
from tests.bench.detection.drive import START, Drive, Record
from tests.bench.detection.fates import Fate
from tests.bench.detection.products import Product
from tests.bench.detection.world import DAY, Noise, Stretch, World, silence

BEFORE = 1200.0
"""Seconds before anything happens: longer than the engine's memory."""
LONGEST = 7200.0
AFTER_SECONDS = 60.0
"""An opening so late after the end still detects an outage."""
CLOSING_SECONDS = 1500.0
"""How long is looked at what follows an outage: longer than an incident may come back."""
WEEKS_DAYS = 30.0

Trial = dict[str, float | None]
"""What came of one trial, by the names of its measures; None: it never came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What happens in a trial, and until when one looks; `first` is enough for some."""

    onset: float
    end: float
    troubles: tuple[Stretch, ...]
    until: float
    first: bool = False


Staging = Callable[[Product, Random], Scene]


def outage(
    probes: Callable[[Product], Iterable[str]],
    share: float = 1.0,
    fate: Fate = Fate.ANSWERED,
    *,
    seconds: float = LONGEST,
    ramp: float = 0.0,
    closing: bool = False,
) -> Staging:
    """A step (or a ramp of so many seconds) to `share` for so long; looked at until it opens.

    With `closing`, until long after its end.
    """

    def stage(product: Product, chance: Random) -> Scene:
        onset = BEFORE + chance.uniform(0.0, product.round)
        end = onset + seconds
        trouble = Stretch(
            start=onset,
            end=end,
            probes=frozenset(probes(product)),
            fate=fate,
            share=share,
            ramp=ramp,
        )
        until = end + (CLOSING_SECONDS if closing else AFTER_SECONDS)
        return Scene(onset=onset, end=end, troubles=(trouble,), until=until, first=not closing)

    return stage


def flapping(minutes: float, cycles: int = 10) -> Staging:
    """Everything fails for some minutes and works for as many, again and again."""

    def stage(product: Product, chance: Random) -> Scene:
        onset = BEFORE + chance.uniform(0.0, product.round)
        seconds = minutes * 60
        troubles = tuple(
            Stretch(
                start=start,
                end=start + seconds,
                probes=product.everything,
                fate=Fate.ANSWERED,
            )
            for start in (onset + 2 * seconds * cycle for cycle in range(cycles))
        )
        end = troubles[-1].end
        return Scene(onset=onset, end=end, troubles=troubles, until=end + CLOSING_SECONDS)

    return stage


def own_network(product: Product, chance: Random) -> Scene:
    """Nothing leaves this host for 5 to 40 s."""
    onset = BEFORE + chance.uniform(0.0, product.round)
    seconds = chance.uniform(5.0, 40.0)
    blip = silence(product.everything, onset, seconds, chance, controls=True)
    return Scene(onset=onset, end=blip.end, troubles=(blip,), until=blip.end + 900.0)


def excluded(
    probes: Callable[[Product], Iterable[str]],
    fate: Fate,
    minutes: float,
    least: float,
    after: float = 900.0,
) -> Staging:
    """A share of `least` to all of the runs of `probes` meet what says nothing about Claude.

    It lasts some minutes, and is looked at for `after` seconds more.
    """

    def stage(product: Product, chance: Random) -> Scene:
        onset = BEFORE + chance.uniform(0.0, product.round)
        end = onset + minutes * 60
        trouble = Stretch(
            start=onset,
            end=end,
            probes=frozenset(probes(product)),
            fate=fate,
            share=chance.uniform(least, 1.0),
        )
        return Scene(onset=onset, end=end, troubles=(trouble,), until=end + after)

    return stage


def try_once(product: Product, noise: Noise, staging: Staging, seed: str) -> Trial:
    """One trial with chance of its own."""
    scene = staging(product, Random(f"{seed}/scene"))
    drive = Drive(product, World(product, noise, seed, scene.until, scene.troubles))

    def opened(record: Record) -> bool:
        return any(
            at >= scene.onset and event.type is EventType.OPENED for at, event in record.announced
        )

    return _measured(drive.play(scene.until, opened if scene.first else None), scene)


def _measured(record: Record, scene: Scene) -> Trial:
    mine = [(at, event) for at, event in record.announced if at >= scene.onset]

    def first(kind: EventType, origin: float) -> float | None:
        return next((at - origin for at, event in mine if event.type is kind), None)

    opened = [event for _, event in mine if event.type is EventType.OPENED]
    closed = [at - scene.end for at, event in mine if event.type is EventType.CLOSED]
    return {
        "opened": first(EventType.OPENED, scene.onset),
        "recovering": _recovering(mine, scene),
        "closed": closed[-1] if closed else None,
        "reopens": float(sum(event.type is EventType.REOPENED for _, event in mine)),
        "openings": float(len(opened)),
        "onset_error": _onset_error(opened[0], scene.onset) if opened else None,
    }


def _recovering(mine: list[tuple[float, Event]], scene: Scene) -> float | None:
    """The first word of recovery after the end, or the last one before it."""
    found = [at - scene.end for at, event in mine if event.type is EventType.RECOVERING]
    return next((at for at in found if at >= 0), found[-1] if found else None)


def _onset_error(event: Event, onset: float) -> float | None:
    if event.incident is None:
        return None
    return abs((event.incident.started_at - START).total_seconds() - onset)


def weeks(product: Product, noise: Noise, seed: str, days: float = WEEKS_DAYS) -> Trial:
    """Some weeks without an outage: whatever opens is false.

    Besides the counts there is one for each rule and depth that opened: `fast/edge` and the like.
    """
    length = days * DAY
    record = Drive(product, World(product, noise, seed, length)).play(length)
    opened = [e.incident for _, e in record.announced if e.type is EventType.OPENED]
    found: Trial = {
        "years": days / 365.25,
        "opened": float(len(opened)),
        "incidents": float(len(record.incidents)),
        "reopens": float(sum(e.type is EventType.REOPENED for _, e in record.announced)),
        "scheduled": float(record.scheduled),
        "extra": float(record.extra),
    }
    for incident in opened:
        if incident is not None:
            key = f"{incident.reason}/{incident.depth}"
            found[key] = (found.get(key) or 0.0) + 1
    return found
