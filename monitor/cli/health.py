"""`health`: is the daemon beside us alive? For a container's HEALTHCHECK, which has no curl."""

from __future__ import annotations

import argparse
import http.client
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

URL = "http://127.0.0.1:9595/-/healthy"
TIMEOUT_SECONDS = 5.0
BODY_BYTES_MAX = 4096


def add(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("health", help="ask a running daemon whether it is alive")
    parser.add_argument("--url", default=URL, help=f"what to ask (default {URL})")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """0 when it answers with success, 1 when it does not; 2 when that is no address to ask."""
    if not _can_be_asked(options.url):
        print(f"{options.url!r} is no http address", file=sys.stderr)
        return 2
    # No proxy: whoever asks after the daemon beside it must not be answered by another.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(options.url, timeout=TIMEOUT_SECONDS) as answer:
            print(answer.read(BODY_BYTES_MAX).decode("utf-8", "replace").strip())
    except urllib.error.HTTPError as error:
        with error:
            print(f"not healthy: it answered {error.code}", file=sys.stderr)
        return 1
    except http.client.HTTPException as error:
        print(f"not healthy: it speaks no HTTP ({type(error).__name__})", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"not healthy: {getattr(error, 'reason', error)}", file=sys.stderr)
        return 1
    return 0


def _can_be_asked(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Reading the port checks that it is one.
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and url.isascii() and url.isprintable() and " " not in url
