"""Speaks gRPC for the models."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc

from . import messages
from .engine import Engine
from .models import Models

Context = grpc.aio.ServicerContext[Any, Any]


class ModelServicer(models_pb2_grpc.ModelServiceServicer):
    """The voicebox.models.v1.ModelService of asr."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def ListModels(self, request: models_pb2.ListModelsRequest, context: Context) -> models_pb2.ListModelsResponse:
        return models_pb2.ListModelsResponse(models=[self._model(engine) for engine in self._models.engines])

    async def GetModel(self, request: models_pb2.GetModelRequest, context: Context) -> models_pb2.Model:
        return self._model(self._models.find(request.name))

    async def LoadModel(self, request: models_pb2.LoadModelRequest, context: Context) -> models_pb2.Model:
        engine = self._models.find(request.name)
        await self._models.load(engine)
        return self._model(engine)

    async def UnloadModel(self, request: models_pb2.UnloadModelRequest, context: Context) -> models_pb2.Model:
        engine = self._models.find(request.name)
        await self._models.unload(engine)
        return self._model(engine)

    async def DownloadModel(
        self, request: models_pb2.DownloadModelRequest, context: Context
    ) -> AsyncIterator[models_pb2.DownloadModelResponse]:
        yield models_pb2.DownloadModelResponse(model=self._model(self._models.find(request.name)), done=True)

    def _model(self, engine: Engine) -> models_pb2.Model:
        state, detail = self._models.state(engine)
        return messages.model(engine, state, detail, is_default=engine is self._models.default)
