"""What the monitor says about itself: blind, sighted, misconfigured. Each once, while it lasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from monitor.core import words
from monitor.core.causes import cause_of, unwrapped
from monitor.core.claude_api import Scope
from monitor.core.effects import Announce, Effect, Judged
from monitor.core.guard import ControlGuard
from monitor.core.incident import Event, EventType, Reason
from monitor.core.lifecycle import RETIRED, ModelReport, ModelStanding
from monitor.core.moment import Moment
from monitor.core.outcome import Counts, Outcome
from monitor.core.plan import Plan, ProbePlan

_BUDGET = "budget"
_MODEL = "model"
_GONE = (Reason.MODEL_RETIRED, Reason.MODEL_NOT_LISTED)
_NOT_FOUND = 404

RETIRES_DAYS = (30, 7)
"""So many days before a configured model is retired that is said."""

SETTLED_AFTER = 600.0
"""Seconds for which a matter must not have been met before a good run settles it."""

GUARD_OFF_AFTER = 120.0
"""Seconds for which Claude must answer, and no control target, before that is said."""

_REASONS = {
    Outcome.CREDENTIAL_REJECTED: Reason.CREDENTIAL_REJECTED,
    Outcome.CLIENT_ERROR: Reason.CLIENT_ERROR,
    Outcome.UNPROVEN: Reason.UNPROVEN,
}


class Notices:
    """Remembers what has been said. Times are monotonic seconds."""

    def __init__(self, plan: Plan, announce_after: float) -> None:
        """Nothing has been said."""
        self._plan = plan
        self._announce_after = announce_after
        self._probes = {probe.name: probe for probe in plan.probes}
        self._said: dict[str, str] = {}
        self._seen: dict[str, float] = {}
        self._blind_since: float | None = None
        self._unguarded_since: float | None = None

    def about(
        self, judged: Judged, *, worked: bool, now: Moment, passing: tuple[str, ...] = ()
    ) -> list[Effect]:
        """What a run says about our own set-up.

        One cause is spoken of once, whichever probes meet it: an affair of the organization's own
        for all of its keys, a refused key for all of its probes, a model that is not there for all
        that ask it. It stays said until a good run of the probe that raised it comes ten minutes
        after it was met last: a key may be good for one question and never allowed the other, and
        behind a pool of addresses refusals and successes alternate.

        Args:
            judged: the run and its verdict.
            worked: its key was accepted before.
            now: the moment of the run's end.
            passing: other keys that are accepted at present.
        """
        probe, verdict = self._probes[judged.observation.probe], judged.verdict
        if verdict.counts is Counts.GOOD:
            self._settle(probe.name, now.mono)
            return []
        reason = _REASONS.get(verdict.outcome)
        if reason is None:
            return []
        matter = self._matter(probe, judged, worked=worked, passing=passing)
        if matter is None:
            return []
        key, text = matter
        self._seen[key] = now.mono
        return self._once(key, reason, text, now, by=probe.name)

    def _matter(
        self, probe: ProbePlan, judged: Judged, *, worked: bool, passing: tuple[str, ...]
    ) -> tuple[str, tuple[str, str]] | None:
        """The cause by its key, and what to say of it; None where it is said already otherwise."""
        verdict, answer = judged.verdict, judged.observation.answer
        if answer is not None and probe.gateway:
            answer = unwrapped(answer)
        cause = None if answer is None else cause_of(answer)
        # By the key's fingerprint: a new key under the same name is a new matter.
        credential = f"credential/{probe.credential_name}#{probe.credential or ''}"
        if cause is not None and cause.scope is not Scope.PROBE and probe.credential is not None:
            whole = cause.scope is Scope.ORGANIZATION
            hit = self._sharing(probe) if whole else (probe.credential_name or "",)
            text = words.cause_sentence(cause.meaning, cause.hint, hit, verdict.reason)
            if whole:
                named = f"organization/{probe.organization or 'unnamed'}"
                return f"{named}/{cause.name}", text
            name, _, fingerprint = credential.partition("#")
            return f"{name}/{cause.name}#{fingerprint}", text
        if verdict.outcome is Outcome.CREDENTIAL_REJECTED:
            name = probe.credential_name or ""
            others = tuple(other for other in self._keys() if other != name)
            text = words.credential_sentence(
                name,
                words.KeyStanding(
                    worked=worked, passing=passing, others=others, gateway=probe.gateway
                ),
            )
            return credential, text
        text = words.misconfigured_sentence(probe.name, verdict.outcome, verdict.reason)
        if answer is not None and answer.status == _NOT_FOUND and probe.model is not None:
            if any(f"{_MODEL}/{probe.model}#{gone}" in self._said for gone in _GONE):
                return None  # said of the model, by the list of models
            return f"missing/{probe.model}", text
        return f"probe/{probe.name}", text

    def _sharing(self, probe: ProbePlan) -> tuple[str, ...]:
        """Names of the keys that share the fate of this probe's, in the order of their names."""
        return tuple(
            name
            for name, organization in sorted(self._keys().items())
            if organization == probe.organization
        )

    def _keys(self) -> dict[str, str | None]:
        """Every key that an enabled probe carries, and its organization."""
        return {
            probe.credential_name or "": probe.organization
            for probe in self._plan.enabled()
            if probe.credential is not None
        }

    def _settle(self, probe: str, now: float) -> None:
        """A good run of the probe that raised a matter takes it off the table."""
        for key in [key for key, by in self._said.items() if by == probe]:
            if now - self._seen.get(key, float("-inf")) >= SETTLED_AFTER:
                del self._said[key]
                self._seen.pop(key, None)

    def network(self, guard: ControlGuard, now: Moment) -> list[Effect]:
        """Blind and sighted, and a guard that no target can serve."""
        why = guard.blind_reason()
        if why is None:
            self._blind_since = None
            return self._sighted(now) + self._unguarded(guard, now)
        if self._blind_since is None:
            self._blind_since = now.mono
        if now.mono - self._blind_since < self._announce_after or "network" in self._said:
            return []
        self._said["network"] = ""
        reason = Reason.CONTROLS_FAILED if guard.active else Reason.NOTHING_ANSWERS
        summary = words.blind_sentence(self._plan.vantage, why)
        return [self._event(EventType.BLIND, "network", reason, (summary, why), now)]

    def _sighted(self, now: Moment) -> list[Effect]:
        if "network" not in self._said:
            return []
        del self._said["network"]
        summary = words.sighted_sentence(self._plan.vantage)
        return [self._event(EventType.SIGHTED, "network", Reason.NETWORK_BACK, (summary, ""), now)]

    def _unguarded(self, guard: ControlGuard, now: Moment) -> list[Effect]:
        if guard.active or not guard.ever_answered or not self._plan.controls:
            self._unguarded_since = None
            self._said.pop("control", None)
            return []
        if self._unguarded_since is None:
            self._unguarded_since = now.mono
        if now.mono - self._unguarded_since < GUARD_OFF_AFTER:
            return []
        text = words.guard_off_sentence(tuple(control.name for control in self._plan.controls))
        return self._once("control", Reason.GUARD_OFF, text, now)

    def budget_spent(self, text: tuple[str, str], now: Moment) -> list[Effect]:
        """The day's money for paid runs is spent: said once a day (UTC), over restarts too."""
        key = f"{_BUDGET}/{now.wall:%Y-%m-%d}"
        if key in self._said:
            return []
        for before in [said for said in self._said if said.startswith(f"{_BUDGET}/")]:
            del self._said[before]
        self._said[key] = ""
        return [self._event(EventType.MISCONFIGURED, _BUDGET, Reason.BUDGET_SPENT, text, now)]

    def models(self, report: ModelReport, now: Moment) -> list[Effect]:
        """Models that are gone, and those that are to be retired: 30 and 7 days before.

        Each is said once for one model and date, whichever probes ask it, over restarts too.
        """
        due = [notice for each in report.models for notice in _model_notices(each, now.wall)]
        lasting = {key for key, *_ in due}
        for key in [said for said in self._said if said.startswith(f"{_MODEL}/")]:
            if key not in lasting:
                del self._said[key]
        effects: list[Effect] = []
        for key, reason, text in due:
            if reason is None:
                self._said.setdefault(key, "")
            else:
                effects += self._once(key, reason, text, now)
        return effects

    def _once(
        self, key: str, reason: Reason, text: tuple[str, str], now: Moment, by: str = ""
    ) -> list[Effect]:
        if key in self._said:
            return []
        self._said[key] = by
        subject = key.partition("#")[0]
        return [self._event(EventType.MISCONFIGURED, subject, reason, text, now)]

    def _event(
        self,
        kind: EventType,
        subject: str,
        reason: Reason,
        text: tuple[str, str],
        now: Moment,
    ) -> Announce:
        word = str(kind).removeprefix("monitor.")
        slug = subject.replace("/", "-")
        return Announce(
            event=Event(
                id=f"{self._plan.vantage}-{now.wall:%Y%m%d-%H%M%S}-{word}-{slug}",
                type=kind,
                at=now.wall,
                vantage=self._plan.vantage,
                summary=text[0],
                reason=reason,
                subject=subject,
                detail=text[1],
            )
        )

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        return {
            "said": dict(self._said),
            "seen": dict(self._seen),
            "blind_since": self._blind_since,
            "unguarded_since": self._unguarded_since,
        }

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        self._said = {
            key: by for key, by in saved["said"].items() if not by or self._still_asks(key, by)
        }
        self._seen = {
            key: at + shift for key, at in saved.get("seen", {}).items() if key in self._said
        }
        blind, unguarded = saved["blind_since"], saved["unguarded_since"]
        self._blind_since = None if blind is None else blind + shift
        self._unguarded_since = None if unguarded is None else unguarded + shift

    def _still_asks(self, key: str, by: str) -> bool:
        """Whether the probe that raised a matter still runs, and with the same key."""
        probe = self._probes.get(by)
        fingerprint = key.partition("#")[2]
        return probe is not None and probe.enabled and fingerprint in ("", probe.credential)


def _model_notices(
    standing: ModelStanding, now: datetime
) -> Iterator[tuple[str, Reason | None, tuple[str, str]]]:
    """What there is to say of a model now: key, reason and sentence.

    The last one due is said; earlier ones (without a reason) count as said with it.
    """
    if standing.gone:
        retired = standing.lifecycle == RETIRED
        reason = Reason.MODEL_RETIRED if retired else Reason.MODEL_NOT_LISTED
        yield f"{_MODEL}/{standing.model}#{reason}", reason, words.model_gone_sentence(standing)
        return
    when = standing.retires_at
    if when is None:
        return
    due = [days for days in RETIRES_DAYS if when - now <= timedelta(days=days)]
    for days in due:
        reason_now = Reason.MODEL_RETIRES if days == due[-1] else None
        text = words.model_retires_sentence(standing, when, now)
        yield f"{_MODEL}/{standing.model}#{when:%Y-%m-%d}/{days}", reason_now, text
