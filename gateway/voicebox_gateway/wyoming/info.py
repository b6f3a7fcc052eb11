"""The info event for Home Assistant: voices, stored profiles and models, with their languages."""

import asyncio
import logging
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import grpc
from voicebox.catalog.v1 import catalog_pb2
from voicebox.models.v1 import models_pb2
from voicebox.tts.v1 import tts_pb2

from .events import Event
from .services import Services

log = logging.getLogger(__name__)

ASK_SECONDS = 10.0
MAX_PROFILES = 1000
UNUSABLE = (models_pb2.MODEL_STATE_ABSENT, models_pb2.MODEL_STATE_FAILED)
PROGRAM = {
    "name": "voicebox",
    "attribution": {"name": "voicebox", "url": ""},
    "installed": True,
    "description": "voicebox speech platform",
    "version": version("voicebox-gateway"),
}


async def describe(services: Services) -> Event:
    """The info event. A service that does not answer is left out; raises grpc.aio.AioRpcError when neither does."""
    programs = await asyncio.gather(_voices(services), _models(services), return_exceptions=True)
    found: dict[str, Any] = {}
    for name, program in zip(("tts", "asr"), programs, strict=True):
        if isinstance(program, grpc.aio.AioRpcError):
            log.warning("info leaves %s out: %s", name, program.details())
        elif isinstance(program, BaseException):
            raise program
        else:
            found[name] = [program]
    if not found and isinstance(programs[0], BaseException):
        raise programs[0]
    return Event("info", found)


async def _voices(services: Services) -> dict[str, Any]:
    voices, models, profiles = await asyncio.gather(
        services.tts.ListVoices(tts_pb2.ListVoicesRequest(), timeout=ASK_SECONDS),
        services.tts_models.ListModels(models_pb2.ListModelsRequest(), timeout=ASK_SECONDS),
        _profiles(services),
    )
    by_engine = {model.engine: model for model in models.models}
    listed = [_voice(voice, by_engine.get(voice.engine, models_pb2.Model())) for voice in voices.voices]
    return {**PROGRAM, "voices": [*listed, *map(_profile, profiles)], "supports_synthesize_streaming": True}


async def _profiles(services: Services) -> Sequence[catalog_pb2.Profile]:
    """The stored profiles; none when the catalog is away, since built-in voices speak without it."""
    try:
        page = await services.catalog.ListProfiles(
            catalog_pb2.ListProfilesRequest(page_size=MAX_PROFILES), timeout=ASK_SECONDS
        )
    except grpc.aio.AioRpcError as error:
        log.warning("info leaves profiles out: %s", error.details())
        return ()
    if page.next_page_token:
        log.warning("info names the first %d profiles", MAX_PROFILES)
    return page.profiles


async def _models(services: Services) -> dict[str, Any]:
    models = await services.asr_models.ListModels(models_pb2.ListModelsRequest(), timeout=ASK_SECONDS)
    # asr finds the ends of utterances, but only the client knows the end of a command: the stream lasts until its
    # audio-stop.
    return {**PROGRAM, "models": [_model(model) for model in models.models], "supports_transcript_streaming": True}


def _voice(voice: tts_pb2.Voice, model: models_pb2.Model) -> dict[str, Any]:
    return {
        "name": voice.name,
        "attribution": {"name": voice.engine, "url": ""},
        "installed": True,
        "description": voice.display_name,
        "version": model.revision or None,
        "languages": list(voice.languages),
        "speakers": None,
    }


def _profile(profile: catalog_pb2.Profile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "attribution": {"name": "profile", "url": ""},
        "installed": True,
        "description": profile.display_name,
        "version": None,
        "languages": [profile.language],
        "speakers": None,
    }


def _model(model: models_pb2.Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "attribution": {"name": model.engine, "url": ""},
        "installed": model.state not in UNUSABLE,
        "description": model.name.removeprefix("models/"),
        "version": model.revision or None,
        "languages": list(model.languages),
    }
