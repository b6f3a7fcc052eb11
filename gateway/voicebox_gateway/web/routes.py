"""The ASGI app: which path is answered by what."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from voicebox_kit.authentication import NO_AUTHENTICATION, Authentication
from voicebox_kit.open_calls import OpenCalls

from voicebox_gateway.docs import documents, scalar
from voicebox_gateway.openai import batches, client_secrets, files, live_speech, models, realtime, sessions, voices
from voicebox_gateway.openai.errors import ApiError
from voicebox_gateway.openai.services import Services

from .authenticated import Authenticated


class WithoutSlash:
    """A slash at the end of a path means nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        await self._app({**scope, "path": path.rstrip("/") or "/"} if path.endswith("/") else scope, receive, send)


def app(
    services: Services,
    max_sessions: int,
    authentication: Authentication = NO_AUTHENTICATION,
    open_calls: OpenCalls | None = None,
) -> Starlette:
    """At most `max_sessions` Realtime sessions are held at once; `open_calls` knows those of each key."""
    built = Starlette(
        routes=[
            Route("/v1/models", models.list_models),
            Route("/v1/models/{model:path}", models.get_model),
            Route("/v1/audio/models", models.list_audio_models),
            Route("/v1/audio/voices", voices.list_voices),
            Route("/v1/realtime/client_secrets", client_secrets.create, methods=["POST"]),
            Route("/v1/realtime/sessions", client_secrets.create_beta, methods=["POST"]),
            Route("/v1/realtime/transcription_sessions", client_secrets.create_beta, methods=["POST"]),
            Route("/v1/files", files.create, methods=["POST"]),
            Route("/v1/files", files.list_files),
            Route("/v1/files/{file}", files.delete, methods=["DELETE"]),
            Route("/v1/files/{file}", files.get),
            Route("/v1/files/{file}/content", files.content),
            Route("/v1/batches", batches.create, methods=["POST"]),
            Route("/v1/batches", batches.list_batches),
            Route("/v1/batches/{batch}", batches.get),
            Route("/v1/batches/{batch}/cancel", batches.cancel, methods=["POST"]),
            Route("/openapi.json", documents.openapi_json),
            Route("/docs", scalar.docs),
            Route("/docs/start.js", scalar.start),
            Route(f"/docs/{scalar.BUNDLE}", scalar.bundle),
            Route("/docs/plain", documents.plain),
            WebSocketRoute("/v1/realtime", realtime.converse),
            WebSocketRoute("/v1/audio/speech/ws", live_speech.speak),
            Route("/v1/realtime", _needs_upgrade),
            Route("/v1/audio/speech/ws", _needs_upgrade),
        ],
        middleware=[
            Middleware(WithoutSlash),
            Middleware(Authenticated, authentication=authentication, open_calls=open_calls or OpenCalls()),
        ],
        exception_handlers={HTTPException: _refuse, Exception: _fail},
    )
    built.state.services = services
    built.state.authentication = authentication
    built.state.sessions = sessions.Sessions(max_sessions)
    return built


async def _needs_upgrade(_request: Request) -> Response:
    return ApiError(426, "This path is a WebSocket.", "upgrade_required").response({"upgrade": "websocket"})


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return ApiError(error.status_code, error.detail, error.detail.lower().replace(" ", "_")).response(error.headers)


async def _fail(_request: Request, _error: Exception) -> Response:
    return ApiError(500, "internal error", "internal_error").response()
