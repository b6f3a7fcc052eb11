"""`web` by itself, on its own port: pages that are not ours."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message
from starlette.websockets import WebSocket
from voicebox_gateway import origins
from voicebox_gateway.web.foreign_pages import WithoutForeignPages
from voicebox_kit import hosts


async def converse(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


APP = Starlette(
    routes=[Route("/", PlainTextResponse("ok"), methods=["GET", "POST"]), WebSocketRoute("/", converse)],
)
OWN = WithoutForeignPages(APP, hosts.pattern(()), origins.pattern(origins.allowed({})))
LOCALHOST = {"host": "localhost:50054"}
ALLOWED = [
    LOCALHOST,
    LOCALHOST | {"origin": "http://localhost:5173"},
    LOCALHOST | {"origin": "https://voice.example", "sec-fetch-site": "same-origin"},
]
FOREIGN = [
    {"host": "evil.example"},
    LOCALHOST | {"origin": "https://evil.example"},
    LOCALHOST | {"origin": "null"},
    LOCALHOST | {"origin": "http://localhost:80.evil.example"},
    LOCALHOST | {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
]


async def status(method: str, headers: dict[str, str]) -> int:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(OWN), base_url="http://localhost") as http:
        return (await http.request(method, "/", headers=headers)).status_code


async def opens(app: ASGIApp, headers: dict[str, str]) -> bool:
    """Whether a WebSocket is accepted."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await app({"type": "websocket", "path": "/", "headers": raw, "query_string": b""}, receive, send)
    accepted: bool = sent[0]["type"] == "websocket.accept"
    return accepted


@pytest.mark.parametrize("headers", ALLOWED)
async def test_what_may_call(headers: dict[str, str]) -> None:
    assert await status("POST", headers) == 200
    assert await opens(OWN, headers)


@pytest.mark.parametrize("headers", FOREIGN)
async def test_what_may_not(headers: dict[str, str]) -> None:
    assert await status("POST", headers) == 403
    assert not await opens(OWN, headers)


async def test_a_foreign_page_may_send_what_browsers_do_not_let_it_read() -> None:
    assert await status("GET", LOCALHOST | {"origin": "https://evil.example"}) == 200
    assert await status("GET", {"host": "evil.example"}) == 403
