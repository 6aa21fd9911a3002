"""The limits of a stream's stages: which is due when, and what a run that misses one says."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from monitor.core.observation import Answer, Check, Failure, Phase, TransportError
from monitor.probes._base import HttpReply, Reading
from monitor.probes._stream import (
    LINGER_SECONDS,
    Due,
    Limits,
    Pace,
    Stage,
    StageLimits,
    reading_of,
    stage_limits,
    unless_ended,
)
from monitor.probes.http import KIND, HttpSpec

LIMITS = stage_limits(
    Limits.model_validate(
        {
            "connect": "2s",
            "first_byte": "5s",
            "first_event": "6s",
            "first_content": "7s",
            "first_token": "9s",
            "gap": "4s",
        }
    ),
    first_token=99.0,
    thinking=8.0,
)
ERROR = TransportError(kind=Failure.RESET, phase=Phase.TRANSFER, message="cut")


@dataclass
class Reader:
    """A reader that has come as far as a test says."""

    events: int = 0
    stages: tuple[Stage, ...] = (Stage.GAP,)
    ended: bool = False
    limits: StageLimits = field(default_factory=lambda: LIMITS)
    is_stream: bool = True

    def takes(self, _head: HttpReply) -> bool:
        return self.is_stream

    def feed(self, _chunk: bytes, _at: float) -> None:
        """Nothing is read."""

    def reading(self, reply: HttpReply, error: TransportError | None) -> Reading:
        detail = "" if error is None else error.message
        answer = Answer(status=reply.status)
        return Reading(answer=answer, checks=(Check(name="stream", ok=False, detail=detail),))


def test_a_run_has_to_connect_first_whatever_phase_that_is() -> None:
    pace = Pace(LIMITS)
    for phase in (Phase.DNS, Phase.CONNECT, Phase.TLS):
        pace.entered(phase)
        assert pace.due == Due(2.0, Stage.CONNECT)


@pytest.mark.parametrize(
    ("phase", "due"),
    [
        (Phase.REQUEST, Due(5.0, Stage.FIRST_BYTE)),
        (Phase.FIRST_BYTE, Due(5.0, Stage.FIRST_BYTE)),
        (Phase.TRANSFER, Due(6.0, Stage.FIRST_EVENT)),
    ],
)
def test_each_later_phase_has_its_limit(phase: Phase, due: Due) -> None:
    pace = Pace(LIMITS)
    pace.entered(phase)
    assert pace.due == due


def test_what_is_not_given_is_filled_in() -> None:
    assert (LIMITS.first_token, LIMITS.thinking) == (9.0, 8.0)
    given = Limits.model_validate({"thinking": "40s"})
    filled = stage_limits(given, first_token=30.0, thinking=20.0)
    assert (filled.first_token, filled.thinking) == (30.0, 40.0)


def test_only_an_event_moves_on_to_what_the_reader_waits_for_then() -> None:
    pace, reader = Pace(LIMITS), Reader(stages=(Stage.FIRST_CONTENT,))
    pace.entered(Phase.TRANSFER)
    pace.came(reader, 3.0)
    assert pace.due == Due(6.0, Stage.FIRST_EVENT)
    reader.events = 1
    pace.came(reader, 4.0)
    assert pace.due == Due(7.0, Stage.FIRST_CONTENT)
    reader.events, reader.stages = 2, (Stage.GAP,)
    pace.came(reader, 7.5)
    assert pace.due == Due(11.5, Stage.GAP)
    pace.came(reader, 9.0)
    assert pace.due == Due(11.5, Stage.GAP)


@pytest.mark.parametrize(
    ("now", "due"), [(0.5, Due(8.5, Stage.THINKING)), (2.0, Due(9.0, Stage.FIRST_TOKEN))]
)
def test_of_several_stages_the_one_that_is_due_first_counts(now: float, due: Due) -> None:
    pace = Pace(LIMITS)
    pace.came(Reader(events=1, stages=(Stage.THINKING, Stage.FIRST_TOKEN)), now)
    assert pace.due == due


def test_after_the_last_event_nothing_puts_the_end_off() -> None:
    pace, reader = Pace(LIMITS), Reader(events=1, ended=True)
    pace.came(reader, 4.0)
    pace.came(reader, 4.5)
    assert pace.due == Due(4.0 + LINGER_SECONDS, Stage.END)


@pytest.mark.parametrize(
    ("phases", "stage", "awaited"),
    [
        ((), None, "waiting for the connection, limit 2 s"),
        ((Phase.FIRST_BYTE,), None, "waiting for the first byte, limit 5 s"),
        ((Phase.TRANSFER,), None, "waiting for the first event, limit 6 s"),
        ((Phase.TRANSFER,), Stage.FIRST_CONTENT, "waiting for the first content, limit 7 s"),
        ((Phase.TRANSFER,), Stage.FIRST_TOKEN, "waiting for the first text, limit 9 s"),
        ((Phase.TRANSFER,), Stage.THINKING, "waiting for the end of its thinking, limit 8 s"),
        ((Phase.TRANSFER,), Stage.GAP, "waiting for more content, limit 4 s"),
    ],
)
def test_a_missed_limit_names_its_stage(
    phases: tuple[Phase, ...], stage: Stage | None, awaited: str
) -> None:
    pace = Pace(LIMITS)
    for phase in phases:
        pace.entered(phase)
    if stage is not None:
        pace.came(Reader(events=1, stages=(stage,)), 1.0)
    error = pace.missed(Phase.TRANSFER)
    assert (error.kind, error.phase, error.awaited) == (Failure.TIMEOUT, Phase.TRANSFER, awaited)
    assert error.stalled is (stage is Stage.GAP)


@pytest.mark.parametrize("kind", Failure)
def test_how_a_stream_ends_after_its_last_event_matters_only_where_it_does_not_end(
    kind: Failure,
) -> None:
    error = TransportError(kind=kind, phase=Phase.TRANSFER, message="")
    forgiven = {Failure.TIMEOUT, Failure.RESET, Failure.PROTOCOL}
    assert unless_ended(error, Reader(ended=True)) == (None if kind in forgiven else error)
    assert unless_ended(error, Reader()) is error
    assert unless_ended(error, None) is error


def test_no_error_stays_none() -> None:
    assert unless_ended(None, Reader(ended=True)) is None


SPEC = HttpSpec(name="a", kind="http", components=("api",), url="https://x.test/")


@pytest.mark.parametrize("reader", [None, Reader(is_stream=False)])
def test_half_of_a_document_meets_no_expectation_and_breaks_none(reader: Reader | None) -> None:
    reply = HttpReply(status=200, headers=(), body=b"")
    assert [c.name for c in reading_of(KIND, SPEC, reply, None, reader).checks] == ["status"]
    assert reading_of(KIND, SPEC, reply, ERROR, reader).checks == ()


def test_the_reader_of_a_stream_is_told_why_it_did_not_end() -> None:
    reply = HttpReply(status=200, headers=(), body=b"")
    (check,) = reading_of(KIND, SPEC, reply, ERROR, Reader()).checks
    assert check.detail == "cut"
