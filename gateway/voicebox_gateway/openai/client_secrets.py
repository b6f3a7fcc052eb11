"""Short-lived keys for pages: a server of the page's owner asks for one, with a session's settings, and the page
connects with it.

The settings are in the key itself, so that every replica can read it and nothing is stored. With authentication it is
signed, and does what the key may by which it was made; without, it only carries the settings and its expiry.
https://platform.openai.com/docs/api-reference/realtime-sessions
"""

import base64
import binascii
import json
import time
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from voicebox_compat.openai import Diagnostics
from voicebox_kit import client_secrets, principal
from voicebox_kit.authentication import Authentication
from voicebox_kit.client_secrets import PREFIX, SESSION_HEADER
from voicebox_kit.errors import InvalidField

from . import session
from .bodies import MAX_BODY_BYTES, json_body
from .errors import from_field_error
from .values import as_object, number

SUBPROTOCOL_PREFIX = "openai-insecure-api-key."
LIFE_SECONDS = (10, 7200)
USUAL_LIFE_SECONDS = 600
MAX_KEY_CHARACTERS = 16 * 1024
"""It travels in a header."""

Settings = Mapping[str, Any]


class Expired(Exception):
    """The key has expired."""


async def create(request: Request) -> Response:
    """POST /v1/realtime/client_secrets."""
    return await _answer(request, is_beta=False)


async def create_beta(request: Request) -> Response:
    """POST /v1/realtime/sessions and /v1/realtime/transcription_sessions, which are the session's settings
    themselves.
    """
    return await _answer(request, is_beta=True)


async def _answer(request: Request, *, is_beta: bool) -> Response:
    diagnostics = Diagnostics()
    try:
        given = as_object(await json_body(request), "body")
        settings = given if is_beta else as_object(given.get("session") or {}, "session")
        if request.url.path.rstrip("/").endswith("transcription_sessions"):
            settings = {**settings, "type": "transcription"}
        after = as_object(given.get("expires_after") or {}, "expires_after")
        expires_at = int(time.time() + number(after, "seconds", "expires_after", *LIFE_SECONDS, USUAL_LIFE_SECONDS))
        made = new_session(settings, "", diagnostics)
        key = _signed(_written(settings, expires_at), expires_at, request.app.state.authentication)
    except InvalidField as error:
        return from_field_error(error).response()
    secret = {"value": key, "expires_at": expires_at}
    body = {**made, "client_secret": secret} if is_beta else {**secret, "session": made}
    return JSONResponse({**body, **diagnostics.fields}, headers=dict(diagnostics.metadata))


def new_session(settings: Settings, model: str, diagnostics: Diagnostics) -> session.Session:
    """A new session with these settings; InvalidField where a setting is not supported."""
    kind = "transcription" if settings.get("type") == "transcription" else "realtime"
    return session.updated(
        session.new(kind, model or str(settings.get("model") or "gpt-realtime")), settings, diagnostics
    )


def find_settings(headers: Mapping[str, str], subprotocols: Iterable[str]) -> Settings:
    """The settings in a client's key; none for a key from elsewhere. Raises Expired."""
    keys = [headers.get("authorization", "").removeprefix("Bearer ").strip(), headers.get(SESSION_HEADER, "")]
    keys += [each.removeprefix(SUBPROTOCOL_PREFIX) for each in subprotocols if each.startswith(SUBPROTOCOL_PREFIX)]
    for key in keys:
        if key.startswith(PREFIX) and (found := _read(key)) is not None:
            if found["expires_at"] < time.time():
                raise Expired
            return as_object(found["session"], "session")
    return {}


def _written(settings: Settings, expires_at: int) -> str:
    packed = zlib.compress(json.dumps({"expires_at": expires_at, "session": settings}).encode())
    key = PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=")
    if len(key) > MAX_KEY_CHARACTERS:
        raise InvalidField(
            "session",
            "The session's settings are too long for a key: send them by session.update.",
            "SETTINGS_TOO_LONG",
        )
    return key


def _signed(settings: str, expires_at: int, authentication: Authentication) -> str:
    caller = principal.current.get()
    return client_secrets.signed(settings, caller, expires_at, authentication) if caller else settings


def _read(key: str) -> Mapping[str, Any] | None:
    """None for a key that was not made here."""
    packed = key.removeprefix(PREFIX)
    try:
        text = zlib.decompressobj().decompress(
            base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)), MAX_BODY_BYTES
        )
        found = json.loads(text)
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        return None
    is_ours = (
        isinstance(found, dict) and isinstance(found.get("expires_at"), int) and isinstance(found.get("session"), dict)
    )
    return found if is_ours else None
