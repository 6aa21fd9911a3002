from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from monitor.clock import SystemClock, VirtualClock
from monitor.core.incident import EventType
from monitor.delivery import (
    Courier,
    Delivered,
    Delivery,
    DeliveryPolicy,
    GiveUp,
    Notifier,
    Outbox,
    Result,
    Retry,
    backoff,
    judge,
)
from monitor.pipeline import Change, Envelope, Posting
from monitor.storage.database import open_database
from monitor.storage.outbox import SqlOutbox
from monitor.storage.store import Store
from tests.factories import an_event, an_incident
from tests.fakes.notifier import FakeDeliverySink, FakeNotifier
from tests.fakes.outbox import FakeOutbox

NOW = datetime(2026, 4, 28, 17, 34, tzinfo=UTC)
POLICY = DeliveryPolicy()
PLANTED = "whsec_planted"


class Highest(random.Random):
    """Draws the upper bound, so that a test knows every wait."""

    @override
    def uniform(self, a: float, b: float) -> float:
        return b


def a_delivery(*, attempts: int = 0, age: float = 0.0) -> Delivery:
    return Delivery(
        id=1,
        event_id="local-1.1",
        type="incident.opened",
        incident_id="local-1",
        notifier="oncall",
        body=b"{}",
        attempts=attempts,
        created_at=NOW - timedelta(seconds=age),
    )


# ---------------------------------------------------------------- decisions


@pytest.mark.parametrize(
    ("failures", "bound"),
    [(1, 1.0), (2, 2.0), (3, 4.0), (9, 256.0), (10, 300.0), (5000, 300.0)],
)
def test_the_bound_of_the_wait_doubles_up_to_five_minutes(failures: int, bound: float) -> None:
    assert backoff(POLICY, failures, Highest()) == bound


def test_the_wait_is_drawn_from_the_whole_range_below_its_bound() -> None:
    rng = random.Random(7)  # jitter is no secret
    waits = [backoff(POLICY, 10, rng) for _ in range(500)]
    assert 0 <= min(waits) < 10
    assert 290 < max(waits) <= 300


@pytest.mark.parametrize(
    ("result", "attempts", "age", "recorded", "wait"),
    [
        pytest.param(Delivered(), 4, 0, Delivered, None, id="delivered is the end"),
        pytest.param(GiveUp(reason="410"), 0, 0, GiveUp, None, id="refused is the end"),
        pytest.param(Retry(reason="500"), 0, 0, Retry, 1.0, id="a first failure waits a second"),
        pytest.param(Retry(reason="500"), 4, 0, Retry, 16.0, id="a fifth waits sixteen"),
        pytest.param(Retry(reason="429", after=90), 0, 0, Retry, 90.0, id="the receiver asks more"),
        pytest.param(Retry(reason="429", after=2), 4, 0, Retry, 16.0, id="the receiver asks less"),
        pytest.param(
            Retry(reason="429", after=1e9), 0, 0, Retry, 3600.0, id="nobody puts us off for ever"
        ),
        pytest.param(
            Retry(reason="500"), 900, 3 * 86400 - 1, Retry, 300.0, id="not yet three days old"
        ),
        pytest.param(Retry(reason="500"), 900, 3 * 86400, GiveUp, None, id="three days old"),
    ],
)
def test_what_is_recorded_and_when_it_is_tried_again(
    result: Result, attempts: int, age: float, recorded: type[Result], wait: float | None
) -> None:
    delivery = a_delivery(attempts=attempts, age=age)
    kept, due_at = judge(delivery, result, NOW, POLICY, Highest())
    assert isinstance(kept, recorded)
    assert due_at == (None if wait is None else NOW + timedelta(seconds=wait))


def test_a_delivery_given_up_by_age_says_what_failed_last() -> None:
    kept, _ = judge(a_delivery(age=4 * 86400), Retry(reason="answered 500"), NOW, POLICY, Highest())
    assert kept == GiveUp(reason="given up after 3d; last: answered 500")


def test_a_lease_shorter_than_a_send_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than the time to send"):
        DeliveryPolicy(lease=30.0, send_timeout=30.0)


# ---------------------------------------------------------------- the courier


@contextlib.asynccontextmanager
async def at_work(
    outbox: Outbox,
    *notifiers: Notifier,
    clock: VirtualClock,
    rng: random.Random | None = None,
    sink: FakeDeliverySink | None = None,
) -> AsyncIterator[Courier]:
    """A courier whose workers have looked once; stopped at the end, if a test has not done so."""
    courier = Courier(
        outbox, notifiers, clock, rng or Highest(), POLICY, sink or FakeDeliverySink()
    )
    async with asyncio.TaskGroup() as group:
        running = group.create_task(courier.run())
        await clock.advance(0)
        yield courier
        running.cancel()


def a_clock() -> VirtualClock:
    return VirtualClock(NOW)


def attempted(logs: Sequence[object]) -> list[dict[str, object]]:
    return [
        entry
        for entry in logs
        if isinstance(entry, dict) and entry["event"] == "delivery.attempted"
    ]


async def test_what_is_due_at_the_start_is_delivered() -> None:
    outbox, notifier, sink = FakeOutbox(), FakeNotifier(), FakeDeliverySink()
    row = outbox.add("a.1", NOW)
    async with at_work(outbox, notifier, clock=a_clock(), sink=sink):
        assert row.settled
    assert notifier.ids == ["a.1"]
    assert sink.heard == [("oncall", Delivered)]


async def test_a_wake_delivers_without_any_time_passing() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    async with at_work(outbox, notifier, clock=clock) as courier:
        outbox.add("a.1", NOW)
        courier.wake()
        await clock.advance(0)
        assert notifier.ids == ["a.1"]


async def test_a_row_that_another_process_made_due_is_seen_within_the_longest_rest() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    async with at_work(outbox, notifier, clock=clock):
        outbox.add("a.1", NOW)
        await clock.advance(POLICY.idle_max)
        assert notifier.ids == ["a.1"]


async def test_a_failing_receiver_gets_the_same_event_until_it_takes_it() -> None:
    outbox, clock = FakeOutbox(), a_clock()
    notifier = FakeNotifier(answers=[Retry(reason="answered 500")] * 4)
    row = outbox.add("a.1", NOW)
    async with at_work(outbox, notifier, clock=clock):
        await clock.advance(1 + 2 + 4 + 8)
        assert row.settled
    assert notifier.ids == ["a.1"] * 5
    assert {sent.body for sent in notifier.sent} == {row.delivery.body}
    assert [sent.attempts for sent in notifier.sent] == [0, 1, 2, 3, 4]


async def test_a_retry_comes_when_it_is_due_and_not_before() -> None:
    outbox, clock = FakeOutbox(), a_clock()
    notifier = FakeNotifier(answers=[Retry(reason="answered 429", after=40.0)])
    outbox.add("a.1", NOW)
    async with at_work(outbox, notifier, clock=clock) as courier:
        await clock.advance(39.9)
        courier.wake()
        await clock.advance(0)
        assert len(notifier.sent) == 1
        await clock.advance(0.2)
        assert len(notifier.sent) == 2


async def test_a_close_waits_for_its_open_and_other_incidents_do_not() -> None:
    outbox, clock = FakeOutbox(), a_clock()
    notifier = FakeNotifier(answers=[Retry(reason="answered 500")])
    for event_id, incident in (("a.1", "a"), ("a.2", "a"), ("b.1", "b"), ("blind", None)):
        outbox.add(event_id, NOW, incident=incident)
    async with at_work(outbox, notifier, clock=clock):
        assert notifier.ids == ["a.1", "b.1", "blind"]
        await clock.advance(1)
        assert notifier.ids == ["a.1", "b.1", "blind", "a.1", "a.2"]


async def test_an_event_that_is_refused_for_good_lets_the_next_one_pass() -> None:
    outbox = FakeOutbox()
    notifier = FakeNotifier(answers=[GiveUp(reason="answered 410")])
    first, second = outbox.add("a.1", NOW), outbox.add("a.2", NOW)
    async with at_work(outbox, notifier, clock=a_clock()):
        assert (first.settled, second.settled) == (True, True)
    assert first.result == GiveUp(reason="answered 410")


async def test_a_receiver_that_never_answers_delays_nobody_else_and_is_cut_off() -> None:
    outbox, clock, sink = FakeOutbox(), a_clock(), FakeDeliverySink()
    stuck, quick = FakeNotifier("stuck"), FakeNotifier("quick")
    stuck.gate.clear()
    for each in ("stuck", "quick"):
        outbox.add("a.1", NOW, notifier=each)
        outbox.add("a.2", NOW, notifier=each)
    async with at_work(outbox, stuck, quick, clock=clock, sink=sink):
        assert quick.ids == ["a.1", "a.2"]
        assert stuck.ids == ["a.1"]
        await clock.advance(POLICY.send_timeout)
        assert outbox.rows[0].result == Retry(reason="not sent within 30s")
    assert sink.heard[-1] == ("stuck", Retry)


async def test_a_notifier_that_raises_is_tried_again_and_its_words_are_not_logged() -> None:
    outbox, clock = FakeOutbox(), a_clock()
    notifier = FakeNotifier(answers=[RuntimeError(f"POST https://u:{PLANTED}@example.test/")])
    row = outbox.add("a.1", NOW)
    with capture_logs() as logs:
        async with at_work(outbox, notifier, clock=clock):
            assert row.result == Retry(reason="the notifier failed: RuntimeError")
            await clock.advance(1)
            assert row.settled
    failed = next(entry for entry in logs if entry["event"] == "notifier.failed")
    assert failed["error"] == "RuntimeError"
    assert "fakes/notifier.py:" in failed["at"]
    assert PLANTED not in repr(logs)


async def test_every_attempt_is_one_log_line_with_its_facts() -> None:
    outbox, clock = FakeOutbox(), a_clock()
    notifier = FakeNotifier(answers=[Retry(reason="answered 500"), GiveUp(reason="answered 410")])
    outbox.add("a.1", NOW)
    outbox.add("b.1", NOW, incident=None)
    with capture_logs() as logs:
        async with at_work(outbox, notifier, clock=clock):
            await clock.advance(1)
    lines = attempted(logs)
    assert [(line["event_id"], line["result"], line["log_level"]) for line in lines] == [
        ("a.1", "retry", "warning"),
        ("b.1", "given_up", "error"),
        ("a.1", "delivered", "info"),
    ]
    assert lines[0] | {"event": "", "log_level": ""} == {
        "event": "",
        "log_level": "",
        "notifier": "oncall",
        "event_id": "a.1",
        "type": "incident.opened",
        "incident": "local-1",
        "attempt": 1,
        "result": "retry",
        "reason": "answered 500",
        "seconds": 0.0,
        "due_at": "2026-04-28T17:34:01+00:00",
    }


# ---------------------------------------------------------------- a store that fails


async def test_a_store_that_cannot_be_asked_is_asked_again_later_and_later() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    outbox.failures["claim"] = 7
    outbox.add("a.1", NOW)
    with capture_logs() as logs:
        async with at_work(outbox, notifier, clock=clock):
            await clock.advance(1 + 2 + 4 + 8 + 16 + 30 + 29.9)
            assert notifier.ids == []
            await clock.advance(0.2)
            assert notifier.ids == ["a.1"]
    told = [entry for entry in logs if entry["event"] == "outbox.failed"]
    assert [entry["pause_seconds"] for entry in told] == [1, 2, 4, 8, 16, 30, 30]
    assert {entry["doing"] for entry in told} == {"claim"}
    assert PLANTED not in repr(logs)


async def test_a_store_that_cannot_say_what_comes_next_is_a_store_that_failed() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    outbox.failures["next_due"] = 1
    with capture_logs() as logs:
        async with at_work(outbox, notifier, clock=clock):
            await clock.advance(1)
    assert [entry["event"] for entry in logs] == ["outbox.failed"]
    assert outbox.calls == ["claim", "next_due"] * 2


async def test_a_result_that_cannot_be_recorded_is_offered_again_and_not_sent_again() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    outbox.failures["settle"] = 3
    row = outbox.add("a.1", NOW)
    async with at_work(outbox, notifier, clock=clock) as courier:
        for _ in range(6):  # others commit meanwhile: that is no reason to ask faster
            assert not row.settled
            courier.wake()
            await clock.advance(1)
        await clock.advance(1)
        assert row.lease_until is None
    assert notifier.ids == ["a.1"]


async def test_a_result_that_can_never_be_recorded_does_not_hold_the_worker_for_ever() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    outbox.failures["settle"] = POLICY.settle_attempts_max
    outbox.add("a.1", NOW)
    outbox.add("b.1", NOW, incident="b")
    with capture_logs() as logs:
        async with at_work(outbox, notifier, clock=clock):
            await clock.advance(400)
            assert all(row.settled for row in outbox.rows)
    assert "delivery.unrecorded" in [entry["event"] for entry in logs]
    assert set(notifier.ids) == {"a.1", "b.1"}


async def test_a_row_held_by_another_process_is_taken_when_its_lease_has_run_out() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    row = outbox.add("a.1", NOW)
    row.lease_until = NOW + timedelta(seconds=10)
    async with at_work(outbox, notifier, clock=clock):
        await clock.advance(9.9)
        assert notifier.ids == []
        await clock.advance(0.2)
        assert notifier.ids == ["a.1"]


async def test_a_row_that_is_due_and_cannot_be_taken_is_not_asked_for_in_a_tight_loop() -> None:
    class Contested(FakeOutbox):
        @override
        async def claim(
            self, notifier: str, now: datetime, lease_seconds: float
        ) -> Delivery | None:
            self.calls.append("claim")
            return None

    outbox, clock = Contested(), a_clock()
    outbox.add("a.1", NOW)
    async with at_work(outbox, FakeNotifier(), clock=clock):
        await clock.advance(10)
    assert outbox.calls.count("claim") == 1 + 10 / POLICY.claim_gap


# ---------------------------------------------------------------- the end


async def test_stop_sends_what_is_due_and_ends_the_workers() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    courier = Courier(outbox, [notifier], clock, Highest(), POLICY, FakeDeliverySink())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(courier.run())
        await clock.advance(0)
        outbox.add("a.1", NOW)
        later = outbox.add("b.1", NOW + timedelta(seconds=60), incident="b")
        await courier.stop(2.0)
        await running
    assert notifier.ids == ["a.1"]
    assert not later.settled


async def test_stop_tries_a_failing_receiver_once_and_leaves_the_rest_for_the_next_start() -> None:
    outbox, clock = FakeOutbox(), a_clock()
    notifier = FakeNotifier(answers=[Retry(reason="answered 500")] * 9)
    async with at_work(outbox, notifier, clock=clock) as courier:
        row = outbox.add("a.1", NOW)
        await courier.stop(2.0)
    assert notifier.ids == ["a.1"]
    assert (row.settled, row.lease_until) == (False, None)


async def test_an_attempt_that_outlasts_the_grace_is_handed_back_due_at_once() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    notifier.gate.clear()
    row = outbox.add("a.1", NOW)
    async with at_work(outbox, notifier, clock=clock) as courier, asyncio.TaskGroup() as group:
        stopping = group.create_task(courier.stop(2.0))
        await clock.advance(1.9)
        assert not stopping.done()
        await clock.advance(0.2)
        assert stopping.done()
    assert (row.settled, row.lease_until) == (False, None)
    assert row.due_at == NOW + timedelta(seconds=2)
    assert row.result == Retry(reason="stopped in mid-send")


async def test_a_cancelled_courier_hands_back_what_it_was_sending() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    notifier.gate.clear()
    row = outbox.add("a.1", NOW)
    async with at_work(outbox, notifier, clock=clock):
        assert row.lease_until is not None
    assert row.lease_until is None


async def test_a_store_that_is_shut_does_not_hold_up_the_end() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    outbox.failures = {"claim": 99, "settle": 99}
    outbox.add("a.1", NOW)
    async with at_work(outbox, notifier, clock=clock) as courier:
        await courier.stop(2.0)
    assert clock.monotonic() == 0


async def test_a_store_that_shuts_in_mid_send_does_not_hold_up_the_end_either() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    notifier.gate.clear()
    outbox.failures["settle"] = 99
    outbox.add("a.1", NOW)
    async with at_work(outbox, notifier, clock=clock) as courier, asyncio.TaskGroup() as group:
        group.create_task(courier.stop(2.0))
        await clock.advance(0)
        notifier.gate.set()
        await clock.advance(0)
    assert outbox.calls.count("settle") == 1


async def test_an_attempt_that_cannot_be_handed_back_is_left_to_its_lease() -> None:
    outbox, notifier, clock = FakeOutbox(), FakeNotifier(), a_clock()
    notifier.gate.clear()
    outbox.failures["settle"] = 1
    row = outbox.add("a.1", NOW)
    with capture_logs() as logs:
        async with at_work(outbox, notifier, clock=clock):
            pass
    assert row.lease_until == NOW + timedelta(seconds=POLICY.lease)
    assert logs[-1]["event"] == "outbox.failed"
    assert logs[-1]["doing"] == "release"


async def test_stopping_a_courier_that_never_ran_returns() -> None:
    courier = Courier(FakeOutbox(), [], a_clock(), Highest(), POLICY, FakeDeliverySink())
    await courier.stop(2.0)


# ---------------------------------------------------------------- on a real database


@contextlib.asynccontextmanager
async def a_daemon(path: Path, notifier: FakeNotifier) -> AsyncIterator[tuple[Store, SqlOutbox]]:
    """A store, its outbox and a courier, as a daemon has them; killed without a grace."""
    clock = SystemClock()
    database = await open_database(f"sqlite:///{path}")
    store, outbox = Store(database, "local", clock), SqlOutbox(database, "local")
    courier = Courier(outbox, [notifier], clock, Highest(), POLICY, FakeDeliverySink())
    store.on_committed(courier.wake)
    await store.start()
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(courier.run())
            yield store, outbox
            await courier.stop(0.0)
            await running
    finally:
        await store.stop()
        await database.close()


def announce(store: Store, *types: EventType) -> None:
    """Put events of one incident into the outbox, in one commit each."""
    incident = an_incident()
    for number, kind in enumerate(types, 1):
        event = replace(
            an_event(kind, incident), id=f"{incident.id}.{number}", at=SystemClock().now()
        )
        envelope = Envelope(notifier="oncall", body=kind.value.encode())
        store.change(
            Change(incidents=(incident,), postings=(Posting(event=event, envelopes=(envelope,)),))
        )


async def test_a_commit_wakes_the_courier_and_an_attempt_cut_off_is_made_again_after_a_restart(
    tmp_path: Path,
) -> None:
    path = tmp_path / "monitor.db"
    stuck, healthy = FakeNotifier(), FakeNotifier()
    stuck.gate.clear()
    async with a_daemon(path, stuck) as (store, _):
        announce(store, EventType.OPENED, EventType.CLOSED)
        await stuck.arrived.wait()
    assert [sent.type for sent in stuck.sent] == ["incident.opened"]

    async with a_daemon(path, healthy) as (_, outbox):
        async with asyncio.timeout(10):
            while await outbox.next_due("oncall") is not None:
                pass
        settled = await outbox.list_deliveries()
    assert [sent.type for sent in healthy.sent] == ["incident.opened", "incident.closed"]
    assert healthy.sent[0].event_id == stuck.sent[0].event_id
    assert healthy.sent[0].body == stuck.sent[0].body == b"incident.opened"
    assert [record.state for record in settled] == ["delivered", "delivered"]
    assert [record.attempts for record in settled] == [1, 2]
