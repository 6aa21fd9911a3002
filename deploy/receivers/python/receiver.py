# ruff: noqa: INP001  # deploy/ holds files to deploy, it is no package
"""A receiver of the monitor's webhooks that verifies them. Needs Python 3.9 and nothing else.

    WEBHOOK_SECRET=whsec_... PORT=8080 python receiver.py

`WEBHOOK_SECRET` may hold several secrets, separated by spaces, while they rotate. Copy `verify`
into your own server, and `handle` is where your code goes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import ClassVar

BODY_BYTES_MAX = 64 * 1024
TOLERANCE_SECONDS = 300
REMEMBERED_MAX = 10_000


class NotVerifiedError(Exception):
    """The request is not the monitor's, or not of now."""


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float) -> None:
    """Return when one of the secrets has signed this request within the last five minutes.

    Args:
        headers: the request's headers.
        body: its bytes as they came: parsed and written anew they have another signature.
        secrets: each `whsec_` and base64.
        now: Unix time.

    Raises:
        NotVerifiedError: none has, or it is too old or of the future.
    """
    event_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not (event_id and re.fullmatch(r"[0-9]{1,12}", timestamp) and signatures):
        msg = "a header is missing or malformed"
        raise NotVerifiedError(msg)
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        msg = "the timestamp is too old or of the future"
        raise NotVerifiedError(msg)
    signed = f"{event_id}.{timestamp}.".encode() + body
    for secret in secrets:
        key = secret.partition("whsec_")[2]
        digest = hmac.new(base64.b64decode(key + "=" * (-len(key) % 4)), signed, hashlib.sha256)
        wanted = b"v1," + base64.b64encode(digest.digest())
        # Each is compared, in constant time: an attacker learns nothing from how long it takes.
        if any(hmac.compare_digest(wanted, each.encode()) for each in signatures.split(" ")):
            return
    msg = "no signature fits"
    raise NotVerifiedError(msg)


def handle(event: dict[str, object]) -> None:
    """What you do with an event. It comes at least once; `Receiver` has dropped the repeats."""
    data = event["data"]
    summary = data.get("summary") if isinstance(data, dict) else None
    sys.stdout.write(f"{event['type']}: {summary}\n")
    sys.stdout.flush()


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is verified, 401 to what is not, 400 and 413 to what cannot be read."""

    secrets: ClassVar[Sequence[str]] = ()
    seen: ClassVar[OrderedDict[str, None]] = OrderedDict()
    turn: ClassVar[Lock] = Lock()

    def do_POST(self) -> None:
        """One event."""
        self.send_response(self._take())
        self.send_header("content-length", "0")
        self.end_headers()

    def _take(self) -> int:
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return 400
        if int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            return 413
        body = self.rfile.read(int(length))
        try:
            now = time.time()  # noqa: TID251  # this file stands alone
            verify(self.headers, body, self.secrets, now)
            event = json.loads(body)
        except NotVerifiedError:
            return 401
        except ValueError:
            return 400
        event_id = self.headers["webhook-id"]
        with self.turn:
            if event_id not in self.seen:
                handle(event)  # an error here ends the connection, and the monitor tries again
                self.seen[event_id] = None
                while len(self.seen) > REMEMBERED_MAX:
                    self.seen.popitem(last=False)
        return 204


def main() -> None:
    """Serve until stopped."""
    Receiver.secrets = os.environ.get("WEBHOOK_SECRET", "").split()
    if not Receiver.secrets:
        sys.exit("set WEBHOOK_SECRET")
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Receiver)
    sys.stdout.write(f"listening on {server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
