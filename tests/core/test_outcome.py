from __future__ import annotations

import pytest

from monitor.core.outcome import Counts, Depth, Fault, Outcome, Verdict, counts_as, fault_of

# One row for each outcome: whose fault it is and what it counts as, as the contract has it.
CONTRACT = {
    Outcome.OK: (Fault.NONE, Counts.GOOD),
    Outcome.SLOW: (Fault.PROVIDER, Counts.GOOD),
    Outcome.TIMEOUT: (Fault.PROVIDER, Counts.BAD),
    Outcome.DNS_ERROR: (Fault.PROVIDER, Counts.BAD),
    Outcome.CONNECT_ERROR: (Fault.PROVIDER, Counts.BAD),
    Outcome.TLS_ERROR: (Fault.PROVIDER, Counts.BAD),
    Outcome.AUTH_ERROR: (Fault.PROVIDER, Counts.BAD),
    Outcome.CREDENTIAL_REJECTED: (Fault.US, Counts.EXCLUDED),
    Outcome.RATE_LIMITED: (Fault.US, Counts.EXCLUDED),
    Outcome.OVERLOADED: (Fault.PROVIDER, Counts.BAD),
    Outcome.SERVER_ERROR: (Fault.PROVIDER, Counts.BAD),
    Outcome.BAD_CONTENT: (Fault.PROVIDER, Counts.BAD),
    Outcome.STREAM_BROKEN: (Fault.PROVIDER, Counts.BAD),
    Outcome.CLIENT_ERROR: (Fault.US, Counts.EXCLUDED),
    Outcome.UNPROVEN: (Fault.US, Counts.EXCLUDED),
    Outcome.CHALLENGED: (Fault.NETWORK, Counts.EXCLUDED),
    Outcome.BLOCKED: (Fault.NETWORK, Counts.EXCLUDED),
    Outcome.NO_NETWORK: (Fault.NETWORK, Counts.EXCLUDED),
    Outcome.MONITOR_ERROR: (Fault.US, Counts.EXCLUDED),
}


@pytest.mark.parametrize("outcome", Outcome)
def test_fault_and_effect_of_every_outcome_are_the_contracts(outcome: Outcome) -> None:
    assert (fault_of(outcome), counts_as(outcome)) == CONTRACT[outcome]


def test_a_verdict_carries_fault_and_effect_of_its_outcome() -> None:
    verdict = Verdict(outcome=Outcome.AUTH_ERROR, reason="401")

    assert verdict.fault is Fault.PROVIDER
    assert verdict.counts is Counts.BAD


def test_depths_are_ordered_from_the_edge_inwards() -> None:
    levels = [depth.level for depth in (Depth.EDGE, Depth.GATEWAY, Depth.KEY, Depth.INFERENCE)]

    assert levels == [0, 1, 2, 3]
