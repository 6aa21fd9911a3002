"""What the tests of the probes share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from monitor.probes._http import ProbeContext
from tests.probes.wire import Certificates, asking


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A private CA."""
    return Certificates(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def context() -> Iterator[ProbeContext]:
    """A context that asks directly and trusts the system's CAs."""
    with asking() as made:
        yield made


@pytest.fixture
def trusting(certificates: Certificates) -> Iterator[ProbeContext]:
    """A context that trusts the private CA as well."""
    with asking(ca_file=certificates.ca_file) as made:
        yield made
