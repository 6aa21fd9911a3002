from __future__ import annotations

import pytest

from monitor.core.bare import CLAIMABLE
from monitor.core.classify import Context, classify
from monitor.core.observation import Check, Failure, Observation, Phase, Timings, TransportError
from monitor.core.outcome import Outcome
from monitor.core.plan import ProbePlan
from tests.core.timeline import keyed
from tests.factories import a_probe, an_observation

GOOD = Check(name="program", ok=True)
BAD = Check(name="program", ok=False, detail="exit 1: broken")


def a_bare_run(*checks: Check, **changes: object) -> Observation:
    return an_observation(answer=None, checks=checks, **changes)  # type: ignore[arg-type]


def judged(
    seen: Observation, probe: ProbePlan | None = None, **known: object
) -> tuple[Outcome, str]:
    values: dict[str, object] = {"proven": True, "probe": probe or a_probe(), **known}
    verdict = classify(seen, Context(**values))  # type: ignore[arg-type]  # a test's own values
    assert not verdict.answered
    return verdict.outcome, verdict.reason


def test_a_run_without_a_check_is_our_own_bug() -> None:
    assert judged(a_bare_run()) == (
        Outcome.MONITOR_ERROR,
        "the run brought neither an answer nor an error",
    )


def test_every_check_passed_is_ok_and_says_what_was_seen() -> None:
    soon = Check(name="certificate", ok=True, detail="its certificate ends in 6 days (wanted 14)")
    assert judged(a_bare_run(GOOD)) == (Outcome.OK, "as expected in 0.25 s")
    assert judged(a_bare_run(GOOD, soon)) == (
        Outcome.OK,
        "as expected in 0.25 s; its certificate ends in 6 days (wanted 14)",
    )


def test_past_its_objective_it_is_slow_unless_we_were_late_ourselves() -> None:
    late = a_bare_run(GOOD, timings=Timings(total=12.0))
    assert judged(late)[0] is Outcome.SLOW
    ours = a_bare_run(GOOD, timings=Timings(total=12.0), loop_late=2.5)
    assert judged(ours)[0] is Outcome.OK


@pytest.mark.parametrize("claimed", sorted(CLAIMABLE - {Outcome.OK, Outcome.CREDENTIAL_REJECTED}))
def test_a_program_s_own_word_counts(claimed: Outcome) -> None:
    assert judged(a_bare_run(BAD, claimed=claimed)) == (claimed, "program: exit 1: broken")


@pytest.mark.parametrize(
    ("claimed", "proven", "outcome"),
    [
        (None, True, Outcome.BAD_CONTENT),
        (None, False, Outcome.UNPROVEN),
        (Outcome.BAD_CONTENT, False, Outcome.UNPROVEN),
        (Outcome.OVERLOADED, False, Outcome.OVERLOADED),
    ],
)
def test_a_failure_without_a_word_accuses_nobody_before_the_first_good_run(
    claimed: Outcome | None,
    proven: bool,  # noqa: FBT001  # a column of the table
    outcome: Outcome,
) -> None:
    assert judged(a_bare_run(BAD, claimed=claimed), proven=proven)[0] is outcome


@pytest.mark.parametrize(
    ("worked", "evidence", "outcome"),
    [
        (True, "a sibling is refused too", Outcome.AUTH_ERROR),
        (True, None, Outcome.CREDENTIAL_REJECTED),
        (False, "a sibling is refused too", Outcome.CREDENTIAL_REJECTED),
    ],
)
def test_a_refused_key_is_judged_as_over_http(
    worked: bool,  # noqa: FBT001  # a column of the table
    evidence: str | None,
    outcome: Outcome,
) -> None:
    seen = a_bare_run(BAD, claimed=Outcome.CREDENTIAL_REJECTED)
    found = judged(seen, keyed("cli"), key_worked=worked, key_evidence=evidence)
    assert found[0] is outcome
    assert found[1].startswith("program: exit 1: broken")


def test_a_check_without_a_detail_is_named() -> None:
    assert judged(a_bare_run(Check(name="connected", ok=False)))[1] == "connected failed"


def test_without_a_network_a_failure_is_excused_and_a_success_is_not() -> None:
    why = "every control target fails too"
    assert judged(a_bare_run(BAD), no_network=why) == (Outcome.NO_NETWORK, why)
    assert judged(a_bare_run(GOOD), no_network=why)[0] is Outcome.OK


def test_an_error_of_transport_counts_as_for_any_kind() -> None:
    error = TransportError(kind=Failure.TLS, phase=Phase.TLS, message="certificate has expired")
    assert judged(a_bare_run(error=error), proven=False) == (
        Outcome.TLS_ERROR,
        "no trusted connection (in the TLS handshake): certificate has expired",
    )
