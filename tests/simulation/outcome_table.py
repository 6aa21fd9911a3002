"""What every fault comes to at every endpoint that it strikes: the table, and the page made of it.

    .venv/bin/python -m tests.simulation.outcome_table > docs/reference/outcomes.md

`test_outcome_table.py` plays each row over sockets and holds the page to the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from monitor.core.claude_api import ERROR_CODES
from monitor.core.outcome import Fault, Outcome, counts_as, fault_of
from monitor.simulation.faults import FAULTS

PROBES: Final = {
    "page": "claude_ai_home",
    "hello": "api_hello",
    "download": "code_download",
    "gate": "api_gate",
    "models": "api_models",
    "count_tokens": "api_count_tokens",
    "message": "api_message_haiku",
    "stream": "api_stream_haiku",
    "government": "government_home",
}
"""Each kind of endpoint, and the probe of config/claude.yaml that asks it."""

ALL: Final = tuple(PROBES)
KEYED: Final = ("models", "count_tokens", "message", "stream")
KEYLESS: Final = ("page", "hello", "download", "gate")
STREAM: Final = ("stream",)


class Given(StrEnum):
    """What is known when the run is judged; without more, probe and key have worked before."""

    NOTHING = ""
    NEVER_OK = "the probe was never `ok` here"
    EVIDENCE = "something else says that it is not the key"
    NO_NETWORK = "every proven control target fails too"
    LATE_LOOP = "the event loop was late"


@dataclass(frozen=True, slots=True)
class Row:
    """One fault at one endpoint.

    Attributes:
        fault: its name in a scenario.
        endpoint: the kind of endpoint.
        outcome: what the run comes to.
        told: what the scenario tells the fault, as YAML.
        given: what else is known.
    """

    fault: str
    endpoint: str
    outcome: Outcome
    told: str = ""
    given: Given = Given.NOTHING

    @property
    def id(self) -> str:
        """Its name among the tests."""
        more = [self.told.replace(" ", ""), self.given.name.lower() if self.given else ""]
        return "-".join([self.fault, self.endpoint, *filter(None, more)])


@dataclass(frozen=True, slots=True)
class _Struck:
    """A fault and its outcomes; the endpoints named in `but` come to another than the rest."""

    fault: str
    outcome: Outcome
    at: tuple[str, ...] = ALL
    but: tuple[tuple[tuple[str, ...], Outcome], ...] = ()
    told: str = ""
    given: Given = Given.NOTHING

    def rows(self) -> Iterator[Row]:
        """One row for each endpoint."""
        other = {name: outcome for names, outcome in self.but for name in names}
        for name in self.at:
            outcome = other.get(name, self.outcome)
            yield Row(self.fault, name, outcome, self.told, self.given)


_GOV_OK = ((("government",), Outcome.OK),)
_REFUSED = ((KEYED, Outcome.CREDENTIAL_REJECTED), *_GOV_OK)

_ASKS_A_MODEL: Final = ("message", "stream")
_GATEWAY: Final = (_Struck("gateway_rate_limit_429", Outcome.RATE_LIMITED, at=_ASKS_A_MODEL),)

_STRUCK: Final = (
    _Struck("json_500", Outcome.SERVER_ERROR),
    _Struck("overloaded_500", Outcome.OVERLOADED),
    _Struck("overloaded_529", Outcome.OVERLOADED),
    _Struck("timeout_504", Outcome.SERVER_ERROR),
    # The gate asks without a key, so a refusal is what it expects; Government expects no 5xx.
    _Struck("auth_401", Outcome.BAD_CONTENT, but=((("gate",), Outcome.OK), *_REFUSED)),
    _Struck("permission_403", Outcome.BAD_CONTENT, but=_REFUSED),
    _Struck("rate_limit_429", Outcome.RATE_LIMITED, but=_GOV_OK),
    _Struck("spend_limit_429", Outcome.CLIENT_ERROR, but=_GOV_OK),
    _Struck("invalid_400", Outcome.CLIENT_ERROR, but=_GOV_OK),
    _Struck("credit_balance_400", Outcome.CLIENT_ERROR, but=_GOV_OK),
    _Struck("billing_402", Outcome.CLIENT_ERROR, but=_GOV_OK),
    _Struck("model_404", Outcome.CLIENT_ERROR, but=_GOV_OK),
    _Struck("too_large_413", Outcome.CLIENT_ERROR, but=_GOV_OK),
    _Struck("ip_allowlist_403", Outcome.CREDENTIAL_REJECTED, at=KEYED),
    _Struck("key_login_off_403", Outcome.CREDENTIAL_REJECTED, at=KEYED),
    _Struck("usage_limit_400", Outcome.CLIENT_ERROR, at=KEYED),
    _Struck("organization_disabled_400", Outcome.CLIENT_ERROR, at=KEYED),
    *_GATEWAY,
    *(
        _Struck(f"models_{name}", Outcome.OK, at=("models",))
        for name in ("empty", "huge", "endless", "bare", "strange", "changing", "cursor_gone")
    ),
    _Struck(
        "model_retired",
        Outcome.CLIENT_ERROR,
        at=KEYED,
        but=((("models",), Outcome.OK),),
        told="model: claude-haiku-5-5",
    ),
    _Struck("refusal", Outcome.OK, at=_ASKS_A_MODEL),
    _Struck("stop_reason", Outcome.OK, at=_ASKS_A_MODEL, told="stop_reason: pause_turn"),
    _Struck("thinking_cut", Outcome.OK, at=_ASKS_A_MODEL),
    _Struck("thinking_redacted", Outcome.OK, at=_ASKS_A_MODEL),
    _Struck("long_thinking", Outcome.TIMEOUT, at=_ASKS_A_MODEL),
    _Struck("envoy_503", Outcome.SERVER_ERROR),
    _Struck("page_500", Outcome.SERVER_ERROR),
    _Struck("rate_exceeded_200", Outcome.BAD_CONTENT),
    *(
        _Struck(f"cf_{code}", Outcome.SERVER_ERROR)
        for code in (504, 520, 521, 522, 523, 524, 525, 526)
    ),
    _Struck("challenge_403", Outcome.CHALLENGED),
    _Struck("challenge_503", Outcome.CHALLENGED),
    _Struck("waf_202", Outcome.CHALLENGED),
    _Struck("waf_405", Outcome.CHALLENGED),
    _Struck("geo_block_403", Outcome.BLOCKED),
    _Struck("geo_redirect_302", Outcome.BLOCKED),
    _Struck("egress_407", Outcome.BLOCKED),
    _Struck("egress_502", Outcome.BLOCKED),
    _Struck("dns_failure", Outcome.DNS_ERROR),
    _Struck("refused", Outcome.CONNECT_ERROR),
    _Struck("unreachable", Outcome.TIMEOUT),
    _Struck("tls_expired", Outcome.TLS_ERROR),
    _Struck("tls_wrong_host", Outcome.TLS_ERROR),
    _Struck("tls_untrusted", Outcome.TLS_ERROR),
    _Struck("tls_expiring", Outcome.OK),
    _Struck("reset", Outcome.CONNECT_ERROR),
    _Struck("hang", Outcome.TIMEOUT),
    _Struck("hang_after_headers", Outcome.TIMEOUT),
    _Struck("truncated", Outcome.BAD_CONTENT, but=((STREAM, Outcome.STREAM_BROKEN),)),
    _Struck("stream_error", Outcome.OVERLOADED, at=STREAM),
    _Struck("stream_truncated", Outcome.STREAM_BROKEN, at=STREAM),
    _Struck("stream_reset", Outcome.STREAM_BROKEN, at=STREAM),
    _Struck("stream_hang", Outcome.STREAM_BROKEN, at=STREAM),
    _Struck("stream_pings", Outcome.STREAM_BROKEN, at=STREAM),
    _Struck("stream_silent", Outcome.TIMEOUT, at=STREAM),
    _Struck("stream_gap", Outcome.STREAM_BROKEN, at=STREAM),
    _Struck("stream_garbage", Outcome.STREAM_BROKEN, at=STREAM),
    _Struck("stream_huge", Outcome.BAD_CONTENT, at=STREAM),
    _Struck("stream_huge_line", Outcome.BAD_CONTENT, at=STREAM),
    # A count_tokens is not asked for a token: whoever waits for one is a message or a stream.
    _Struck("slow_first_token", Outcome.TIMEOUT, at=("message", "stream")),
    _Struck("slow", Outcome.SLOW, but=((STREAM, Outcome.TIMEOUT),)),
    _Struck(
        "drip",
        Outcome.TIMEOUT,
        # Seven bytes in seven seconds are in time; twenty are slow; longer ones do not end.
        but=((("download",), Outcome.OK), (("hello", "count_tokens"), Outcome.SLOW)),
    ),
)

_VARIED: Final = (
    _Struck("envoy_503", Outcome.SERVER_ERROR, told="reason: connection termination"),
    *(
        _Struck("error_code", known.outcome, KEYED, told=f"code: {code}")
        for code, known in ERROR_CODES.items()
    ),
    *(
        _Struck("stream_error", known.outcome, STREAM, told=f"code: {code}")
        for code, known in ERROR_CODES.items()
    ),
    _Struck("cf_522", Outcome.SERVER_ERROR, told="document: html"),
    _Struck("challenge_403", Outcome.CHALLENGED, told="header: false"),
    _Struck("challenge_503", Outcome.CHALLENGED, told="header: false"),
    _Struck("stream_error", Outcome.STREAM_BROKEN, STREAM, told="message: Internal server error"),
    _Struck("stream_gap", Outcome.OK, STREAM, told="delay: 5s"),
    _Struck("slow_first_token", Outcome.SLOW, ("message", "stream"), told="delay: 12s"),
    _Struck("slow", Outcome.SLOW, told="delay: 12s"),
)

_GIVEN: Final = (
    _Struck("auth_401", Outcome.AUTH_ERROR, KEYED, given=Given.EVIDENCE),
    _Struck("permission_403", Outcome.AUTH_ERROR, KEYED, given=Given.EVIDENCE),
    _Struck("auth_401", Outcome.UNPROVEN, ("page", "hello", "download"), given=Given.NEVER_OK),
    _Struck("permission_403", Outcome.UNPROVEN, KEYLESS, given=Given.NEVER_OK),
    _Struck("stream_huge", Outcome.UNPROVEN, STREAM, given=Given.NEVER_OK),
    _Struck("json_500", Outcome.SERVER_ERROR, given=Given.NEVER_OK),
    _Struck("overloaded_529", Outcome.OVERLOADED, given=Given.NEVER_OK),
    _Struck("reset", Outcome.CONNECT_ERROR, given=Given.NEVER_OK),
    _Struck("stream_error", Outcome.OVERLOADED, STREAM, given=Given.NEVER_OK),
    _Struck("stream_truncated", Outcome.STREAM_BROKEN, STREAM, given=Given.NEVER_OK),
    _Struck("refused", Outcome.NO_NETWORK, given=Given.NO_NETWORK),
    _Struck("hang", Outcome.NO_NETWORK, given=Given.NO_NETWORK),
    _Struck("json_500", Outcome.SERVER_ERROR, given=Given.NO_NETWORK),
    _Struck("hang", Outcome.MONITOR_ERROR, given=Given.LATE_LOOP),
)

ROWS: Final = tuple(
    row for part in (_STRUCK, _VARIED, _GIVEN) for each in part for row in each.rows()
)
"""The whole table, one row for each fault at each endpoint."""

UNHEARD: Final = frozenset(
    {
        *("dns_failure", "refused", "unreachable", "reset", "hang"),
        *("tls_expired", "tls_wrong_host", "tls_untrusted"),
    }
)
"""The faults under which a control target is not heard; any HTTP answer will do."""

_WHEN: Final = {
    Outcome.OK: "every expectation was met",
    Outcome.SLOW: "correct, but past its latency objective",
    Outcome.TIMEOUT: "a phase, a stage of a stream or the soft deadline took too long; "
    "the reason names which",
    Outcome.DNS_ERROR: "the name did not resolve",
    Outcome.CONNECT_ERROR: "no connection, or a reset before an answer",
    Outcome.TLS_ERROR: "no handshake, or a certificate that is not accepted",
    Outcome.AUTH_ERROR: "a key that worked before is refused, *and* something else says that it "
    "is not the key",
    Outcome.CREDENTIAL_REJECTED: "a key is refused and nothing else says why",
    Outcome.RATE_LIMITED: "429 `rate_limit_error`: our account's limit",
    Outcome.OVERLOADED: '529, or `overloaded_error` or "Overloaded" under any status, or in a '
    "stream",
    Outcome.SERVER_ERROR: "another 5xx, Envoy's plain-text 503, Cloudflare's 52x",
    Outcome.BAD_CONTENT: "the status is right and the body is not, or it does not end",
    Outcome.STREAM_BROKEN: "a stream stalls, ends early, loses its order or carries an error",
    Outcome.CLIENT_ERROR: "400, 402, 404, 413: our request, balance or spend limit, or a retired "
    "model",
    Outcome.UNPROVEN: "an unexpected answer to a probe that was never `ok` here",
    Outcome.CHALLENGED: "the edge asks for a browser",
    Outcome.BLOCKED: "this place or address is refused, or our egress proxy refuses",
    Outcome.NO_NETWORK: "every proven control target fails too",
    Outcome.MONITOR_ERROR: "our own bug, a full disk, a late event loop",
}

_HEAD: Final = """\
# Outcomes

<!-- Made by tests/simulation/outcome_table.py, which says how. Change it there. -->

Every run ends in exactly one of these. The list is closed; the names stand in metrics, events, the API and the database.
The order in which the rules are tried stands at the top of `monitor/core/classify.py`.

| outcome | when | fault | counts |
|---|---|---|---|
"""  # noqa: E501  # the page has a sentence a line

_BETWEEN: Final = """
- **good** and **bad** move the detectors. **excluded** never does; too few usable runs make a component `unknown`.
- `dns_error`, `connect_error` and `tls_error` become `no_network` if the [control guard](../detection.md#before-a-bad-run-is-believed) says so.
- `credential_rejected` runs are judged again, as `auth_error`, when the evidence comes: the key works again, a sibling key is refused too, probes without a key reach the vendor and fail, or the vendor's page [speaks of authentication](../howto/provider-status.md#what-it-may-settle).
- An incident whose cause is `auth_error` says which of these it was, and that no key needs replacing; `monitor.misconfigured` on a refused key names both readings and what to check first.
- A run that speaks no HTTP (`tcp_tls`, `command`) is judged by its checks and by what the program says: [add a probe](../howto/add-a-probe.md#any-program).
- `credential_rejected`, `client_error` and `unproven` are announced once, as `monitor.misconfigured`.
- A stream that has no first content in time is a `timeout`; one that falls silent after it is `stream_broken`. Pings are no content.
- What the vendor's status page says is never evidence by itself: it has no outcome, and settles only whose fault a refused key is.

## Every fault at every endpoint

Each cell is a run over sockets against the simulated Claude, by the probe of `config/claude.yaml` that the column stands for, which was `ok` here before.
An empty cell: the fault does not strike such an endpoint. What the faults do stands in [rehearse an outage](../howto/rehearse-an-outage.md).
`control` is a control target: *heard* is any HTTP answer in time.

"""  # noqa: E501  # as above

_AFTER_TABLE: Final = """
The columns are the probes {columns}.

## The same, told otherwise

| fault | told | outcome |
|---|---|---|
"""

_BEFORE_GIVEN: Final = """
## What else is known decides

| fault | given that | outcome |
|---|---|---|
"""


def page() -> str:
    """docs/reference/outcomes.md."""
    outcomes = "".join(
        f"| `{outcome}` | {_WHEN[outcome]} | {_fault(outcome)} | {counts_as(outcome)} |\n"
        for outcome in Outcome
    )
    columns = ", ".join(f"`{probe}` ({name})" for name, probe in PROBES.items())
    return "".join(
        (
            _HEAD,
            outcomes,
            _BETWEEN,
            f"| fault | {' | '.join((*ALL, 'control'))} |\n",
            f"|---|{'---|' * (len(ALL) + 1)}\n",
            *(_line(each) for each in _STRUCK),
            _AFTER_TABLE.format(columns=columns),
            *(f"| `{each.fault}` | `{each.told}` | {_words(each)} |\n" for each in _VARIED),
            _BEFORE_GIVEN,
            *(f"| `{each.fault}` | {each.given} | {_words(each)} |\n" for each in _GIVEN),
        )
    )


def _fault(outcome: Outcome) -> str:
    return "-" if fault_of(outcome) is Fault.NONE else fault_of(outcome).value


def _line(struck: _Struck) -> str:
    """A fault's line: an outcome for each endpoint that it strikes."""
    found = {row.endpoint: f"`{row.outcome}`" for row in struck.rows()}
    cells = [found.get(name, "") for name in ALL]
    answers = not struck.fault.startswith("stream_") and struck.fault not in ("slow", "drip")
    heard = "heard" if answers else ""
    control = "not heard" if struck.fault in UNHEARD else heard
    return f"| `{struck.fault}` | {' | '.join((*cells, control))} |\n"


def _words(struck: _Struck) -> str:
    """The outcome, and at which endpoints where it is not at all."""
    where = "" if struck.at == ALL else f" ({', '.join(struck.at)})"
    return f"`{struck.outcome}`{where}"


def unlisted() -> set[str]:
    """The faults that have no row: those of the status page, which is no probe."""
    return set(FAULTS) - {row.fault for row in ROWS}


if __name__ == "__main__":
    sys.stdout.write(page())
