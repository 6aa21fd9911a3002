"""Every fault that a scenario may name.

What the API itself answers stands in `_refusals`, its lists of models in `_modellist`, what a
gateway before it answers in `_gateway`, what others answer in its place in `_edge`, what becomes of
the connection, the stream and the pace in `_broken`; `_fault` says what a fault is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from monitor.simulation import _broken, _edge, statusfeed
from monitor.simulation._fault import FaultKind, Parameters
from monitor.simulation._gateway import GATEWAY
from monitor.simulation._modellist import LISTS
from monitor.simulation._refusals import REFUSALS
from monitor.simulation.endpoints import STATUS_HOSTS
from monitor.simulation.exchange import Certificate, SimRequest, SimResponse, Transport


def _status_lying(request: SimRequest, answer: SimResponse, _: Parameters) -> SimResponse:
    """The status page shows a calm day, whatever was posted; other hosts are left alone."""
    if request.host not in STATUS_HOSTS:
        return answer
    calm = statusfeed.answer(request, None, ())
    own = {key for key, _value in calm.headers}
    kept = tuple((key, value) for key, value in answer.headers if key not in own)
    return replace(answer, status=calm.status, headers=(*kept, *calm.headers), body=calm.body)


def _unchanged(_: SimRequest, answer: SimResponse, __: Parameters) -> SimResponse:
    return answer


_EDGE: Mapping[str, FaultKind] = {
    "envoy_503": FaultKind(
        strike=_edge.envoy,
        does='503 in plain text: "no healthy upstream", or with `reason` a reset before headers',
        takes=frozenset({"reason"}),
    ),
    "page_500": FaultKind(strike=_edge.error_page, does="500 with a web server's page"),
    "rate_exceeded_200": FaultKind(
        strike=_edge.rate_exceeded, does='200 whose whole body is "Rate exceeded"'
    ),
    **{
        f"cf_{status}": FaultKind(
            strike=_edge.cloudflare(status),
            does=f'{status} of Cloudflare, "{heading}": a page, or JSON for who accepts it',
            takes=frozenset({"document", "retry_after"}),
        )
        for status, heading in _edge.CLOUDFLARE_HEADINGS.items()
    },
    **{
        f"challenge_{status}": FaultKind(
            strike=_edge.challenge(status),
            does=f'{status} "Just a moment...": Cloudflare asks for a browser',
            takes=frozenset({"header"}),
        )
        for status in (403, 503)
    },
    "waf_202": FaultKind(
        strike=_edge.waf(202, "challenge"), does="202 without a body: AWS WAF asks for a browser"
    ),
    "waf_405": FaultKind(
        strike=_edge.waf(405, "captcha"), does="405 without a body: AWS WAF asks for a human"
    ),
    "geo_block_403": FaultKind(
        strike=_edge.geo_block, does="403 forbidden: this country or address is not served"
    ),
    "geo_redirect_302": FaultKind(
        strike=_edge.geo_redirect, does="302 to the page for countries that are not served"
    ),
    "egress_407": FaultKind(
        strike=_edge.egress(407, "ERR_CACHE_ACCESS_DENIED"),
        does="407: our own egress proxy wants a password",
    ),
    "egress_502": FaultKind(
        strike=_edge.egress(502, "ERR_CONNECT_FAIL"),
        does="502 by our own egress proxy, with its name",
    ),
}

_BROKEN: Mapping[str, FaultKind] = {
    "dns_failure": FaultKind(
        strike=_broken.broken(Transport.DNS), does="the name does not resolve"
    ),
    "refused": FaultKind(
        strike=_broken.broken(Transport.REFUSED), does="the connection is refused at once"
    ),
    "unreachable": FaultKind(
        strike=_broken.broken(Transport.UNREACHABLE), does="nobody answers to a connection"
    ),
    **{
        f"tls_{certificate}": FaultKind(
            strike=_broken.bad_certificate(certificate), does=does, adds=True
        )
        for certificate, does in (
            (Certificate.EXPIRED, "the certificate has expired"),
            (Certificate.WRONG_HOST, "the certificate is another host's"),
            (Certificate.UNTRUSTED, "the certificate is signed by nobody that is trusted"),
            (Certificate.EXPIRING, "the certificate is good for three more days"),
        )
    },
    "reset": FaultKind(
        strike=_broken.broken(Transport.RESET), does="a reset before the first byte of an answer"
    ),
    "hang": FaultKind(strike=_broken.broken(Transport.HANG), does="no byte ever comes back"),
    "hang_after_headers": FaultKind(
        strike=_broken.silent_after_headers, does="the head of a good answer, and no body"
    ),
    "truncated": FaultKind(
        strike=_broken.truncated, does="half of a good body, and the connection ends"
    ),
    "stream_error": FaultKind(
        strike=_broken.stream_error,
        does="a stream carries an error after its first content: overloaded_error, or a `code`",
        takes=frozenset({"message", "code"}),
    ),
    "stream_truncated": FaultKind(
        strike=_broken.stream_truncated,
        does="a stream ends in good order, but without message_stop",
    ),
    "stream_reset": FaultKind(
        strike=_broken.stream_reset, does="the connection ends in the middle of a stream"
    ),
    "stream_hang": FaultKind(
        strike=_broken.stream_hang, does="a stream falls silent after its first content"
    ),
    "stream_pings": FaultKind(
        strike=_broken.stream_pings,
        does="a stream sends nothing but pings after its first content",
    ),
    "stream_silent": FaultKind(
        strike=_broken.stream_silent,
        does="a stream sends nothing but pings and never comes to its first content",
    ),
    "stream_gap": FaultKind(
        strike=_broken.stream_gap,
        does="a stream falls silent (30 s) after its first content, and goes on",
        takes=frozenset({"delay"}),
        adds=True,
    ),
    "stream_garbage": FaultKind(
        strike=_broken.stream_garbage, does="what is called a stream is no stream of events"
    ),
    "stream_huge": FaultKind(
        strike=_broken.stream_huge, does="a stream goes on for 10 MB, in good order"
    ),
    "stream_huge_line": FaultKind(
        strike=_broken.stream_huge_line, does="a line of a stream is 5 MB long"
    ),
    "slow_first_token": FaultKind(
        strike=_broken.slow_first_token,
        does="a stream waits (30 s) before its first content; a whole message comes so much later",
        takes=frozenset({"delay"}),
        adds=True,
    ),
    "long_thinking": FaultKind(
        strike=_broken.long_thinking,
        does="a model thinks long (35 s): a block of thinking with nothing but pings in it",
        takes=frozenset({"delay"}),
        adds=True,
    ),
    "slow": FaultKind(
        strike=_broken.slow,
        does="any answer begins so much later (20 s)",
        takes=frozenset({"delay"}),
        adds=True,
    ),
    "drip": FaultKind(
        strike=_broken.drip,
        does="any body comes so slowly (one byte a second)",
        takes=frozenset({"rate"}),
        adds=True,
    ),
}

_STATUS_PAGE: Mapping[str, FaultKind] = {
    "status_lying": FaultKind(
        strike=_status_lying, does="the status page shows a calm day, whatever was posted"
    ),
    "status_late": FaultKind(
        strike=_unchanged,
        does="the status page shows each post so much later",
        takes=frozenset({"delay"}),
        adds=True,
        holds_back=True,
    ),
}

FAULTS: Mapping[str, FaultKind] = {
    **REFUSALS,
    **LISTS,
    **GATEWAY,
    **_EDGE,
    **_BROKEN,
    **_STATUS_PAGE,
}
"""Every fault that a scenario may name."""
