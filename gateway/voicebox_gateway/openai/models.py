"""OpenAI's list of models: ours, and OpenAI's own names, for which our default models stand in.

https://platform.openai.com/docs/api-reference/models
"""

import asyncio
from collections.abc import Mapping

import grpc
from starlette.requests import Request
from starlette.responses import JSONResponse
from voicebox.models.v1 import models_pb2
from voicebox_compat import openai_names

from .errors import ApiError, from_rpc_error
from .services import Metadata, Services, metadata

OWNER, ALIAS_OWNER = "voicebox", "openai"
LIST_SECONDS = 10.0

Entry = Mapping[str, str | int]


def own_name(model: str) -> str:
    """The `{engine}/{model}` that a client names; empty, which is the default model, for OpenAI's names."""
    return "" if openai_names.is_openai(model) else model.removeprefix("models/")


async def list_models(request: Request) -> JSONResponse:
    """GET /v1/models."""
    try:
        entries = await _entries(request.app.state.services, metadata(request.headers))
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error).response()
    return JSONResponse({"object": "list", "data": entries})


async def list_audio_models(request: Request) -> JSONResponse:
    """GET /v1/audio/models, for Open WebUI and others: the same, also under `models`."""
    try:
        entries = await _entries(request.app.state.services, metadata(request.headers))
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error).response()
    return JSONResponse(
        {"object": "list", "data": entries, "models": [{**entry, "name": entry["id"]} for entry in entries]}
    )


async def get_model(request: Request) -> JSONResponse:
    """GET /v1/models/{id}; the id holds a slash."""
    requested = request.path_params["model"].removeprefix("models/")
    try:
        entries = await _entries(request.app.state.services, metadata(request.headers))
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error).response()
    for entry in entries:
        if entry["id"] == requested:
            return JSONResponse(entry)
    if openai_names.is_openai(requested):
        return JSONResponse(_entry(requested, ALIAS_OWNER))
    return ApiError(404, f"The model {requested[:100]!r} does not exist.", "model_not_found", "model").response()


async def _entries(services: Services, caller: Metadata) -> list[Entry]:
    calls = [
        stub.ListModels(models_pb2.ListModelsRequest(), timeout=LIST_SECONDS, metadata=caller)
        for stub in services.models
    ]
    lists = await asyncio.gather(*calls)
    own = [_entry(model.name.removeprefix("models/"), OWNER) for each in lists for model in each.models]
    return own + [_entry(alias, ALIAS_OWNER) for alias in openai_names.ALIASES]


def _entry(name: str, owner: str) -> Entry:
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": owner,
    }  # a model's files have no time of creation
