"""The web server: the routes joined, and a limit on everything that a visitor may do.

Visitors must not disturb probing. So a request is small and a handler's time is bounded, a
connection that sends nothing is closed, and of too many connections the oldest goes: then slow
readers can neither pile up memory nor lock out the next scrape.
"""

from __future__ import annotations

import asyncio
import os
from types import TracebackType
from typing import Self, cast

from aiohttp import web
from aiohttp.typedefs import Handler

from monitor.web import (
    answer,
    api,
    badge,
    details,
    health,
    live,
    scrape,
    status_page,
    statuspage,
)
from monitor.web.ports import DEPS, WebDeps
from monitor.web.problem import Problem, as_problem, problem_response, wants_page

CONNECTIONS_MAX = 64
"""Open connections; above this the oldest is closed."""

KEEPALIVE_SECONDS = 75.0
"""How long a connection may be silent: Prometheus's longest usual interval and some."""

REQUEST_LINE_BYTES_MAX = 4096
HEADER_BYTES_MAX = 8190
HEADERS_MAX = 64
BODY_BYTES_MAX = 1024
"""Nothing here takes a body."""

LINGER_SECONDS = 1.0
"""How long a body that nobody asked for is read before the connection is closed."""

SHUTDOWN_SECONDS = 1.0
"""How long answers under way have when the server stops."""


class WebError(Exception):
    """The server cannot start: one line for the operator."""


def create_app(deps: WebDeps, hub: live.Hub | None = None) -> web.Application:
    """Every route over `deps`; `hub` tells listeners what happens, None one that nobody feeds."""
    app = web.Application(middlewares=[answer.conditional, _errors], client_max_size=BODY_BYTES_MAX)
    app[DEPS] = deps
    app.on_response_prepare.append(answer.secure)
    app.router.add_get("/-/healthy", health.healthy)
    app.router.add_get("/-/ready", health.ready)
    app.router.add_get("/metrics", scrape.metrics)
    scrape.set_up(app)
    api.set_up(app)
    badge.set_up(app)
    live.set_up(app, hub)
    statuspage.set_up(app)
    status_page.set_up(app)
    details.set_up(app)
    return app


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    answered = await as_problem(request, handler)
    if not isinstance(answered, Problem):
        return answered
    if wants_page(request):
        return request.app[status_page.PAGES].problem(answered)
    return problem_response(answered, request.path)


class WebServer:
    """Serves one application on one address. Start it once; it may be used as a context."""

    def __init__(self, app: web.Application, host: str, port: int) -> None:
        """Serve `app` at `host`:`port`; port 0 takes a free one."""
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            max_line_size=REQUEST_LINE_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
            max_headers=HEADERS_MAX,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            WebError: the address cannot be used; the message names it and says why.
        """
        await self._runner.setup()
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._accept, self._host, self._port, backlog=CONNECTIONS_MAX
            )
        except (OSError, OverflowError) as problem:
            await self._runner.cleanup()
            msg = f"cannot listen on {_address(self._host, self._port)}: {_why(problem)}"
            raise WebError(msg) from problem

    async def stop(self) -> None:
        """Take no more connections, let answers under way end, close. May be called again."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    @property
    def port(self) -> int:
        """The port it listens on: the real one when 0 was asked for."""
        if self._server is not None and self._server.sockets:
            return int(self._server.sockets[0].getsockname()[1])
        return self._port

    @property
    def address(self) -> str:
        """Where it listens, as `host:port`."""
        return _address(self._host, self.port)

    def _accept(self) -> asyncio.BaseProtocol:
        server = cast("web.Server", self._runner.server)  # there is one from start to stop
        connections = server.connections
        if len(connections) >= CONNECTIONS_MAX:
            for connection in connections:
                if connection.transport is not None and not connection.transport.is_closing():
                    connection.transport.abort()
                    break
        return server()


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _why(problem: OSError | OverflowError) -> str:
    if isinstance(problem, OverflowError):
        return "a port lies between 0 and 65535"
    if problem.errno is not None and problem.errno > 0:
        return os.strerror(problem.errno).lower()
    return problem.strerror or type(problem).__name__
