"""Refuses pages that are not ours: `web` listens on a port of its own, which browsers reach without the gateway."""

import re

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from voicebox_gateway.openai.errors import ApiError

READING = ("GET", "HEAD", "OPTIONS")


class WithoutForeignPages:
    """A request by another server's name, or one that a foreign page writes or opens a WebSocket with, is a 403.

    `hosts` and `origins` are patterns, which a Host or Origin header fits whole.
    """

    def __init__(self, app: ASGIApp, hosts: str, origins: str) -> None:
        self._app, self._hosts, self._origins = app, re.compile(hosts), re.compile(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not (refusal := self._refusal(HTTPConnection(scope))):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await refusal(scope, receive, send)
        else:
            await WebSocketClose()(scope, receive, send)

    def _refusal(self, request: HTTPConnection) -> Response | None:
        if not self._hosts.fullmatch(request.headers.get("host", "localhost")):
            return ApiError(403, "The Host header names another server.", "foreign_host").response()
        origin = request.headers.get("origin")
        is_own = request.headers.get("sec-fetch-site") == "same-origin"
        if origin is None or is_own or self._origins.fullmatch(origin) or request.scope.get("method") in READING:
            return None
        return ApiError(403, "GATEWAY_CORS_ORIGINS allows no page of this origin.", "foreign_origin").response()
