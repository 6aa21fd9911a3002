"""Everything that can go wrong between a decision and its receipt, over real sockets.

However the receiver, the network, the clock, the store or the daemon fails: every event arrives at
least once, an incident's events arrive in order, a repeat has the same id and the same bytes. Each
test here is one fault; `crash/` adds SIGKILL at every step and disks without room. All of it:

    pytest -k delivery_faults
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typing_extensions import override

from monitor.clock import SystemClock
from monitor.core.incident import EventType
from monitor.delivery import Delivery, DeliveryPolicy, Result
from monitor.storage.database import StorageError
from monitor.storage.desk import Desk
from monitor.storage.outbox import SqlOutbox
from tests.delivery.postbox import (
    API,
    SECRET,
    STORY,
    Misdeed,
    a_mailbox,
    an_office,
    free_port,
    resets,
    resets_within_the_request,
    says,
    signed,
    stands_still,
    take,
    utters,
    wrongs,
)
from tests.factories import NOON, an_incident

pytestmark = [pytest.mark.delivery_faults, pytest.mark.slow]

OPENED, CLOSED = EventType.OPENED, EventType.CLOSED
OTHER_SECRET = "whsec_Q0xBVURFLVVQVElNRS1GQVVMVC1URVNUUw=="
LONG = b"x" * 5_000_000


# ---------------------------------------------------------------- the receiver misbehaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a receiver does, and how long we then have to leave it alone, in seconds."""

    misdeed: Misdeed
    pause: float = 1.0
    policy: DeliveryPolicy = field(default_factory=DeliveryPolicy)


FAULTS = {
    "resets at once": Fault(misdeed=resets(reads=False)),
    "resets within the request": Fault(misdeed=resets_within_the_request),
    "resets after the request": Fault(misdeed=resets()),
    "hangs up without an answer": Fault(misdeed=utters(b"")),
    "resets in the status line": Fault(misdeed=resets(after=b"HTTP/1.1 2")),
    "resets in the headers": Fault(misdeed=resets(after=b"HTTP/1.1 200 OK\r\nContent-Le")),
    "resets in the body of a refusal": Fault(
        misdeed=resets(after=b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nhalf")
    ),
    "never answers": Fault(misdeed=stands_still(), pause=10.0),
    "never reads": Fault(misdeed=stands_still(reads=False), pause=10.0),
    "stops in the headers": Fault(misdeed=stands_still(b"HTTP/1.1 200 OK\r\nServer: "), pause=10.0),
    "stops in the body of a refusal": Fault(
        misdeed=stands_still(b"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nhalf")
    ),
    "answers garbage": Fault(misdeed=utters(b"\x16\x03\x01\x00\xffnot http\r\n\r\n")),
    "answers another protocol": Fault(misdeed=utters(b"220 mail.example ESMTP\r\n")),
    "answers headers without an end": Fault(
        misdeed=utters(b"HTTP/1.1 200 OK\r\n", endless=b"X-Long: " + b"y" * 1000 + b"\r\n")
    ),
    "answers 500 with a body of 5 MB": Fault(misdeed=says("500 Oops", body=LONG)),
    "answers 500 with a body without an end": Fault(
        misdeed=utters(
            b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n",
            endless=b"400\r\n" + b"z" * 1024 + b"\r\n",
        )
    ),
    "answers 400": Fault(misdeed=says("400 Bad Request", body=b"what?")),
    "answers 401": Fault(misdeed=says("401 Unauthorized")),
    "answers 403": Fault(misdeed=says("403 Forbidden")),
    "answers 404": Fault(misdeed=says("404 Not Found")),
    "answers 408": Fault(misdeed=says("408 Request Timeout")),
    "answers 500": Fault(misdeed=says("500 Internal Server Error")),
    "answers 502": Fault(misdeed=says("502 Bad Gateway", body=b"<html>nginx</html>")),
    "answers 503 and asks for a minute": Fault(
        misdeed=says("503 Service Unavailable", "Retry-After: 60"), pause=60.0
    ),
    "answers 429 and asks for 90 seconds": Fault(
        misdeed=says("429 Too Many Requests", "Retry-After: 90"), pause=90.0
    ),
    "answers 429 and names a moment": Fault(
        misdeed=says("429 Too Many", "Retry-After: Tue, 28 Apr 2026 12:05:00 GMT"), pause=1.0
    ),
    "answers 429 and asks for a year": Fault(
        misdeed=says("429 Too Many Requests", "Retry-After: 31536000"),
        pause=300.0,
        policy=DeliveryPolicy(retry_after_max=300.0),
    ),
    "answers 429 with nonsense": Fault(misdeed=says("429 Too Many", "Retry-After: soon")),
    "answers 301": Fault(misdeed=says("301 Moved", "Location: http://169.254.169.254/latest")),
    "answers 302 to itself": Fault(misdeed=says("302 Found", "Location: /hook")),
    "answers 307": Fault(misdeed=says("307 Temporary Redirect", "Location: /elsewhere")),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "office.db"


@pytest.mark.parametrize("name", FAULTS)
async def test_a_receiver_that(name: str, path: Path) -> None:
    """Twice before the opening, once in mid-story, once before the close."""
    fault = FAULTS[name]
    bad = fault.misdeed
    script = [bad, bad, take, bad, take, take, bad]
    async with an_office(path) as office, a_mailbox(office.clock.now, script) as mailbox:
        office.policy = fault.policy
        office.a_webhook(mailbox.url)
        ids = office.announce(*STORY)
        async with office.at_work():
            await office.settled()
        rows = await office.rows()
    assert wrongs(mailbox, ids) == []
    assert [(row.state, row.attempts) for row in rows] == [
        ("delivered", 3),
        ("delivered", 2),
        ("delivered", 1),
        ("delivered", 2),
    ]
    assert len(mailbox.taken) == len(ids)
    told = [seen.at for seen in mailbox.seen if seen.id == ids[0]]
    if len(told) == 3:  # each attempt reached it
        assert told[1] - told[0] >= timedelta(seconds=fault.pause)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(says("202 Accepted", body=LONG, takes=True), id="202 and 5 MB"),
        pytest.param(
            resets(after=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", takes=True),
            id="200 and a reset in the body",
        ),
        pytest.param(
            utters(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                endless=b"400\r\n" + b"z" * 1024 + b"\r\n",
                takes=True,
            ),
            id="200 and a body without an end",
        ),
        pytest.param(
            utters(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
                takes=True,
            ),
            id="200 and a body that cannot be unpacked",
        ),
    ],
)
async def test_a_receiver_that_has_taken_it_is_not_asked_again(answer: Misdeed, path: Path) -> None:
    async with an_office(path) as office, a_mailbox(office.clock.now, [answer] * 4) as mailbox:
        office.a_webhook(mailbox.url)
        ids = office.announce(*STORY)
        async with office.at_work():
            await office.settled()
    assert wrongs(mailbox, ids) == []
    assert len(mailbox.seen) == 4


@pytest.mark.parametrize("status", ["410 Gone", "413 Content Too Large"])
async def test_an_opening_refused_for_good_does_not_keep_the_close_back(
    status: str, path: Path
) -> None:
    async with an_office(path) as office, a_mailbox(office.clock.now, [says(status)]) as mailbox:
        office.a_webhook(mailbox.url)
        ids = office.announce(*STORY)
        async with office.at_work():
            await office.settled()
        rows = await office.rows()
    assert [row.state for row in rows] == ["dead", "delivered", "delivered", "delivered"]
    assert wrongs(mailbox, ids) == [f"never taken: {ids[:1]}"]


# ---------------------------------------------------------------- nobody is there, or another


async def test_a_receiver_that_is_not_there_for_an_hour(path: Path) -> None:
    """With at least as many attempts as the back-off allows, and none more than it allows."""
    async with an_office(path) as office:
        port = free_port()
        office.a_webhook(f"http://127.0.0.1:{port}/hook")
        ids = office.announce(*STORY)
        async with office.at_work():
            down = office.clock.now() + timedelta(hours=1)
            await office.until(lambda: office.clock.now() >= down, step=5.0)
            async with a_mailbox(office.clock.now, port=port) as mailbox:
                await office.settled()
        rows = await office.rows()
    assert wrongs(mailbox, ids) == []
    assert 18 <= rows[0].attempts <= 24  # 1, 2, 4 ... 256, then every 300 s
    assert mailbox.seen[0].at - NOON <= timedelta(minutes=66)


async def test_a_receiver_that_is_away_between_open_and_close(path: Path) -> None:
    async with an_office(path) as office:
        port = free_port()
        office.a_webhook(f"http://127.0.0.1:{port}/hook")
        async with office.at_work():
            async with a_mailbox(office.clock.now, port=port) as first:
                ids = office.announce(OPENED)
                await office.settled()
            closing = replace(API, sequence=2)
            ids += office.announce(OPENED, CLOSED, incident=closing)[1:]
            quarter = office.clock.now() + timedelta(minutes=15)
            await office.until(lambda: office.clock.now() >= quarter, step=5.0)
            async with a_mailbox(office.clock.now, port=port) as second:
                await office.settled()
    assert [seen.id for seen in first.taken] == ids[:1]
    assert [seen.id for seen in second.taken] == ids[1:]


@pytest.mark.parametrize(
    "found", ["", "169.254.169.254"], ids=["not known", "one of a metadata service"]
)
async def test_a_name_that_leads_astray_for_a_while(
    found: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is looked up at every attempt, and where it leads is checked every time."""
    astray = 3
    ask = socket.getaddrinfo

    def look_up(host: str, port: int, **named: int) -> list[object]:
        nonlocal astray
        if host != "receiver.test":
            return list(ask(host, port, **named))
        if astray > 0:
            astray -= 1
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, "not known")
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (found if astray else "127.0.0.1", port))
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with an_office(path) as office, a_mailbox(office.clock.now) as mailbox:
        office.a_webhook(mailbox.url.replace("127.0.0.1", "receiver.test"))
        ids = office.announce(*STORY)
        async with office.at_work():
            await office.settled()
        rows = await office.rows()
    assert wrongs(mailbox, ids) == []
    assert rows[0].attempts >= 3


# ---------------------------------------------------------------- TLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A private authority that certifies receivers."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    name: x509.Name

    @property
    def ca_file(self) -> str:
        """Its own certificate."""
        return str(self.folder / "ca.pem")

    def load(self, context: ssl.SSLContext, *, days: int = 1, address: str = "127.0.0.1") -> None:
        """Show a certificate for `address` that ends in so many days, from now on."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(
            self.name, _named("receiver"), key, days=days, address=address
        ).sign(self.key, hashes.SHA256())
        _show(context, self.folder, certificate, key)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _certificate(
    issuer: x509.Name,
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    days: int,
    address: str,
) -> x509.CertificateBuilder:
    now = SystemClock().now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
        )
    )


def _show(
    context: ssl.SSLContext,
    folder: Path,
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
) -> None:
    pem = folder / "shown.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context.load_cert_chain(pem)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    key, name = ec.generate_private_key(ec.SECP256R1()), _named("authority")
    own = (
        _certificate(name, name, key, days=9, address="127.0.0.1")
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "ca.pem").write_bytes(own.public_bytes(serialization.Encoding.PEM))
    return Authority(folder=tmp_path, key=key, name=name)


def _expired(authority: Authority, context: ssl.SSLContext) -> None:
    authority.load(context, days=-1)


def _of_another_host(authority: Authority, context: ssl.SSLContext) -> None:
    authority.load(context, address="127.0.0.2")


def _self_signed(authority: Authority, context: ssl.SSLContext) -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), _named("nobody")
    shown = _certificate(name, name, key, days=1, address="127.0.0.1").sign(key, hashes.SHA256())
    _show(context, authority.folder, shown, key)


@pytest.mark.parametrize("shown", [_expired, _of_another_host, _self_signed])
async def test_a_certificate_that_is_no_good_until_it_is_renewed(
    shown: object, authority: Authority, path: Path
) -> None:
    """Nothing is sent to who cannot prove who he is."""
    assert callable(shown)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown(authority, context)
    async with an_office(path) as office, a_mailbox(office.clock.now, tls=context) as mailbox:
        office.a_webhook(mailbox.url, trusts=authority.ca_file)
        ids = office.announce(*STORY)
        async with office.at_work():
            await office.until(lambda: len(office.sink.heard) >= 3)
            assert mailbox.seen == []
            authority.load(context)
            await office.settled()
    assert wrongs(mailbox, ids) == []


async def test_a_receiver_that_forgot_its_tls(authority: Authority, path: Path) -> None:
    """Speaks plain HTTP where https was asked for; then it is put right."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.load(context)
    async with an_office(path) as office:
        port = free_port()
        office.a_webhook(f"https://127.0.0.1:{port}/hook", trusts=authority.ca_file)
        ids = office.announce(*STORY)
        async with office.at_work():
            async with a_mailbox(office.clock.now, port=port) as plain:
                await office.until(lambda: len(office.sink.heard) >= 2)
            async with a_mailbox(office.clock.now, port=port, tls=context) as mailbox:
                await office.settled()
    assert plain.seen == []
    assert wrongs(mailbox, ids) == []


# ---------------------------------------------------------------- one beside the other


@pytest.mark.parametrize(
    "bad",
    [stands_still(), says("500 Oops"), resets(reads=False)],
    ids=["silent", "failing", "resetting"],
)
async def test_a_bad_receiver_delays_no_other(bad: Misdeed, path: Path) -> None:
    """The good one has the whole story before the bad one's first timeout is over."""
    async with (
        an_office(path) as office,
        a_mailbox(office.clock.now, [bad] * 1000) as ill,
        a_mailbox(office.clock.now) as well,
    ):
        office.a_webhook(ill.url, "ill")
        office.a_webhook(well.url, "well")
        ids = office.announce(*STORY)
        async with office.at_work():
            await office.until(lambda: len(well.taken) == 4, step=0.0)
    assert wrongs(well, ids) == []
    assert {seen.at - NOON for seen in well.seen} == {timedelta()}
    assert ill.taken == []


async def test_a_hundred_incidents_behind_a_receiver_that_comes_back(path: Path) -> None:
    """Each keeps its own order; one that fails does not hold up the others."""
    incidents = [an_incident("api", opened_at=NOON + timedelta(seconds=n)) for n in range(100)]
    async with an_office(path) as office:
        port = free_port()
        office.a_webhook(f"http://127.0.0.1:{port}/hook")
        ids = [office.announce(OPENED, CLOSED, incident=incident) for incident in incidents]
        async with office.at_work():
            await office.until(lambda: len(office.sink.heard) >= 100)
            async with a_mailbox(office.clock.now, [says("500 Oops")] * 20, port=port) as mailbox:
                await office.settled(step=5.0)
    taken = [seen.id for seen in mailbox.taken]
    assert sorted(taken) == sorted(name for story in ids for name in story)
    assert all(taken.index(first) < taken.index(last) for first, last in ids)


# ---------------------------------------------------------------- the daemon, its store, its clock


async def test_an_answer_whose_receipt_was_lost_is_repeated_under_the_same_id(path: Path) -> None:
    """As when the daemon dies between answer and record: the lease runs out first."""
    async with an_office(path) as office, a_mailbox(office.clock.now) as mailbox:
        office.a_webhook(mailbox.url)
        ids = office.announce(*STORY)
        await office.store.flush()
        lost = await office.outbox.claim("oncall", office.clock.now(), office.policy.lease)
        assert lost is not None
        await office.notifiers[0].send(lost)
        async with office.at_work():
            await office.settled(step=5.0)
    assert wrongs(mailbox, ids) == []
    assert [seen.id for seen in mailbox.seen] == [ids[0], *ids]
    assert mailbox.seen[1].at - mailbox.seen[0].at >= timedelta(seconds=60)


async def test_a_daemon_cut_off_in_mid_send_sends_it_again(path: Path) -> None:
    script = [stands_still()]
    async with an_office(path) as office, a_mailbox(office.clock.now, script) as mailbox:
        office.a_webhook(mailbox.url)
        ids = office.announce(*STORY)
        async with office.at_work():
            await office.until(lambda: len(mailbox.seen) == 1, step=0.0)
        async with office.at_work():  # the next life
            await office.settled()
    assert wrongs(mailbox, ids) == []
    assert [seen.id for seen in mailbox.seen] == [ids[0], *ids]


async def test_two_daemons_on_one_outbox_send_nothing_twice(path: Path) -> None:
    """As for the moment when an old one still sends and a new one has begun."""
    async with an_office(path) as office, a_mailbox(office.clock.now) as mailbox:
        office.a_webhook(mailbox.url)
        ids = office.announce(*STORY)
        async with office.at_work(), office.at_work():
            await office.settled()
    assert wrongs(mailbox, ids) == []
    assert len(mailbox.seen) == 4


class Flaky(SqlOutbox):
    """An outbox whose store fails now and then."""

    failures: dict[str, int]

    def _may_fail(self, doing: str) -> None:
        if self.failures.get(doing, 0) > 0:
            self.failures[doing] -= 1
            msg = "office.db cannot grow, the disk is full: free some space"
            raise StorageError(msg)

    @override
    async def claim(self, notifier: str, now: datetime, lease_seconds: float) -> Delivery | None:
        self._may_fail("claim")
        return await super().claim(notifier, now, lease_seconds)

    @override
    async def settle(
        self, delivery: Delivery, result: Result, now: datetime, due_at: datetime | None
    ) -> None:
        self._may_fail("settle")
        await super().settle(delivery, result, now, due_at)


@pytest.mark.parametrize(
    ("failures", "repeats"),
    [({"claim": 5}, 0), ({"settle": 5}, 0), ({"settle": 12}, 1), ({"claim": 2, "settle": 2}, 0)],
    ids=["no claim", "no receipt for a while", "no receipt for long", "both"],
)
async def test_a_full_disk(failures: dict[str, int], repeats: int, path: Path) -> None:
    """A receipt is offered again until there is room; one that is lost means one repeat."""
    async with an_office(path) as office, a_mailbox(office.clock.now) as mailbox:
        office.a_webhook(mailbox.url)
        ids = office.announce(*STORY)
        outbox = Flaky(office.database, "local")
        outbox.failures = dict(failures)
        async with office.at_work(outbox):
            await office.settled()
    assert wrongs(mailbox, ids) == []
    assert len(mailbox.seen) == 4 + repeats


@pytest.mark.parametrize("hours", [-1, -24, 1, 24], ids=lambda hours: f"{hours:+d} h")
async def test_a_wall_clock_that_is_set(hours: int, path: Path) -> None:
    """In the middle of a story, with a retry waiting for its time."""
    script = [take, says("503 Busy")]
    async with an_office(path) as office, a_mailbox(office.clock.now, script) as mailbox:
        office.a_webhook(mailbox.url)
        ids = office.announce(*STORY)
        async with office.at_work():
            await office.until(lambda: len(office.sink.heard) == 2, step=0.0)
            began = office.clock.monotonic()
            office.clock.wall_offset = timedelta(hours=hours)
            await office.settled()
    assert wrongs(mailbox, ids) == []
    assert office.clock.monotonic() - began < 60.0


# ---------------------------------------------------------------- secrets, age, the operator


async def test_a_secret_that_is_rotated_between_two_attempts(path: Path) -> None:
    """With both for a while; each attempt is signed anew, over the same bytes."""
    async with an_office(path) as office, a_mailbox(office.clock.now, [says("500 x")]) as mailbox:
        office.a_webhook(mailbox.url)
        ids = office.announce(*STORY)
        async with office.at_work():
            await office.until(lambda: len(office.sink.heard) == 1, step=0.0)
        office.notifiers.clear()
        office.a_webhook(mailbox.url, secret=[OTHER_SECRET, SECRET])
        async with office.at_work():
            await office.settled()
    assert wrongs(mailbox, ids) == []
    before, *after = mailbox.seen
    assert not signed(before, OTHER_SECRET)
    assert all(signed(seen, OTHER_SECRET) and signed(seen, SECRET) for seen in after)
    assert before.body == after[0].body


async def test_what_is_given_up_by_age_lets_the_next_pass(path: Path) -> None:
    async with an_office(path) as office:
        port = free_port()
        office.policy = DeliveryPolicy(give_up_after=3600.0)
        office.a_webhook(f"http://127.0.0.1:{port}/hook")
        ids = office.announce(OPENED)
        async with office.at_work():
            dead = office.clock.now() + timedelta(seconds=3000)
            await office.until(lambda: office.clock.now() >= dead, step=10.0)
            closing = replace(API, sequence=2)
            ids += office.announce(OPENED, CLOSED, incident=closing)[1:]
            await office.until(
                lambda: (
                    ("oncall", "GiveUp")
                    in [(name, kind.__name__) for name, kind in office.sink.heard]
                ),
                step=10.0,
            )
            async with a_mailbox(office.clock.now, port=port) as mailbox:
                await office.settled(step=5.0)
        rows = await office.rows()
        assert [row.state for row in rows] == ["dead", "delivered"]
        assert "given up after 1h" in (rows[0].last_error or "")
    assert [seen.id for seen in mailbox.taken] == ids[1:]


async def test_dead_letters_that_are_asked_for_again_come_in_order(path: Path) -> None:
    script = [says("410 Gone")] * 4
    async with an_office(path) as office, a_mailbox(office.clock.now, script) as mailbox:
        office.a_webhook(mailbox.url)
        ids = office.announce(*STORY)
        async with office.at_work():
            await office.settled()
            assert {row.state for row in await office.rows()} == {"dead"}
            mailbox.seen.clear()
            await Desk(office.database, "local").retry(1, office.clock.now())
            await office.settled()
    assert wrongs(mailbox, ids) == []
    assert len(mailbox.taken) == 4


async def test_an_opening_that_is_discarded_lets_the_close_pass(path: Path) -> None:
    async with an_office(path) as office, a_mailbox(office.clock.now, [says("503 x")]) as mailbox:
        office.a_webhook(mailbox.url)
        ids = office.announce(OPENED, CLOSED)
        async with office.at_work():
            await office.until(lambda: len(office.sink.heard) == 1, step=0.0)
            await Desk(office.database, "local").discard(1, "known", office.clock.now())
            await office.settled()
    assert [seen.id for seen in mailbox.taken] == ids[1:]


async def test_a_delivery_made_due_by_another_process_is_found_within_fifteen_seconds(
    path: Path,
) -> None:
    """Nobody rings: the courier looks again after its longest rest."""
    answer = says("503 Busy", "Retry-After: 3600")
    async with an_office(path) as office, a_mailbox(office.clock.now, [answer]) as mailbox:
        office.a_webhook(mailbox.url)
        ids = office.announce(OPENED)
        async with office.at_work():
            await office.until(lambda: len(office.sink.heard) == 1, step=0.0)
            await office.clock.advance(20.0)
            asked = office.clock.now()
            await Desk(office.database, "local").retry(1, asked)
            # Slowly: what the database takes in real time is little of the time that passes here.
            await office.settled(step=0.02)
    assert wrongs(mailbox, ids) == []
    assert mailbox.seen[-1].at - asked <= timedelta(seconds=20)


def test_the_matrix_has_at_least_thirty_faults() -> None:
    assert len(FAULTS) >= 30
