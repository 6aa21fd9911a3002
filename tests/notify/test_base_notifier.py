from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.notify import _kind, kinds
from monitor.notify._base import (
    GuardedResolver,
    NotifierKind,
    TargetRefusedError,
    excerpt,
    link_local,
    retry_after,
    secrets_of,
    shown_url,
    tls_context,
)
from monitor.spec import Secret
from tests.fakes.resolver import FakeResolver

NOW = datetime(2026, 4, 28, 17, 34, tzinfo=UTC)


def test_the_webhook_is_a_kind() -> None:
    found = kinds()
    assert "webhook" in [kind.name for kind in found]
    assert all(isinstance(kind, NotifierKind) for kind in found)


def test_a_module_without_a_kind_is_named() -> None:
    with pytest.raises(TypeError, match=r"^monitor/notify/_message\.py must export KIND"):
        _kind("_message")


# ---------------------------------------------------------------- what may be shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://alerts.example.test", "https://alerts.example.test/"),
        ("https://alerts.example.test/", "https://alerts.example.test/"),
        ("https://alerts.example.test/T0/B0/token", "https://alerts.example.test/***"),
        ("https://user:pass@alerts.example.test:8443/", "https://alerts.example.test:8443/"),
        ("http://alerts.example.test/?token=abc", "http://alerts.example.test/***"),
        ("http://[::1]:9000/hook#part", "http://[::1]:9000/***"),
    ],
)
def test_of_a_url_only_scheme_host_and_port_are_shown(url: str, shown: str) -> None:
    assert shown_url(Secret(url)) == shown


def test_every_part_of_a_url_that_may_be_secret_is_known() -> None:
    url = "https://ops:s%3Acret@alerts.example.test/hooks/abcdefghijklmnop?sig=query%20value"
    parts = secrets_of(Secret(url))
    for part in ("s%3Acret", "s:cret", "abcdefghijklmnop", "query value", "sig=query%20value"):
        assert part in parts
    assert "/hooks/abcdefghijklmnop" in parts
    assert "hooks" not in parts


def test_an_excerpt_is_one_short_line_without_secrets() -> None:
    raw = b"no \x1b[2J hook\r\n at  /s3cret-path: \xff key=s3cret " + b"x" * 200
    line = excerpt(raw, {"s3cret", "s3cret-path"})
    assert line.startswith("no [2J hook at /***: \ufffd key=*** xxx")
    assert len(line) == 120
    assert line.endswith("…")


def test_a_secret_at_the_cut_of_an_excerpt_is_hidden_before_the_cut() -> None:
    assert "plant" not in excerpt(b"y" * 115 + b"planted", {"planted"})


# ---------------------------------------------------------------- Retry-After


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("-5", None),
        ("1.5", None),
        ("9" * 5000, None),
        ("soon", None),
        ("Tue, 28 Apr 2026 17:35:30 GMT", 90.0),
        ("Tue, 28 Apr 2026 17:35:30 -0000", 90.0),
        ("Tue, 28 Apr 2026 19:35:30 +0200", 90.0),
        ("Tue, 28 Apr 2026 17:33:00 GMT", 0.0),
        ("Tue, 99 Apr 99999 17:33:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


# ---------------------------------------------------------------- where to


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("169.254.169.254", True),
        ("169.254.0.1", True),
        ("fe80::1", True),
        ("fe80::1%eth0", True),
        ("[fe80::1]", True),
        ("fd00:ec2::254", True),
        ("::ffff:169.254.169.254", True),
        ("64:ff9b::169.254.169.254", True),
        ("2002:a9fe:a9fe::1", True),
        ("metadata.google.internal", True),
        ("Metadata.Google.Internal.", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("::1", False),
        ("fd00::1", False),
        ("alerts.example.test", False),
        ("", False),
    ],
)
def test_link_local_and_metadata_addresses_are_known_in_every_form(
    host: str, *, refused: bool
) -> None:
    assert link_local(host) is refused


async def test_a_name_is_refused_when_one_of_its_addresses_is_link_local() -> None:
    resolver = GuardedResolver(FakeResolver("127.0.0.1", "169.254.169.254"), allow_link_local=False)
    with pytest.raises(TargetRefusedError, match=r"^alerts\.test has a link-local address"):
        await resolver.resolve("alerts.test", 443)


async def test_a_link_local_address_is_given_with_its_interface_where_it_is_allowed() -> None:
    resolver = GuardedResolver(FakeResolver("fe80::1", "127.0.0.1"), allow_link_local=True)
    found = await resolver.resolve("alerts.test", 443)
    assert [(each["host"], each["family"]) for each in found] == [
        ("fe80::1%2", socket.AF_INET6),
        ("127.0.0.1", socket.AF_INET),
    ]
    await resolver.close()


async def test_names_are_looked_up_in_the_loop_s_threads_when_there_are_no_others() -> None:
    found = await GuardedResolver(None, allow_link_local=False).resolve("localhost", 80)
    assert {each["host"] for each in found} <= {"127.0.0.1", "::1"}


# ---------------------------------------------------------------- certificates


def test_a_missing_file_of_authorities_is_one_line_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^cannot read certificates from .*/none\.pem: No such"):
        tls_context(str(tmp_path / "none.pem"))


def test_a_file_without_certificates_is_one_line_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "empty.pem"
    path.write_text("nothing here\n")
    with pytest.raises(ValueError, match=r"^cannot read certificates from .*/empty\.pem: \S+"):
        tls_context(str(path))
