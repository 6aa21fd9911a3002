"""URLs and proxies as the configuration may name them."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator
from yarl import URL

URL_CHARS_MAX = 2000
"""How long a configured URL may be."""


def check_url(value: str) -> str:
    """`value`, if it is a URL that a probe may ask.

    Raises:
        ValueError: it is not http(s), has no host, carries a user name or a password (a secret
            would show in every log line), or holds a character that no URL may hold.
    """
    if len(value) > URL_CHARS_MAX or not re.fullmatch(r"[!-~]+", value):
        msg = f"a URL is written in printable ASCII without spaces, {URL_CHARS_MAX} long at most"
        raise ValueError(msg)
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError as problem:
        msg = f"this is no URL: {problem}"
        raise ValueError(msg) from None
    if parts.scheme not in ("http", "https") or not host:
        msg = "a URL begins with https:// or http:// and names a host"
        raise ValueError(msg)
    if "@" in parts.netloc:
        msg = "a URL must not carry a user name or a password"
        raise ValueError(msg)
    return value


def check_proxy(value: str) -> str:
    """`value`, if it names an egress proxy: `http://[user:password@]host:port`.

    Raises:
        ValueError: it does not. The message never repeats the value, which may hold a password.
    """
    try:
        proxy = URL(value)
    except ValueError:
        proxy = URL()
    if proxy.scheme != "http" or not proxy.host or proxy.path not in ("", "/"):
        msg = "an egress proxy is written http://host:port; https targets go through CONNECT"
        raise ValueError(msg)
    return value


HttpUrl = Annotated[str, AfterValidator(check_url)]
"""An absolute http or https URL without user name and password."""
