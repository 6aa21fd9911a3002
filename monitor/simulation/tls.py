"""Certificates for the simulated Claude: a throwaway authority, and what it signs.

They are made by the `openssl` program, so that a simulation needs no library for it; where there is
no such program, TLS cannot be played over sockets (in virtual time it always can). All of them are
for every host that is answered for, and end with the folder that holds them.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

from monitor.simulation.endpoints import VENDOR_HOSTS
from monitor.simulation.exchange import Certificate

EXPIRING_DAYS = 3
"""How long a certificate that expires soon is good."""

OPENSSL_SECONDS_MAX = 20.0
"""How long one call of `openssl` may take."""

_VALID_DAYS = 90
_ELSEWHERE = ("another-host.example",)
_CONFIG = """\
[ca]
default_ca = simulated
[simulated]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
unique_subject = no
policy = anything
x509_extensions = leaf
[anything]
commonName = supplied
[leaf]
basicConstraints = critical, CA:false
subjectAltName = {names}
"""


class TlsError(RuntimeError):
    """Certificates cannot be made here; the text says why."""


class Certificates:
    """Makes an authority and one certificate for each case, when it is created."""

    def __init__(self, folder: Path, now: datetime, hosts: Collection[str] = ()) -> None:
        """Make them in `folder`, which must be empty and only for this.

        Args:
            folder: where keys and certificates are kept.
            now: the machine's own time, UTC: clients check validity by theirs, not by a scenario's.
            hosts: host names to stand for besides the vendor's.

        Raises:
            TlsError: there is no `openssl`, or it fails.
        """
        self._folder = folder
        self._now = now
        self._hosts = tuple(dict.fromkeys((*VENDOR_HOSTS, "localhost", *hosts)))
        self._run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        self._authority("ca")
        self._authority("stranger")
        self._contexts = {case: self._context(case) for case in Certificate}

    @property
    def ca_file(self) -> Path:
        """The authority's certificate (PEM), for clients to trust."""
        return self._folder / "ca.pem"

    @property
    def contexts(self) -> dict[Certificate, ssl.SSLContext]:
        """A server's context for each case."""
        return dict(self._contexts)

    def _authority(self, name: str) -> None:
        """A certificate that may sign others: `name`.pem."""
        self._run(
            *("req", "-x509", "-new", "-days", str(_VALID_DAYS)),
            *("-subj", f"/CN=simulated {name}", "-out", f"{self._folder / name}.pem"),
            *("-addext", "basicConstraints=critical,CA:true"),
            *("-addext", "keyUsage=critical,keyCertSign"),
        )

    def _context(self, case: Certificate) -> ssl.SSLContext:
        """The context that shows the certificate of `case`, which is made here."""
        path = self._folder / f"{case}.pem"
        request = self._folder / f"{case}.csr"
        names = _ELSEWHERE if case is Certificate.WRONG_HOST else self._hosts
        config = self._folder / f"{case}.cnf"
        config.write_text(
            _CONFIG.format(folder=self._folder, names=",".join(f"DNS:{name}" for name in names))
        )
        (self._folder / "index.txt").write_text("")
        (self._folder / "serial").write_text(f"{list(Certificate).index(case) + 1:02x}\n")
        begins, ends = self._validity(case)
        signer = "stranger" if case is Certificate.UNTRUSTED else "ca"
        self._run("req", "-new", "-subj", f"/CN={names[0]}", "-out", str(request))
        self._run(
            *("ca", "-batch", "-notext", "-config", str(config), "-in", str(request)),
            *("-cert", f"{self._folder / signer}.pem", "-out", str(path)),
            *("-startdate", f"{begins:%Y%m%d%H%M%SZ}", "-enddate", f"{ends:%Y%m%d%H%M%SZ}"),
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(path, self._key)
        return context

    def _validity(self, case: Certificate) -> tuple[datetime, datetime]:
        """From when until when the certificate of `case` is good."""
        day = timedelta(days=1)
        if case is Certificate.EXPIRED:
            return self._now - 30 * day, self._now - day
        good = EXPIRING_DAYS if case is Certificate.EXPIRING else _VALID_DAYS
        return self._now - day, self._now + good * day

    @property
    def _key(self) -> Path:
        return self._folder / "key.pem"

    def _run(self, command: str, *arguments: str) -> None:
        """Run `openssl command arguments` with our one key."""
        program = shutil.which("openssl")
        if program is None:
            msg = "TLS cannot be played over sockets: there is no openssl program here"
            raise TlsError(msg)
        key = {"genpkey": "-out", "req": "-key", "ca": "-keyfile"}[command]
        try:
            done = subprocess.run(  # noqa: S603  # no shell, and every argument is our own
                [program, command, *arguments, key, str(self._key)],
                check=False,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=OPENSSL_SECONDS_MAX,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            msg = f"openssl {command} cannot be run: {problem}"
            raise TlsError(msg) from None
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            msg = f"openssl {command} failed: {said[-1] if said else done.returncode}"
            raise TlsError(msg)
