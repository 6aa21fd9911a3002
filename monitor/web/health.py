"""`/-/healthy`: the loop is alive. `/-/ready`: serving, and what is not as it should be.

A full disk or a late loop does not fail readiness: a restart would not mend it, and the daemon
still probes and announces. It is said in the body and in the metrics.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from aiohttp import web

from monitor.web.answer import json_response
from monitor.web.ports import DEPS, Health

LATE_AFTER = 2.0
"""A loop or a start later than this, in seconds, is a problem: verdicts begin to suffer."""

STUCK_AFTER = 300.0
"""A delivery that waits longer than this, in seconds, is stuck."""

Row = dict[str, str | float | int]


async def healthy(request: web.Request) -> web.Response:
    """200 when the loop is alive, else 503."""
    deps = request.app[DEPS]
    alive = deps.health.health().alive
    status = HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE
    return json_response({"vantage": deps.plan.vantage, "alive": alive}, status)


async def ready(request: web.Request) -> web.Response:
    """200 when serving, else 503; always with the list of problems."""
    deps = request.app[DEPS]
    health = deps.health.health()
    status = HTTPStatus.OK if health.serving else HTTPStatus.SERVICE_UNAVAILABLE
    body = {
        "vantage": deps.plan.vantage,
        "ready": health.serving,
        "problems": list(problems(health)),
    }
    return json_response(body, status)


def problems(health: Health) -> Iterator[Row]:
    """What is not as it should be, each with its word, its sentence and its figures."""
    store = health.store
    if store is not None and not store.ok:
        yield {
            "problem": "store_not_written",
            "detail": f"{store.error or 'the database takes no writes'}; probing goes on",
            "queued_runs": store.queued_runs,
            "queued_changes": store.queued_changes,
            "dropped_runs": store.dropped_runs,
        }
    if health.loop_lag > LATE_AFTER:
        yield _late("loop_late", "the event loop was late", health.loop_lag)
    if health.lateness > LATE_AFTER:
        yield _late("runs_late", "runs start late", health.lateness)
    for delivery in health.deliveries:
        if delivery.oldest_age > STUCK_AFTER:
            yield {
                "problem": "deliveries_stuck",
                "detail": f"{delivery.notifier} takes no deliveries",
                "notifier": delivery.notifier,
                "pending": delivery.pending,
                "oldest_age_seconds": round(delivery.oldest_age, 3),
            }


def _late(problem: str, sentence: str, seconds: float) -> Row:
    return {
        "problem": problem,
        "detail": f"{sentence} by {seconds:.1f} s",
        "seconds": round(seconds, 3),
    }
