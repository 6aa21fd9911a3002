"""TLS views: whose word is taken, and that each run hears of its own handshakes only."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from monitor.probes._tls import Tls
from tests.probes.wire import Certificates, saying, serving


def test_a_ca_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ca_file .*none\.pem: No such file or directory"):
        Tls(tmp_path / "none.pem")


@pytest.mark.parametrize("content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nxx\n"])
def test_a_ca_file_without_a_certificate_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "empty.pem"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"empty\.pem holds no certificate in PEM"):
        Tls(path)


async def test_each_view_hears_of_its_own_handshake(certificates: Certificates) -> None:
    tls = Tls(certificates.ca_file)
    heard: dict[str, list[Any]] = {"one": [], "two": []}
    views = {
        name: tls.view(lambda name=name: heard[name].append("begun"), heard[name].append)  # type: ignore[misc]
        for name in heard
    }
    async with serving(saying(), certificates.server()) as port:
        for name, times in (("one", 1), ("two", 2)):
            for _ in range(times):
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=views[name], server_hostname="localhost"
                )
                writer.close()
                await writer.wait_closed()
    ends = [[part for part in parts if part != "begun"] for parts in heard.values()]
    assert [len(certificates) for certificates in ends] == [1, 2]
    assert all(parts[0] == "begun" for parts in heard.values())
    assert {part["notAfter"] for part in ends[1]} == {ends[0][0]["notAfter"]}


async def test_a_view_checks_host_and_issuer_by_itself(certificates: Certificates) -> None:
    view = Tls().view(lambda: None, lambda _certificate: None)
    async with serving(saying(), certificates.server()) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", port, ssl=view, server_hostname="localhost")
