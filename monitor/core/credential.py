"""What each key did before, and what its siblings do now: is it the key, or is it Claude?

No header separates a revoked key from an outage that refuses valid ones, as on 28 April 2026. What
does: a revoked key is refused always, so a success after a refusal speaks for it; a second key that
worked is hardly revoked in the same minutes; runs without any key fail; the vendor says so.

A 403 says less than a 401: that the key may not do this, or not from here. It is the organization's
own affair more often than not, as an allowlist is, and alternates with successes behind a pool of
addresses of which one is refused. So no success speaks for the key then, and the refusal of a
second one only if the two are of different organizations. Keys whose organization the config does
not name may be of the same one.

Keys are known by a salted hash, so a new key starts without history. Nothing here reads a clock:
`at` is a moment of a run in monotonic seconds, the same one for all (its start, or its end); calls
may come out of that order, for runs overlap.

The order of calls for one refused run, so that each is judged again at most once:

    book.refused(key, run_id, at, forbidden=...)
    evidence = book.evidence(key, at, unkeyed_bad=..., forbidden=...)   # goes into the verdict
    if the verdict is auth_error: re-judge book.take_pending(key, forbidden=...), with this run

and for one accepted run: `accepted`, then `evidence`; if there is some, `take_pending`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

EVIDENCE_WINDOW = 600.0
"""Seconds for which a success after a refusal, and a refusal to be judged again, are remembered."""

SIBLING_WINDOW = 120.0
"""Seconds within which a sibling's refusal is one of the same moment."""

UNKEYED_BAD_MIN = 2
"""So many bad runs without a key say that Claude is failing."""

ACCEPTED_BETWEEN = "the same key was accepted after a refusal"
SIBLING_REFUSED = "another key that worked is refused too"
UNKEYED_FAILED = "runs without a key failed too"
PROVIDER_SAYS = "the vendor's status page speaks of authentication"
"""The evidence in words. `refusals` reads them again in an incident's samples."""

KEYS_MAX = 64
REFUSALS_MAX = 256

_NEVER = -math.inf


@dataclass(slots=True)
class _Key:
    """One key's history.

    Attributes:
        accepted: moment of the latest accepted run.
        refused: moment of the latest refused run.
        denied: moment of the latest one refused by a 401.
        vindicated: moment of the latest of these that an accepted one followed.
        touched: number of the last call about it; the least is forgotten first.
        refusals: (moment, run id, by a 403) of refusals to be judged again when evidence comes.
    """

    accepted: float = _NEVER
    refused: float = _NEVER
    denied: float = _NEVER
    vindicated: float = _NEVER
    touched: int = 0
    refusals: deque[tuple[float, str, bool]] = field(
        default_factory=lambda: deque(maxlen=REFUSALS_MAX)
    )


class CredentialBook:
    """The history of every key that a run carried. Bounded; deterministic; without a clock."""

    def __init__(self, organizations: Mapping[str, str | None] | None = None) -> None:
        """An empty book: no key has ever worked. `organizations`: which each key is of, if said."""
        self._organizations = organizations or {}
        self._keys: dict[str, _Key] = {}
        self._latest = _NEVER
        self._calls = 0

    def accepted(self, credential: str, at: float) -> None:
        """A run with the key `credential` was ok at `at`."""
        key = self._touch(credential, at)
        key.accepted = max(key.accepted, at)
        before = [start for start, _, forbidden in key.refusals if start < at and not forbidden]
        key.vindicated = max(key.vindicated, *before, _NEVER)
        if key.denied < at:
            key.vindicated = max(key.vindicated, key.denied)

    def refused(self, credential: str, run_id: str, at: float, *, forbidden: bool = False) -> None:
        """A run with the key was refused; `forbidden`: by a 403.

        Kept for a second judgement only if the key had been accepted before: what a new key meets
        until it is switched on is no outage, even though it works later.
        """
        worked = self.worked(credential)
        key = self._touch(credential, at)
        key.refused = max(key.refused, at)
        if not forbidden:
            key.denied = max(key.denied, at)
            if at < key.accepted:
                key.vindicated = max(key.vindicated, at)
        if worked:
            key.refusals.append((at, run_id, forbidden))

    def worked(self, credential: str) -> bool:
        """Whether the key was ever accepted, as far as is remembered."""
        key = self._keys.get(credential)
        return key is not None and key.accepted > _NEVER

    def evidence(
        self,
        credential: str,
        at: float,
        *,
        unkeyed_bad: int,
        provider_says_auth: bool = False,
        forbidden: bool = False,
    ) -> str | None:
        """One sentence that says why a refusal at `at` is not the key's fault; None without one.

        Args:
            credential: the refused key.
            at: the moment of the refused run.
            unkeyed_bad: bad runs without a key in the minutes around it.
            provider_says_auth: the vendor's page speaks of authentication now.
            forbidden: the refusal was a 403.
        """
        key = self._keys.get(credential)
        if key is not None and not forbidden and key.vindicated >= at - EVIDENCE_WINDOW:
            return f"{ACCEPTED_BETWEEN} in the last 10 min"
        for name, other in self._keys.items():
            apart = self._apart(name, credential)
            # Of one organization, only a key that is not known any more speaks for another such.
            moment = other.refused if apart else other.denied
            told = apart or not forbidden
            if name != credential and told and _fails_now(other, moment, at):
                return SIBLING_REFUSED
        if unkeyed_bad >= UNKEYED_BAD_MIN:
            return f"{unkeyed_bad} {UNKEYED_FAILED}"
        return PROVIDER_SAYS if provider_says_auth else None

    def _apart(self, one: str, other: str) -> bool:
        """Whether two keys are known to be of different organizations."""
        a, b = self._organizations.get(one), self._organizations.get(other)
        return a is not None and b is not None and a != b

    def passing(self, credential: str, at: float) -> tuple[str, ...]:
        """Other keys whose newest run of the last 10 minutes was accepted."""
        return tuple(
            name
            for name, other in self._keys.items()
            if name != credential
            and other.accepted > other.refused
            and other.accepted >= at - EVIDENCE_WINDOW
        )

    def take_pending(self, credential: str, *, forbidden: bool = False) -> tuple[str, ...]:
        """Ids of the key's refusals of the last 10 minutes, oldest call first; then forgotten.

        Those by a 403, or those by a 401.

        To be called when there is evidence: they are judged again as `auth_error`. At most
        `REFUSALS_MAX`, the newest.
        """
        key = self._keys.get(credential)
        if key is None:
            return ()
        since = self._latest - EVIDENCE_WINDOW
        taken = [refusal for refusal in key.refusals if refusal[2] is forbidden]
        for refusal in taken:
            key.refusals.remove(refusal)
        return tuple(run_id for start, run_id, _ in taken if start >= since)

    def credentials(self) -> tuple[str, ...]:
        """Every key remembered: new evidence for one may be evidence for its siblings."""
        return tuple(self._keys)

    def snapshot(self) -> dict[str, object]:
        """The whole book as JSON-able values; times are monotonic seconds of this process."""
        return {
            "keys": [
                {
                    "credential": credential,
                    "accepted": _finite(key.accepted),
                    "refused": _finite(key.refused),
                    "denied": _finite(key.denied),
                    "vindicated": _finite(key.vindicated),
                    "refusals": [list(refusal) for refusal in key.refusals],
                }
                for credential, key in sorted(self._keys.items(), key=lambda pair: pair[1].touched)
            ]
        }

    def restore(self, mapping: Mapping[str, object], shift: float) -> None:
        """Replace the book by one that `snapshot` gave, its times moved by `shift` seconds.

        An entry that does not read as one (another version wrote it) is left out: a key without
        history is only a key whose first refusals wait for evidence.
        """
        self._keys.clear()
        self._latest = _NEVER
        entries = mapping.get("keys")
        for entry in entries if isinstance(entries, list) else ():
            restored = _restored(entry, shift) if isinstance(entry, dict) else None
            if restored is not None:
                credential, key = restored
                self._keep(credential, key, max(key.accepted, key.refused))

    def _touch(self, credential: str, at: float) -> _Key:
        key = self._keys.get(credential) or _Key()
        self._keep(credential, key, at)
        return key

    def _keep(self, credential: str, key: _Key, at: float) -> None:
        self._latest = max(self._latest, at)
        self._calls += 1
        key.touched = self._calls
        self._keys[credential] = key
        if len(self._keys) > KEYS_MAX:
            del self._keys[min(self._keys, key=lambda name: self._keys[name].touched)]


def _fails_now(key: _Key, refused: float, at: float) -> bool:
    """Whether a key that worked was `refused` in the minutes of `at`, and not accepted since."""
    return _NEVER < key.accepted < refused and refused >= at - SIBLING_WINDOW


def _finite(at: float) -> float | None:
    return None if at == _NEVER else at


def _restored(entry: Mapping[str, object], shift: float) -> tuple[str, _Key] | None:
    """A key's name and history from one entry of a snapshot; None if it does not read as one."""
    credential, refusals = entry.get("credential"), entry.get("refusals")
    if not isinstance(credential, str) or not isinstance(refusals, list):
        return None
    key = _Key(
        accepted=_moment(entry.get("accepted"), shift),
        refused=_moment(entry.get("refused"), shift),
        denied=_moment(entry.get("denied", entry.get("refused")), shift),
        vindicated=_moment(entry.get("vindicated"), shift),
    )
    for refusal in refusals:
        match refusal:
            case [float() | int() as start, str() as run_id]:
                key.refusals.append((start + shift, run_id, False))
            case [float() | int() as start, str() as run_id, bool() as forbidden]:
                key.refusals.append((start + shift, run_id, forbidden))
            case _:
                return None
    return credential, key


def _moment(value: object, shift: float) -> float:
    return value + shift if isinstance(value, float | int) else _NEVER
