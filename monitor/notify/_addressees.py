"""Who hears of an event: every enabled notifier, each in the words of its kind."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.core.incident import Event
from monitor.notify._base import AnyKind, NotifierSpec, Wording
from monitor.pipeline import Envelope


class Addressees:
    """The notifiers of a config, as the pipeline's `Audience`."""

    def __init__(self, notifiers: Iterable[tuple[AnyKind, NotifierSpec]], wording: Wording) -> None:
        """`notifiers` are all of the config; the disabled ones are left out here."""
        self._enabled = tuple(
            (kind, spec) for kind, spec in notifiers if kind.disabled(spec) is None
        )
        self._wording = wording

    def envelopes(self, event: Event) -> tuple[Envelope, ...]:
        """One envelope for each notifier that has a word for it, in the order of the config."""
        written = (
            (spec.name, kind.envelope(spec, event, self._wording)) for kind, spec in self._enabled
        )
        return tuple(Envelope(notifier=name, body=body) for name, body in written if body)
