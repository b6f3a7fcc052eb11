"""Who calls web: verified for each request, and for as long as a WebSocket is open."""

import re

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from voicebox_kit import principal, request_id
from voicebox_kit.authentication import WEB, Authentication
from voicebox_kit.errors import Unauthenticated
from voicebox_kit.open_calls import OpenCalls
from voicebox_kit.principal import Principal

from voicebox_gateway.openai.errors import ApiError

OPEN_PATHS = re.compile("/openapi\\.json|/docs(/.*)?")
POLICY_VIOLATION = 1008
"""RFC 6455, 7.4.1."""


class Authenticated:
    """Lets nobody in who has not proven who it is, and ends the connections of keys that are no longer valid."""

    def __init__(self, app: ASGIApp, authentication: Authentication, open_calls: OpenCalls) -> None:
        self._app, self._authentication, self._open_calls = app, authentication, open_calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._authentication.is_on or OPEN_PATHS.fullmatch(scope.get("path", "")):
            await self._app(scope, receive, send)
            return
        try:
            caller = self._caller(Headers(scope=scope))
        except Unauthenticated as error:
            await _refuse(ApiError(401, error.sentence, error.reason.lower()).response(), scope, receive, send)
            return
        token = principal.current.set(caller)
        try:
            await self._serve(caller, scope, receive, send)
        finally:
            principal.current.reset(token)

    def _caller(self, headers: Headers) -> Principal:
        return self._authentication.verified(headers.get(principal.HEADER, ""), WEB, headers.get(request_id.HEADER, ""))

    async def _serve(self, caller: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        is_accepted = False

        async def noting(message: Message) -> None:
            nonlocal is_accepted
            is_accepted = is_accepted or message["type"] == "websocket.accept"
            await send(message)

        try:
            with self._open_calls.running(caller):
                await self._app(scope, receive, noting)
        except Unauthenticated as error:
            if is_accepted:
                await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": error.sentence})


async def _refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)
