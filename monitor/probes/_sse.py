"""Server-sent events: bytes in, events out, as the WHATWG's HTML standard has it (section 9.2.6).

A line ends with CR, LF or CRLF, in any mixture, and a chunk may end anywhere, inside a character
or between CR and LF too. A CR ends its line at once: waiting for the LF that may follow would hold
back an event that is whole. What an unfinished event holds at the end of the stream is dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

LINE_BYTES_MAX = 64 * 1024
"""How long a line may be."""

EVENT_BYTES_MAX = 128 * 1024
"""How long the data of one event, of however many lines, may be."""

RETRY_DIGITS_MAX = 9
"""How many digits a `retry` may have; a longer one is ignored."""

_LINE_END: Final = re.compile(rb"\r\n?|\n")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class TooLongError(Exception):
    """A line, or the data of an event, is longer than its limit."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event.

    Attributes:
        name: its `event` field; `message` without one.
        data: its `data` fields, joined by line feeds.
        last_id: the last `id` that the stream gave, with this event or before it.
    """

    name: str
    data: str
    last_id: str = ""


class SseParser:
    """Takes a stream in chunks of any size and gives its events."""

    def __init__(
        self, line_bytes_max: int = LINE_BYTES_MAX, event_bytes_max: int = EVENT_BYTES_MAX
    ) -> None:
        """Nothing has come yet; a line and the data of an event have these limits."""
        self._line_bytes_max = line_bytes_max
        self._event_bytes_max = event_bytes_max
        self._line = bytearray()
        self._first = True
        self._after_cr = False
        self._name = ""
        self._data: list[str] = []
        self._data_bytes = 0
        self._last_id = ""
        self.retry: int | None = None
        """Milliseconds that the stream asks a client to wait before it comes back."""

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that `chunk` completes.

        Raises:
            TooLongError: a limit is passed; the parser is of no use any more.
        """
        events: list[ServerEvent] = []
        start = 1 if self._after_cr and chunk[:1] == b"\n" else 0
        for end in _LINE_END.finditer(chunk, start):
            self._grow(chunk[start : end.start()])
            start = end.end()
            event = self._take(self._ended())
            if event is not None:
                events.append(event)
        self._grow(chunk[start:])
        self._after_cr = chunk.endswith(b"\r") if chunk else self._after_cr
        return events

    def _grow(self, part: bytes) -> None:
        if len(self._line) + len(part) > self._line_bytes_max:
            msg = f"a line is longer than {self._line_bytes_max} bytes"
            raise TooLongError(msg)
        self._line += part

    def _ended(self) -> str:
        """The line that just ended; before the first one a byte order mark may stand."""
        line = bytes(self._line)
        self._line.clear()
        if self._first:
            self._first = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        return line.decode("utf-8", "replace")

    def _take(self, line: str) -> ServerEvent | None:
        """Take one line in; the event that an empty one ends."""
        if not line:
            return self._dispatch()
        # A comment begins with the colon: its field has no name, so it is one nobody knows.
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._name = value
            case "data":
                self._add(value)
            case "id" if "\0" not in value:
                self._last_id = value
            case "retry" if re.fullmatch(rf"[0-9]{{1,{RETRY_DIGITS_MAX}}}", value):
                self.retry = int(value)
            case _:
                pass
        return None

    def _add(self, value: str) -> None:
        self._data_bytes += len(value) + 1
        if self._data_bytes > self._event_bytes_max:
            msg = f"an event is longer than {self._event_bytes_max} bytes"
            raise TooLongError(msg)
        self._data.append(value)

    def _dispatch(self) -> ServerEvent | None:
        """The event that ends here; None where it has no data."""
        name, data = self._name, self._data
        self._name, self._data, self._data_bytes = "", [], 0
        if not data:
            return None
        return ServerEvent(name=name or "message", data="\n".join(data), last_id=self._last_id)
