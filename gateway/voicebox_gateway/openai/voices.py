"""The list of voices that OpenAI does not have, and that its clients ask other servers for: GET /v1/audio/voices.

Ours, the stored profiles, and OpenAI's names, for which voices of ours stand in. Every `id` is what `voice` of a speech
request takes.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
from starlette.requests import Request
from starlette.responses import JSONResponse
from voicebox.catalog.v1 import catalog_pb2
from voicebox.tts.v1 import tts_pb2
from voicebox_compat import openai_names
from voicebox_compat.openai import IGNORED_FIELD, IGNORED_HEADER

from .errors import from_rpc_error
from .services import Metadata, Services, metadata

LIST_SECONDS = 10.0
PAGE, MAX_PROFILES = 1000, 10_000

Entry = Mapping[str, Any]


async def list_voices(request: Request) -> JSONResponse:
    """GET /v1/audio/voices. The catalog may be away: then its profiles are missing, and the answer says so."""
    services: Services = request.app.state.services
    caller = metadata(request.headers)
    own, stored = await asyncio.gather(_own(services, caller), _profiles(services, caller), return_exceptions=True)
    if isinstance(own, grpc.aio.AioRpcError):
        return from_rpc_error(own).response()
    if isinstance(own, BaseException):
        raise own
    missing = isinstance(stored, grpc.aio.AioRpcError)
    if isinstance(stored, BaseException) and not missing:
        raise stored
    profiles: list[Entry] = [] if isinstance(stored, BaseException) else stored
    entries = [*own, *profiles, *(_entry(name, name, "openai", []) for name in openai_names.VOICES)]
    body = {"object": "list", "voices": entries, "data": entries, **({IGNORED_FIELD: ["profiles"]} if missing else {})}
    return JSONResponse(body, headers={IGNORED_HEADER: "profiles"} if missing else None)


async def _own(services: Services, caller: Metadata) -> list[Entry]:
    listed = await services.voices.ListVoices(tts_pb2.ListVoicesRequest(), timeout=LIST_SECONDS, metadata=caller)
    return [_entry(voice.name, voice.display_name, "voicebox", voice.languages) for voice in listed.voices]


async def _profiles(services: Services, caller: Metadata) -> list[Entry]:
    entries: list[Entry] = []
    token = ""
    while len(entries) < MAX_PROFILES:
        request_message = catalog_pb2.ListProfilesRequest(page_size=PAGE, page_token=token)
        page = await services.profiles.ListProfiles(request_message, timeout=LIST_SECONDS, metadata=caller)
        entries += [
            _entry(each.name, each.display_name, "profile", [each.language] if each.language else [])
            for each in page.profiles
        ]
        token = page.next_page_token
        if not token:
            break
    return entries


def _entry(name: str, shown: str, owner: str, languages: Any) -> Entry:
    return {"id": name, "object": "voice", "name": shown or name, "owned_by": owner, "languages": list(languages)}
