"""The models that this server's engines run, over gRPC."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox_kit.errors import NotFound

from . import messages
from .engine import Engine
from .roster import Roster

Context = grpc.aio.ServicerContext[Any, Any]


class ModelServicer(models_pb2_grpc.ModelServiceServicer):
    """The voicebox.models.v1.ModelService of tts: one model for each engine."""

    def __init__(self, roster: Roster, device: str) -> None:
        self._roster, self._device = roster, device

    async def ListModels(self, request: models_pb2.ListModelsRequest, context: Context) -> models_pb2.ListModelsResponse:
        return models_pb2.ListModelsResponse(models=[self._model(engine) for engine in self._roster.engines.values()])

    async def GetModel(self, request: models_pb2.GetModelRequest, context: Context) -> models_pb2.Model:
        return self._model(self._engine(request.name))

    async def LoadModel(self, request: models_pb2.LoadModelRequest, context: Context) -> models_pb2.Model:
        engine = self._engine(request.name)
        await self._roster.load(engine)
        return self._model(engine)

    async def UnloadModel(self, request: models_pb2.UnloadModelRequest, context: Context) -> models_pb2.Model:
        engine = self._engine(request.name)
        await self._roster.unload(engine)
        return self._model(engine)

    async def DownloadModel(
        self, request: models_pb2.DownloadModelRequest, context: Context
    ) -> AsyncIterator[models_pb2.DownloadModelResponse]:
        yield models_pb2.DownloadModelResponse(model=self._model(self._engine(request.name)), done=True)

    def _engine(self, name: str) -> Engine:
        for engine in self._roster.engines.values():
            if name == f"models/{engine.model.name}":
                return engine
        raise NotFound("model", name)

    def _model(self, engine: Engine) -> models_pb2.Model:
        state, detail = self._roster.state(engine)
        return messages.model(engine, state, detail, device=self._device, is_default=engine is self._roster.default)
