"""From facts to verdicts, with what is known from before: keys, proven probes, the control guard.

`classify` decides over one observation and a context. This module builds the context and remembers
which runs may have to be judged again: a refused key when something says that it is not the key, a
run without an answer when the control targets turn out to have failed at the same time.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from monitor.core.causes import cause_of
from monitor.core.classify import Context, classify, is_forbidden
from monitor.core.codec import from_plain, to_plain
from monitor.core.credential import CredentialBook
from monitor.core.effects import Judged
from monitor.core.guard import ControlGuard
from monitor.core.observation import Observation
from monitor.core.outcome import Counts, Depth, Outcome
from monitor.core.plan import Plan, ProbePlan
from monitor.core.policy import Policy
from monitor.core.rules import share_limited
from monitor.core.window import Entry, Windows

DOUBTED_MAX = 500
DOUBTED_SECONDS = 600.0
UNKEYED_SECONDS = 120.0
SILENT_SAVED_SECONDS = 60.0
"""The control targets' word on a run comes within seconds: older ones need no saving."""

_REFUSED = (Outcome.CREDENTIAL_REJECTED, Outcome.AUTH_ERROR)


class Judge:
    """Judges runs, and judges some of them again."""

    def __init__(self, plan: Plan, policy: Policy, guard: ControlGuard, windows: Windows) -> None:
        """Nothing is proven, no key has ever worked."""
        self._plan = plan
        self._policy = policy
        self._guard = guard
        self._windows = windows
        self._probes = {probe.name: probe for probe in plan.probes}
        self._credentials = CredentialBook(
            {p.credential: p.organization for p in plan.probes if p.credential is not None}
        )
        self._unkeyed = {
            probe.name: tuple(
                other.name
                for other in plan.enabled()
                if other.credential is None and set(other.components) & set(probe.components)
            )
            for probe in plan.enabled()
            if probe.credential is not None
        }
        self._silent: OrderedDict[str, Judged] = OrderedDict()
        self._refused: OrderedDict[str, Judged] = OrderedDict()
        self.proven: set[str] = set()
        self._through_gateway: set[str] = set()
        self._vendor_spoke: tuple[frozenset[str], float] = (frozenset(), float("-inf"))

    def vendor_spoke(self, word: tuple[frozenset[str], float] | None) -> None:
        """The vendor's page says that authentication fails at these components, until then.

        It settles whose fault the refusal of a key that worked is, and nothing else. None leaves
        what it said before.
        """
        self._vendor_spoke = word or self._vendor_spoke

    def judge(self, observation: Observation) -> Judged:
        """The verdict over a new observation, remembering what it teaches."""
        probe = self._probes[observation.probe]
        silent = observation.answer is None and not observation.provisional
        if silent and probe.alternative_for is None:
            self._guard.silent()
        verdict = classify(observation, self._context(probe, observation))
        judged = Judged(observation=observation, verdict=verdict)
        self._learn(probe, judged)
        return judged

    def _context(self, probe: ProbePlan, observation: Observation) -> Context:
        no_network = None
        answer = observation.answer
        if answer is None or not (answer.vendor or probe.answered_means_vendor):
            # A captive portal answers too: only the vendor's own answer proves the way to it.
            no_network = self._guard.excuse(observation.started, observation.ended)
        key = probe.credential
        return Context(
            probe=probe,
            proven=probe.name in self.proven,
            key_worked=key is not None and self._credentials.worked(key),
            key_evidence=None
            if key is None
            else self._evidence(probe, key, observation.started, forbidden=_forbidden(observation)),
            no_network=no_network,
            loop_late_max=self._policy.loop_late,
        )

    def _evidence(self, probe: ProbePlan, key: str, now: float, *, forbidden: bool) -> str | None:
        """Why a refusal (by a 403 where `forbidden`) is not the key's fault, if anything says so.

        Through a gateway nothing does: which of two keys is refused, its own or the one behind it,
        nobody can tell.
        """
        if probe.gateway:
            return None
        entries = self._windows.since(self._unkeyed.get(probe.name, ()), now - UNKEYED_SECONDS)
        bad = self._unkeyed_bad([entry for entry in entries if entry.bad])
        components, until = self._vendor_spoke
        says = now <= until and not components.isdisjoint(probe.components)
        return self._credentials.evidence(
            key, now, unkeyed_bad=bad, provider_says_auth=says, forbidden=forbidden
        )

    def _unkeyed_bad(self, bad: Sequence[Entry]) -> int:
        """How many bad runs without a key say something of keys.

        One that did not reach the vendor does not: it may be our own network. Nor does one probe in
        a blip of its own, asked again and again: it takes two probes, or one that is bad for longer
        than a blip lasts.
        """
        bad = [entry for entry in bad if entry.reached]
        if bad and bad[-1].started - bad[0].started >= self._policy.solo.span:
            return len(bad)
        return share_limited(Counter(entry.probe for entry in bad))

    def _learn(self, probe: ProbePlan, judged: Judged) -> None:
        observation, verdict = judged.observation, judged.verdict
        heard = verdict.answered or verdict.counts is Counts.GOOD
        if heard and probe.alternative_for is None:
            self._guard.answered(observation.started, observation.ended)
        if verdict.counts is Counts.GOOD:
            self.proven.add(probe.name)
        self._silent.pop(observation.run_id, None)
        if verdict.counts is Counts.BAD and not verdict.answered:
            _keep(self._silent, judged)
        if probe.credential is not None:
            self._learn_key(probe, probe.credential, judged)

    def _learn_key(self, probe: ProbePlan, key: str, judged: Judged) -> None:
        """What the run says of its key."""
        observation, verdict = judged.observation, judged.verdict
        good = verdict.counts is Counts.GOOD
        if probe.gateway:
            # What a gateway takes or refuses says nothing of how Claude treats keys.
            if good and probe.depth is Depth.INFERENCE:
                self._through_gateway.add(key)
        elif good:
            self._credentials.accepted(key, observation.started)
        elif verdict.outcome in _REFUSED and not _own_affair(observation):
            forbidden = _forbidden(observation)
            self._credentials.refused(
                key, observation.run_id, observation.started, forbidden=forbidden
            )
            if verdict.outcome is Outcome.CREDENTIAL_REJECTED:
                _keep(self._refused, judged)

    def network_doubts(self) -> list[Judged]:
        """Runs that counted as bad and are now put down to our own network."""
        changed: list[Judged] = []
        for run_id, judged in list(self._silent.items()):
            observation = judged.observation
            if self._guard.excuse(observation.started, observation.ended) is None:
                continue
            del self._silent[run_id]
            verdict = classify(
                observation, self._context(self._probes[observation.probe], observation)
            )
            changed.append(Judged(observation=observation, verdict=verdict))
        return changed

    def key_doubts(self, now: float) -> list[Judged]:
        """Runs whose key was refused and that are now put down to the vendor.

        The table of verdicts decides again, with what is known now: a key that was never allowed
        what one probe asks for stays ours, however well it works for the others.
        """
        if not self._refused:
            return []
        changed: list[Judged] = []
        refused = {self._probes[j.observation.probe] for j in self._refused.values()}
        for probe in sorted(refused, key=lambda probe: probe.name):
            key = probe.credential
            if key is None or not self._credentials.worked(key):
                continue
            for forbidden in (False, True):
                evidence = self._evidence(probe, key, now, forbidden=forbidden)
                if evidence is not None:
                    pending = self._credentials.take_pending(key, forbidden=forbidden)
                    changed += self._reread(pending, evidence)
        return changed

    def _reread(self, run_ids: Iterable[str], evidence: str) -> list[Judged]:
        """Those of these refused runs that are the vendor's fault in the light of `evidence`."""
        changed: list[Judged] = []
        for run_id in run_ids:
            judged = self._refused.pop(run_id, None)
            if judged is None:
                continue
            observation = judged.observation
            context = self._context(self._probes[observation.probe], observation)
            verdict = classify(observation, replace(context, key_evidence=evidence))
            if verdict.outcome is Outcome.AUTH_ERROR:
                changed.append(Judged(observation=observation, verdict=verdict))
        return changed

    def forget_before(self, now: float) -> None:
        """Runs older than ten minutes are not judged again."""
        for doubted in (self._silent, self._refused):
            while doubted:
                first = next(iter(doubted.values()))
                if first.observation.ended >= now - DOUBTED_SECONDS:
                    break
                doubted.popitem(last=False)

    def forget_times(self) -> None:
        """The clocks jumped: nothing is judged again."""
        self._silent.clear()
        self._refused.clear()
        self._vendor_spoke = (frozenset(), float("-inf"))

    def worked(self, credential: str) -> bool:
        """Whether this key has ever worked here."""
        return self._credentials.worked(credential) or credential in self._through_gateway

    def passing(self, probe: ProbePlan, at: float) -> tuple[str, ...]:
        """Names of the other keys that were accepted lately, and not refused since."""
        if probe.credential is None or probe.gateway:
            return ()
        keys = self._credentials.passing(probe.credential, at)
        return tuple(
            sorted({p.credential_name or "" for p in self._probes.values() if p.credential in keys})
        )

    def snapshot(self) -> dict[str, Any]:
        """All that is remembered, as plain values."""
        silent = list(self._silent.values())
        newest = max((j.observation.ended for j in silent), default=0.0)
        return {
            "proven": sorted(self.proven),
            "credentials": self._credentials.snapshot(),
            "through_gateway": sorted(self._through_gateway),
            "silent": [
                to_plain(j) for j in silent if j.observation.ended >= newest - SILENT_SAVED_SECONDS
            ],
            "refused": [to_plain(judged) for judged in self._refused.values()],
        }

    def restore(self, saved: Mapping[str, Any], shift: float) -> None:
        """Take over a snapshot; `shift` seconds are added to its monotonic times."""
        self.prove(saved["proven"])
        self._credentials.restore(saved["credentials"], shift)
        self._through_gateway = set(saved.get("through_gateway", ()))
        for name, doubted in (("silent", self._silent), ("refused", self._refused)):
            for value in saved[name]:
                judged = _moved(from_plain(Judged, value), shift)
                if judged.observation.probe in self._probes:
                    _keep(doubted, judged)

    def prove(self, probes: Iterable[str]) -> None:
        """These probes have been ok here before."""
        self.proven.update(name for name in probes if name in self._probes)


def _own_affair(observation: Observation) -> bool:
    """Whether the vendor's own word calls it an affair of ours, which speaks for no key."""
    return observation.answer is not None and cause_of(observation.answer) is not None


def _forbidden(observation: Observation) -> bool:
    """Whether it was refused by a 403; a program's word on a key is taken for a 401."""
    return observation.answer is not None and is_forbidden(observation.answer)


def _moved(judged: Judged, shift: float) -> Judged:
    before = judged.observation
    observation = replace(before, started=before.started + shift, ended=before.ended + shift)
    return replace(judged, observation=observation)


def _keep(doubted: OrderedDict[str, Judged], judged: Judged) -> None:
    doubted[judged.observation.run_id] = judged
    while len(doubted) > DOUBTED_MAX:
        doubted.popitem(last=False)
