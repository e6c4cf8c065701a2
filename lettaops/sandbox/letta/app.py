"""The REST API: routes, and what goes around them."""

from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from lettaops.sandbox.letta.database import DatabaseBusy
from lettaops.sandbox.letta.logs import APP, letta_logger
from lettaops.sandbox.letta.routes import Routes, json
from lettaops.sandbox.letta.settings import Settings
from lettaops.sandbox.letta.talk import NoAgent

_OPEN_PATHS: Final = frozenset(
    {
        "/v1/health", "/v1/health/", "/latest/health/",
        "/v1/ready", "/v1/ready/", "/latest/ready", "/latest/ready/",
    }
)  # fmt: skip
_ORIGINS: Final = ("http://letta.localhost", "http://localhost:8283", "http://localhost:8083")
_REQUESTS: Final = letta_logger("server.rest_api.middleware.logging")


def make_app(settings: Settings, routes: Routes, lifespan: Lifespan[Starlette]) -> Starlette:
    """The application. What nobody foresaw is logged here, and by uvicorn again, as with Letta."""
    every = [
        Route("/health/", routes.health),
        Route("/ready/", routes.health),
        Route("/agents/count", routes.count("agents")),
        Route("/tools/count", routes.count("tools")),
        Route("/blocks/count", routes.count("block")),
        Route("/folders/count", routes.count("sources")),
        Route("/agents/", routes.agents),
        Route("/agents/import", routes.import_file, methods=["POST"]),
        Route("/agents/{agent_id}", routes.agent, methods=["GET"]),
        Route("/agents/{agent_id}", routes.delete_agent, methods=["DELETE"]),
        Route("/agents/{agent_id}/messages", routes.messages, methods=["GET"]),
        Route("/agents/{agent_id}/messages", routes.send, methods=["POST"]),
        Route("/agents/{agent_id}/messages/stream", routes.send_streaming, methods=["POST"]),
        Route("/agents/{agent_id}/messages/cancel", routes.cancel, methods=["POST"]),
        Route("/agents/{agent_id}/export", routes.export),
        Route("/models/", routes.models("llm")),
        Route("/models/embedding", routes.models("embedding")),
        Route("/providers/", routes.providers),
        Route("/runs/", routes.runs),
        Route("/runs/{run_id}", routes.run),
        Route("/steps/", routes.steps),
    ]
    return Starlette(
        routes=[
            Mount("/v1", routes=every),
            Mount("/latest", routes=every),
            Route("/openapi.json", _description),
        ],
        middleware=[
            Middleware(CORSMiddleware, allow_origins=_ORIGINS, allow_methods=["*"], allow_headers=["*"]),
            Middleware(Password, password=settings.password if settings.secure else ""),
            Middleware(RequestLog),
        ],
        exception_handlers={
            HTTPException: _refused,
            NoAgent: _no_agent,
            DatabaseBusy: _busy,
            ValueError: _wrong,
            Exception: _unforeseen,
        },
        lifespan=lifespan,
    )


class Password:
    """Asks for the server's password in every HTTP request, but for health. WebSockets pass it by."""

    def __init__(self, app: ASGIApp, password: str) -> None:
        self._app = app
        self._password = password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, or answer 401."""
        if (
            scope["type"] != "http"
            or not self._password
            or scope["path"] in _OPEN_PATHS
            or self._allowed(scope)
        ):
            await self._app(scope, receive, send)
        else:
            await json({"detail": "Unauthorized"}, 401)(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        headers = Request(scope).headers
        return (
            headers.get("authorization") == f"Bearer {self._password}"
            or headers.get("x-bare-password") == f"password {self._password}"
        )


class RequestLog:
    """One line for a request, at the level DEBUG."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note it and pass it on."""
        if scope["type"] == "http":
            _REQUESTS.debug("Incoming request: %s %s", scope["method"], scope["path"])
        await self._app(scope, receive, send)


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return json({"detail": str(getattr(error, "detail", error))}, status)


async def _no_agent(request: Request, error: Exception) -> Response:
    APP.error("LettaAgentNotFoundError", exc_info=error)
    return json({"detail": "Agent not found"}, 404)


async def _busy(request: Request, error: Exception) -> Response:
    APP.error("Timeout occurred: %s. Original exception: %s", "database pool", error)
    return json({"detail": "The database is temporarily unavailable. Please try again later."}, 503)


async def _wrong(request: Request, error: Exception) -> Response:
    APP.error("%s", type(error).__name__, exc_info=error)
    return json({"detail": str(error)}, 400)


async def _unforeseen(request: Request, error: Exception) -> Response:
    APP.error("Unhandled error: %s: %s", type(error).__name__, error, exc_info=error)
    return json({"detail": "An unknown error occurred"}, 500)


async def _description(request: Request) -> Response:
    """The stand-in describes what it has, no more."""
    paths: dict[str, dict[str, object]] = {
        f"/v1{route.path}": {method.lower(): {} for method in sorted(route.methods or ()) if method != "HEAD"}
        for mount in request.app.routes
        if isinstance(mount, Mount) and mount.path == "/v1"
        for route in mount.routes
        if isinstance(route, Route)
    }
    return json({"openapi": "3.1.0", "info": {"title": "Letta", "version": "1.0.0"}, "paths": paths})
