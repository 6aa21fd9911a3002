from __future__ import annotations

import pytest

from monitor.core.failure import judge_failure
from monitor.core.observation import Failure, Phase, TransportError
from monitor.core.outcome import Outcome
from tests.factories import an_answer, an_observation


def an_error(kind: Failure, phase: Phase, message: str = "") -> TransportError:
    return TransportError(kind=kind, phase=phase, message=message)


@pytest.mark.parametrize(
    ("kind", "phase", "outcome"),
    [
        (Failure.DNS, Phase.DNS, Outcome.DNS_ERROR),
        (Failure.CONNECT, Phase.CONNECT, Outcome.CONNECT_ERROR),
        (Failure.TLS, Phase.TLS, Outcome.TLS_ERROR),
        *((Failure.TIMEOUT, phase, Outcome.TIMEOUT) for phase in Phase),
        (Failure.RESET, Phase.CONNECT, Outcome.CONNECT_ERROR),
        (Failure.RESET, Phase.REQUEST, Outcome.CONNECT_ERROR),
        (Failure.RESET, Phase.FIRST_BYTE, Outcome.CONNECT_ERROR),
        (Failure.RESET, Phase.TRANSFER, Outcome.BAD_CONTENT),
        (Failure.PROTOCOL, Phase.FIRST_BYTE, Outcome.CONNECT_ERROR),
        (Failure.PROTOCOL, Phase.TRANSFER, Outcome.BAD_CONTENT),
        (Failure.PROXY, Phase.CONNECT, Outcome.BLOCKED),
        (Failure.INTERNAL, Phase.DNS, Outcome.MONITOR_ERROR),
    ],
)
@pytest.mark.parametrize("proven", [True, False])
def test_a_failure_without_an_answer_means_the_same_whether_proven_or_not(
    kind: Failure, phase: Phase, outcome: Outcome, *, proven: bool
) -> None:
    observation = an_observation(answer=None)

    assert judge_failure(an_error(kind, phase), observation, proven=proven)[0] is outcome


@pytest.mark.parametrize("kind", [Failure.RESET, Failure.PROTOCOL])
def test_a_connection_cut_after_an_answer_began_is_bad_content(kind: Failure) -> None:
    observation = an_observation(answer=an_answer())

    outcome, _ = judge_failure(an_error(kind, Phase.FIRST_BYTE), observation, proven=False)

    assert outcome is Outcome.BAD_CONTENT


@pytest.mark.parametrize("kind", [Failure.TOO_LARGE, Failure.REDIRECTS])
def test_too_much_of_an_answer_counts_from_a_proven_probe_only(kind: Failure) -> None:
    observation, error = an_observation(answer=None), an_error(kind, Phase.TRANSFER)

    assert judge_failure(error, observation, proven=True)[0] is Outcome.BAD_CONTENT
    assert judge_failure(error, observation, proven=False)[0] is Outcome.UNPROVEN


def test_the_sentence_of_a_time_out_names_the_phase_and_the_time() -> None:
    error = an_error(Failure.TIMEOUT, Phase.FIRST_BYTE, "no answer after 10 s")
    silent, stalled = (
        judge_failure(error, an_observation(seconds=10.0004, answer=answer), proven=True)[1]
        for answer in (None, an_answer(200))
    )

    assert silent == "no answer within 10 s (waiting for the first byte)"
    assert stalled == "answered 200, but not whole within 10 s (waiting for the first byte)"


def test_the_sentence_of_another_failure_names_the_phase_and_the_cause() -> None:
    error = an_error(Failure.CONNECT, Phase.CONNECT, "Connection refused")
    silent = an_error(Failure.TLS, Phase.TLS)

    assert judge_failure(error, an_observation(answer=None), proven=True)[1] == (
        "no connection (connecting): Connection refused"
    )
    assert judge_failure(silent, an_observation(answer=None), proven=True)[1] == (
        "no trusted connection (in the TLS handshake)"
    )


@pytest.mark.parametrize("kind", Failure)
@pytest.mark.parametrize("phase", Phase)
def test_every_failure_in_every_phase_has_an_outcome_and_a_sentence(
    kind: Failure, phase: Phase
) -> None:
    outcome, sentence = judge_failure(
        an_error(kind, phase), an_observation(answer=None), proven=True
    )

    assert outcome in Outcome
    assert sentence


def test_a_limit_of_its_own_is_named_in_the_place_of_the_phase() -> None:
    error = TransportError(
        kind=Failure.TIMEOUT,
        phase=Phase.TRANSFER,
        message="",
        awaited="waiting for the first content, limit 20 s",
    )
    assert judge_failure(error, an_observation(seconds=20.01), proven=True)[1] == (
        "answered 200, but not whole within 20 s (waiting for the first content, limit 20 s)"
    )
