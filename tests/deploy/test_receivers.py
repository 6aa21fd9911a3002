"""The receivers that we show to others, driven with requests that our own webhook has signed."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from monitor.clock import SystemClock, VirtualClock
from monitor.core.incident import EventType
from monitor.delivery import Delivered
from monitor.notify.webhook import KIND, WebhookSpec
from tests.conftest import PARTS
from tests.deploy.deployed import DEPLOY
from tests.factories import an_event
from tests.fakes.receiver import Got, receiving
from tests.integration.servers import client, running, until
from tests.notify.parcels import a_context, parcel

NEW = "whsec_" + base64.b64encode(b"the secret of this week, thirty-two").decode()
OLD = "whsec_" + base64.b64encode(b"the secret of the week before that").decode().rstrip("=")
OTHER = "whsec_" + base64.b64encode(b"a secret that the receiver has not").decode()

RECEIVERS = {
    "python": ("python3", DEPLOY / "receivers" / "python" / "receiver.py"),
    "node": ("node", DEPLOY / "receivers" / "node" / "receiver.mjs"),
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

language = pytest.mark.parametrize(
    "language",
    ["python", pytest.param("node", marks=pytest.mark.integration("node"))],
)


class Running:
    """A receiver that listens, and what it printed."""

    def __init__(self, url: str, printed: Path, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._printed = printed
        self._session = session

    @property
    def events(self) -> list[str]:
        """What it did with the events it took."""
        return self._printed.read_text().splitlines()[1:]

    async def post(self, got: Got) -> int:
        """The status of its answer to a request that was recorded, or changed since."""
        async with self._session.post(self.url, data=got.body, headers=got.headers) as answer:
            return answer.status


@asynccontextmanager
async def receiver(language: str, folder: Path, secrets: str = NEW) -> AsyncIterator[Running]:
    """One of the receivers, on a port that it chose."""
    program, file = RECEIVERS[language]
    found = PARTS[program].find() if program in PARTS else program
    printed = folder / "printed"
    env = {**os.environ, "WEBHOOK_SECRET": secrets, "PORT": "0"}
    async with (
        client() as session,
        running(str(found), file, said=folder / "errors", output=printed, env=env) as started,
    ):

        async def listening() -> str | None:
            started.alive()
            line, _, rest = printed.read_text().partition("\n")
            return line.rpartition(" ")[2] if rest or line.endswith("\n") or line else None

        port = await until(listening, within=20, what=f"the {language} receiver listens")
        yield Running(f"http://127.0.0.1:{port}/hook", printed, session)


def spec_of(url: object, secret: object = NEW) -> WebhookSpec:
    given = {"name": "oncall", "kind": "webhook", "url": str(url), "secret": secret}
    return WebhookSpec.model_validate(given)


async def recorded(*, age: float = 0.0, secret: object = NEW) -> Got:
    """A request as the daemon sends it, signed `age` seconds ago."""
    clock = VirtualClock(SystemClock().now() - timedelta(seconds=age))
    event = an_event(EventType.OPENED, summary="Claude API: partial outage ✓")
    async with receiving() as recorder:
        spec = spec_of(recorder.url, secret)
        taken = await KIND.build(spec, a_context(clock=clock)).send(parcel(KIND, spec, event))
    assert isinstance(taken, Delivered)
    (got,) = recorder.got
    kept = {name: got.headers[name] for name in got.headers if name.startswith("webhook-")}
    return replace(got, headers={**kept, "content-type": "application/json"})


def with_headers(got: Got, headers: Mapping[str, str]) -> Got:
    return replace(got, headers={**got.headers, **headers})


def without(got: Got, name: str) -> Got:
    return replace(got, headers={key: got.headers[key] for key in got.headers if key != name})


@language
async def test_the_daemon_s_own_requests_are_taken_and_a_repeat_is_done_once(
    language: str, tmp_path: Path
) -> None:
    async with receiver(language, tmp_path) as running_one:
        spec = spec_of(running_one.url)
        notifier = KIND.build(spec, a_context())
        event = an_event(EventType.OPENED, summary="Claude API: partial outage ✓")
        for _ in range(2):
            assert await notifier.send(parcel(KIND, spec, event)) == Delivered(
                detail="answered 204"
            )
        closed = replace(event, id="another", type=EventType.CLOSED)
        assert isinstance(await notifier.send(parcel(KIND, spec, closed)), Delivered)
        assert running_one.events == [
            "incident.opened: Claude API: partial outage ✓",
            "incident.closed: Claude API: partial outage ✓",
        ]


FORGED: dict[str, Callable[[Got], Got]] = {
    "body": lambda got: replace(got, body=got.body.replace(b"opened", b"closed")),
    "id": lambda got: with_headers(got, {"webhook-id": "another"}),
    "timestamp": lambda got: with_headers(
        got, {"webhook-timestamp": str(int(got.headers["webhook-timestamp"]) + 1)}
    ),
    "timestamp that is none": lambda got: with_headers(got, {"webhook-timestamp": "soon"}),
    "endless timestamp": lambda got: with_headers(got, {"webhook-timestamp": "9" * 5000}),
    "signature": lambda got: with_headers(got, {"webhook-signature": "v1,AAAA"}),
    "cut signature": lambda got: with_headers(
        got, {"webhook-signature": got.headers["webhook-signature"][:-4]}
    ),
    "other version": lambda got: with_headers(
        got, {"webhook-signature": got.headers["webhook-signature"].replace("v1,", "v2,")}
    ),
    "no signature": lambda got: without(got, "webhook-signature"),
    "no id": lambda got: without(got, "webhook-id"),
    "no timestamp": lambda got: without(got, "webhook-timestamp"),
}


@language
async def test_what_is_tampered_stale_or_signed_by_another_is_refused_and_not_done(
    language: str, tmp_path: Path
) -> None:
    good = await recorded()
    stale = await recorded(age=301)
    future = await recorded(age=-330)
    other = await recorded(secret=OTHER)
    async with receiver(language, tmp_path) as running_one:
        refused = {name: await running_one.post(forge(good)) for name, forge in FORGED.items()}
        refused |= {
            "stale": await running_one.post(stale),
            "of the future": await running_one.post(future),
            "another's": await running_one.post(other),
        }
        assert {name: code for name, code in refused.items() if code != 401} == {}
        assert running_one.events == []
        assert await running_one.post(good) == 204
        assert len(running_one.events) == 1


@language
async def test_secrets_rotate_without_a_lost_event(language: str, tmp_path: Path) -> None:
    """First the receiver knows both, then the daemon signs with both, then with the new one."""
    both, new_only, old_only = [await recorded(secret=secret) for secret in ([OLD, NEW], NEW, OLD)]
    (tmp_path / "both").mkdir()
    async with receiver(language, tmp_path / "both", f"{OLD} {NEW}") as knows_both:
        for got in (old_only, both, new_only):
            assert await knows_both.post(got) == 204
    (tmp_path / "new").mkdir()
    async with receiver(language, tmp_path / "new", NEW) as knows_new:
        assert await knows_new.post(both) == 204
        assert await knows_new.post(old_only) == 401


@language
async def test_a_body_that_is_too_long_is_not_read(language: str, tmp_path: Path) -> None:
    good = await recorded()
    async with receiver(language, tmp_path) as running_one:
        assert await running_one.post(replace(good, body=b"x" * 100_000)) == 413
        assert await running_one.post(good) == 204
