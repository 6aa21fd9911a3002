"""What every kind that posts over HTTP can do; how it posts is tested with the webhook."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.delivery import Delivered, GiveUp, Result, Retry
from monitor.notify._http import HttpNotifierSpec, Poster, judge
from monitor.spec import Secret
from tests.fakes.receiver import receiving, status
from tests.notify.certificates import certificates
from tests.notify.parcels import a_context


def a_spec(**values: object) -> HttpNotifierSpec:
    return HttpNotifierSpec.model_validate({"name": "oncall", "kind": "any", **values})


async def post(url: object, *, context: dict[str, Any] | None = None, **values: Any) -> Result:
    poster = Poster(a_spec(**values), Secret(str(url)), a_context(**(context or {})))
    return await poster.post(b"{}")


# ---------------------------------------------------------------- mutual TLS


def demanding(folder: Path) -> ssl.SSLContext:
    """A server that wants a certificate of its clients."""
    server, ca_file = certificates(folder)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(ca_file)
    return server


async def test_a_client_certificate_is_shown_to_a_receiver_that_wants_one(tmp_path: Path) -> None:
    server = demanding(tmp_path)
    ours: dict[str, Any] = {
        "client_cert": str(tmp_path / "ca.pem"),
        "client_key": str(tmp_path / "key.pem"),
    }
    async with receiving(tls=server) as receiver:
        known = await post(receiver.url, ca_file=str(tmp_path / "ca.pem"), **ours)
        unknown = await post(receiver.url, ca_file=str(tmp_path / "ca.pem"))
    assert known == Delivered(detail="answered 204")
    assert isinstance(unknown, Retry)
    assert len(receiver.got) == 1


async def test_certificate_and_key_may_stand_in_one_file(tmp_path: Path) -> None:
    server = demanding(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text((tmp_path / "ca.pem").read_text() + (tmp_path / "key.pem").read_text())
    async with receiving(tls=server) as receiver:
        taken = await post(receiver.url, ca_file=str(tmp_path / "ca.pem"), client_cert=str(both))
    assert taken == Delivered(detail="answered 204")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"client_cert": "none.pem"}, r"cannot use the client certificate .*none.pem: No such"),
        ({"client_cert": "ca.pem"}, r"cannot use the client certificate .*ca.pem: \S"),
        ({"client_cert": "locked.pem"}, r"cannot use the client certificate .*locked.pem: \S"),
        (
            {"client_cert": "ca.pem", "client_key": "none.pem"},
            r"cannot use the client certificate .*ca.pem with the key in .*none.pem: No such",
        ),
        ({"ca_file": "none.pem"}, r"cannot read certificates from .*none.pem: No such"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line_with_its_name(
    values: dict[str, str], message: str, tmp_path: Path
) -> None:
    certificates(tmp_path)
    locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGjMF8GCSqGSIb3DQEFDTBSMDEG\n"
    (tmp_path / "locked.pem").write_text((tmp_path / "ca.pem").read_text() + locked)
    paths = {key: str(tmp_path / name) for key, name in values.items()}
    with pytest.raises(ValueError, match=message) as caught:
        Poster(a_spec(**paths), Secret("https://alerts.example.test/"), a_context())
    assert "\n" not in str(caught.value)


def test_a_key_without_its_certificate_is_refused() -> None:
    with pytest.raises(ValidationError, match="a client_key needs the client_cert"):
        a_spec(client_key="key.pem")


def test_files_may_be_unset() -> None:
    spec = a_spec(ca_file="", client_cert="", client_key="")
    assert (spec.ca_file, spec.client_cert, spec.client_key) == (None, None, None)


# ---------------------------------------------------------------- the way out


async def test_authorities_of_the_egress_and_of_the_notifier_are_both_trusted(
    tmp_path: Path,
) -> None:
    for name in ("egress", "own"):
        (tmp_path / name).mkdir()
    egress, egress_ca = certificates(tmp_path / "egress")
    own, own_ca = certificates(tmp_path / "own")
    for server in (egress, own):
        async with receiving(tls=server) as receiver:
            taken = await post(receiver.url, context={"ca_file": egress_ca}, ca_file=own_ca)
        assert taken == Delivered(detail="answered 204")


@pytest.mark.parametrize(("direct", "by_proxy", "itself"), [(False, 1, 0), (True, 0, 1)])
async def test_a_receiver_inside_may_be_reached_past_the_proxy(
    *, direct: bool, by_proxy: int, itself: int
) -> None:
    async with receiving() as proxy, receiving() as receiver:
        context = {"proxy": Secret(str(proxy.url.with_path("/")))}
        taken = await post(receiver.url, context=context, direct=direct)
    assert taken == Delivered(detail="answered 204")
    assert (len(proxy.got), len(receiver.got)) == (by_proxy, itself)


# ---------------------------------------------------------------- answers and secrets


@pytest.mark.parametrize(
    ("code", "final", "result"),
    [
        (400, frozenset[int](), Retry(reason="answered 400")),
        (400, frozenset({400}), GiveUp(reason="answered 400")),
        (410, frozenset({400}), GiveUp(reason="answered 410")),
        (202, frozenset({400}), Delivered(detail="answered 202")),
    ],
)
def test_a_kind_may_know_further_answers_that_are_final(
    code: int, final: frozenset[int], result: Result
) -> None:
    assert judge(code, "", None, final) == result


async def test_a_token_behind_its_scheme_is_not_quoted_from_an_answer() -> None:
    async with receiving(status(401, "token PLANTED-4711 is unknown")) as receiver:
        refused = await post(receiver.url, headers={"Authorization": "Bearer PLANTED-4711"})
    assert refused == Retry(reason="answered 401: token *** is unknown")
