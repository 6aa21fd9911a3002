"""One outbox row, whole: claim, send, record; back-off and give-up.

Delivery is at least once and in order per incident and notifier. It shares no lock and no task with
probing. The Protocols below are fitted by `storage/outbox.py` and `notify/*`.

Each notifier has a worker of its own, so a dead or slow receiver delays nobody else. With nothing
due a worker rests until the next row is due or somebody rings (`Courier.wake`, after a commit). A
row whose worker died is free again when its lease has run out: the event may then arrive twice,
with the same id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from monitor.clock import Clock
from monitor.spec import format_duration


def lane_of(notifier: str, place: str) -> str:
    """The name of one queue: `team/slack-3f9a21c4`; the notifier's own where it has one place."""
    return f"{notifier}/{place}" if place else notifier


def notifier_of(lane: str) -> str:
    """The notifier's name in the config, by the name of one of its queues."""
    return lane.partition("/")[0]


Arrived = Callable[[], Awaitable[Sequence[bytes]]]


async def nothing_arrived() -> Sequence[bytes]:
    """For a delivery that is the first of its incident."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one notifier.

    Attributes:
        id: number of the outbox row.
        event_id: id of the event: the webhook's id, the same over all attempts.
        type: type of the event.
        incident_id: deliveries of one incident to one notifier keep their order; None for
            `monitor.*` events, which form one line of their own per notifier.
        notifier: who is told: the notifier's name, and behind a slash the place where it has
            places that are told each by itself (`lane_of`).
        body: the bytes to send; they never change.
        attempts: attempts before this one.
        created_at: when the event was decided.
        arrived: asks which bodies of the same incident this notifier has taken before, oldest
            first; for kinds whose receiver has to be told what is over. It may raise StorageError.
    """

    id: int
    event_id: str
    type: str
    incident_id: str | None
    notifier: str
    body: bytes
    attempts: int
    created_at: datetime
    arrived: Arrived = field(default=nothing_arrived, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The receiver took it."""

    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Not now: try again, not before `after` seconds when the receiver said so."""

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Never: the receiver or the configuration refuses for good."""

    reason: str


Result = Delivered | Retry | GiveUp


class Notifier(Protocol):
    """Sends one delivery over one channel."""

    @property
    def name(self) -> str:
        """Its name in the config, and its place behind a slash if it is one of several."""
        ...

    async def send(self, delivery: Delivery) -> Result:
        """Try once. Never raises for the world."""
        ...


class Outbox(Protocol):
    """The durable queue."""

    async def claim(self, notifier: str, now: datetime, lease_seconds: float) -> Delivery | None:
        """Take the next due delivery of `notifier`, or None.

        Only the first unsettled row of a line (notifier and incident) may be taken, so a close
        never overtakes its open. A lease that has run out may be taken again.
        """
        ...

    async def settle(
        self, delivery: Delivery, result: Result, now: datetime, due_at: datetime | None
    ) -> None:
        """Record what became of an attempt; `due_at` is when to try again after a Retry."""
        ...

    async def next_due(self, notifier: str) -> datetime | None:
        """When the next delivery of `notifier` is due; None when nothing waits."""
        ...


class DeliverySink(Protocol):
    """Hears what became of each attempt: metrics. Must not block or raise."""

    def delivered(self, delivery: Delivery, result: Result) -> None:
        """One attempt at `delivery` ended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """How long, how often. All in seconds, except where said.

    Attributes:
        lease: how long a claimed delivery belongs to its worker.
        send_timeout: how long one attempt may take; a notifier's own limit comes sooner.
        backoff_base: bound of the wait after the first failure; it doubles with each further one.
        backoff_max: the bound grows no further.
        retry_after_max: how far a receiver may put us off.
        give_up_after: age at which a delivery that still fails is given up.
        storage_pause_min, storage_pause_max: bounds of the wait after the store failed.
        settle_attempts_max: how often one result is offered to a failing store, a count.
        idle_max: the longest rest: rows that another process made due are seen after it.
        claim_gap: the shortest rest when a row is due and may not be taken.
        release_timeout: how long a worker that is stopped in mid-send has to hand its row back.
    """

    lease: float = 60.0
    send_timeout: float = 30.0
    backoff_base: float = 1.0
    backoff_max: float = 300.0
    retry_after_max: float = 3600.0
    give_up_after: float = 3 * 86400.0
    storage_pause_min: float = 1.0
    storage_pause_max: float = 30.0
    settle_attempts_max: int = 10
    idle_max: float = 15.0
    claim_gap: float = 1.0
    release_timeout: float = 2.0

    def __post_init__(self) -> None:
        """ValueError when a row could be taken again while it is being sent."""
        if self.lease <= self.send_timeout:
            msg = "the lease of a delivery must be longer than the time to send it"
            raise ValueError(msg)


def backoff(policy: DeliveryPolicy, failures: int, rng: random.Random) -> float:
    """Seconds to wait after so many failures: anything at all up to a bound that doubles.

    So the retries of several daemons do not meet at a receiver that comes back.
    """
    bound = policy.backoff_base * 2.0 ** min(failures - 1, 60)  # 2.0 ** 1024 would overflow
    return rng.uniform(0.0, min(bound, policy.backoff_max))


def judge(
    delivery: Delivery, result: Result, now: datetime, policy: DeliveryPolicy, rng: random.Random
) -> tuple[Result, datetime | None]:
    """What is recorded for an attempt, and when to try again (None: never).

    There is no limit on attempts, only on age: a receiver that is down over a weekend still gets
    its close on Monday.
    """
    if not isinstance(result, Retry):
        return result, None
    if (now - delivery.created_at).total_seconds() >= policy.give_up_after:
        after = format_duration(policy.give_up_after)
        return GiveUp(reason=f"given up after {after}; last: {result.reason}"), None
    wait = backoff(policy, delivery.attempts + 1, rng)
    if result.after is not None:
        wait = max(wait, min(result.after, policy.retry_after_max))
    return result, now + timedelta(seconds=wait)


@dataclass(slots=True)
class _Lane:
    """One notifier, the bell that wakes its worker, and how often the store failed in a row."""

    name: str
    notifier: Notifier
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    troubles: int = 0


class Courier:
    """Carries what is in the outbox to the notifiers while `run` runs."""

    def __init__(
        self,
        outbox: Outbox,
        notifiers: Sequence[Notifier],
        clock: Clock,
        rng: random.Random,
        policy: DeliveryPolicy,
        sink: DeliverySink,
    ) -> None:
        """Nothing is claimed before `run`."""
        self._outbox = outbox
        self._clock = clock
        self._rng = rng
        self._policy = policy
        self._sink = sink
        self._lanes = tuple(_Lane(each.name, each) for each in notifiers)
        self._workers: list[asyncio.Task[None]] = []
        self._done = asyncio.Event()
        self._done.set()
        self._halt = asyncio.Event()
        self._log: Any = structlog.get_logger()

    def wake(self) -> None:
        """Something new may be due: look now. Call it after a commit, from the loop's thread."""
        for lane in self._lanes:
            lane.bell.set()

    async def run(self) -> None:
        """Deliver until cancelled, or until `stop` has been called and nothing more is due."""
        self._done.clear()
        try:
            async with asyncio.TaskGroup() as group:
                self._workers = [
                    group.create_task(self._work(lane), name=f"courier/{lane.name}")
                    for lane in self._lanes
                ]
        finally:
            self._workers = []
            self._done.set()

    async def stop(self, grace: float) -> None:
        """Send what is due now, for at most `grace` seconds, then end the workers.

        The rest stays in the outbox; an attempt under way is handed back, due at the next start.
        """
        self._halt.set()
        self.wake()
        try:
            async with self._clock.timeout(grace):
                await self._done.wait()
        except TimeoutError:
            for worker in self._workers:
                worker.cancel()
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(2 * self._policy.release_timeout):
                    await self._done.wait()

    async def _work(self, lane: _Lane) -> None:
        """Turn after turn, with a rest between where nothing is to do."""
        while True:
            lane.bell.clear()
            pause = await self._turn(lane)
            if pause is None:
                return
            if pause > 0:
                await self._rest(lane.bell, pause)

    async def _turn(self, lane: _Lane) -> float | None:
        """Deliver one; returns how long to rest after it, or None to end."""
        try:
            delivery = await self._outbox.claim(lane.name, self._clock.now(), self._policy.lease)
            pause = 0.0 if delivery else await self._until_due(lane)
        except Exception as error:  # noqa: BLE001  # whatever the store does, the worker lives
            return None if self._halt.is_set() else self._trouble(lane, "claim", error)
        lane.troubles = 0
        if delivery is not None:
            await self._attempt(lane, delivery)
            return pause
        return None if self._halt.is_set() else pause

    async def _until_due(self, lane: _Lane) -> float:
        """Seconds until the next delivery of this lane may be taken."""
        due_at = await self._outbox.next_due(lane.name)
        if due_at is None:
            return self._policy.idle_max
        wait = (due_at - self._clock.now()).total_seconds()
        if wait <= 0:  # due, yet not ours to take: another process holds it
            return self._policy.claim_gap
        return min(wait, self._policy.idle_max)

    async def _rest(self, bell: asyncio.Event, seconds: float) -> None:
        """Wait until `bell` rings, `seconds` at most."""
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await bell.wait()

    async def _attempt(self, lane: _Lane, delivery: Delivery) -> None:
        """Send, judge, record."""
        began = self._clock.monotonic()
        try:
            answer = await self._send(lane, delivery)
        except asyncio.CancelledError:  # stopped in mid-send
            await self._hand_back(lane, delivery)
            raise
        result, due_at = judge(delivery, answer, self._clock.now(), self._policy, self._rng)
        self._report(delivery, result, due_at, self._clock.monotonic() - began)
        await self._settle(lane, delivery, result, due_at)

    async def _send(self, lane: _Lane, delivery: Delivery) -> Result:
        """One attempt, bounded; a notifier that raises has failed like any other."""
        try:
            async with self._clock.timeout(self._policy.send_timeout):
                return await lane.notifier.send(delivery)
        except TimeoutError:
            limit = format_duration(self._policy.send_timeout)
            return Retry(reason=f"not sent within {limit}")
        except Exception as error:  # noqa: BLE001  # a bug in one kind must not end delivery
            # The text of a foreign exception may hold a URL or a header: only its place is told.
            kind, place = type(error).__name__, _place(error)
            self._log.error("notifier.failed", notifier=lane.name, error=kind, at=place)
            return Retry(reason=f"the notifier failed: {kind}")

    async def _settle(
        self, lane: _Lane, delivery: Delivery, result: Result, due_at: datetime | None
    ) -> None:
        """Record a result, offering it again while the store fails.

        A lost result means one more sending when the lease has run out: allowed, not wanted.
        """
        for _ in range(self._policy.settle_attempts_max):
            try:
                await self._outbox.settle(delivery, result, self._clock.now(), due_at)
            except Exception as error:  # noqa: BLE001  # as in `_turn`
                pause = self._trouble(lane, "settle", error)
                if self._halt.is_set():
                    break
                await self._rest(self._halt, pause)
            else:
                lane.troubles = 0
                return
        self._log.error("delivery.unrecorded", notifier=lane.name, event_id=delivery.event_id)

    async def _hand_back(self, lane: _Lane, delivery: Delivery) -> None:
        """Free the row of an attempt that was cut off: it is due at once, for the next start."""
        now = self._clock.now()
        result = Retry(reason="stopped in mid-send")
        self._report(delivery, result, now, None)
        try:
            async with self._clock.timeout(self._policy.release_timeout):
                await self._outbox.settle(delivery, result, now, now)
        except Exception as error:  # noqa: BLE001  # its lease will run out instead
            self._trouble(lane, "release", error)

    def _trouble(self, lane: _Lane, doing: str, error: Exception) -> float:
        """Tell of a failure of the store; returns seconds to wait before the next try."""
        pause = self._policy.storage_pause_min * 2.0 ** min(lane.troubles, 30)
        pause = min(pause, self._policy.storage_pause_max)
        lane.troubles += 1
        facts = {"error": type(error).__name__, "at": _place(error), "pause_seconds": pause}
        # No text of the error: it would quote the statement with its values.
        self._log.warning("outbox.failed", notifier=lane.name, doing=doing, **facts)
        return pause

    def _report(
        self, delivery: Delivery, result: Result, due_at: datetime | None, seconds: float | None
    ) -> None:
        """One log line and one count for one attempt."""
        word, level = _WORDS[type(result)]
        self._log.log(
            level,
            "delivery.attempted",
            notifier=delivery.notifier,
            event_id=delivery.event_id,
            type=delivery.type,
            incident=delivery.incident_id,
            attempt=delivery.attempts + 1,
            result=word,
            reason=result.detail if isinstance(result, Delivered) else result.reason,
            seconds=None if seconds is None else round(seconds, 3),
            due_at=None if due_at is None else due_at.isoformat(),
        )
        self._sink.delivered(delivery, result)


_WORDS = {
    Delivered: ("delivered", logging.INFO),
    Retry: ("retry", logging.WARNING),
    GiveUp: ("given_up", logging.ERROR),
}


def _place(error: Exception) -> str:
    """Where an exception was raised: file and line, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown"
