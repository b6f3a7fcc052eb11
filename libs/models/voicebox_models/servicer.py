"""Speaks gRPC for the models of a service."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox_kit.errors import NotFound, Unsupported
from voicebox_kit.uploads import steady
from voicebox_metering.work import OpenWork, WorkKind, uncounted

from .adapters import archive
from .adapters.adapter import TENSORS, Adapter
from .adapters.registry import Adapters
from .engine import Loadable
from .models import Entry, Models, State
from .progress import Progress

MODEL_SERVICE = "voicebox.models.v1.ModelService"

COLLECTION = "adapters"

Context = grpc.aio.ServicerContext[Any, Any]

STATES = {
    State.ABSENT: models_pb2.MODEL_STATE_ABSENT,
    State.AVAILABLE: models_pb2.MODEL_STATE_AVAILABLE,
    State.LOADING: models_pb2.MODEL_STATE_LOADING,
    State.LOADED: models_pb2.MODEL_STATE_LOADED,
    State.FAILED: models_pb2.MODEL_STATE_FAILED,
}


class ModelServicer(models_pb2_grpc.ModelServiceServicer):
    """The voicebox.models.v1.ModelService of the service whose models they are."""

    def __init__(
        self,
        models: Models[Any],
        work: OpenWork = uncounted,
        companions: Sequence[Loadable] = (),
        adapters: Adapters | None = None,
    ) -> None:
        """`work` counts downloads. `companions` are models that serve beside the engines, always loaded: they are
        shown, and nothing else. Without `adapters` the service takes none.
        """
        self._models, self._work, self._companions, self._adapters = models, work, companions, adapters

    async def ListModels(
        self, request: models_pb2.ListModelsRequest, context: Context
    ) -> models_pb2.ListModelsResponse:
        companions = map(_companion, self._companions)
        return models_pb2.ListModelsResponse(models=[*map(self._message, self._models.entries), *companions])

    async def GetModel(self, request: models_pb2.GetModelRequest, context: Context) -> models_pb2.Model:
        for companion in self._companions:
            if request.name == f"models/{companion.model.name}":
                return _companion(companion)
        return self._message(self._models.entry(self._models.find(request.name)))

    async def LoadModel(self, request: models_pb2.LoadModelRequest, context: Context) -> models_pb2.Model:
        engine = self._models.find(request.name)
        await self._models.load(engine)
        return self._message(self._models.entry(engine))

    async def UnloadModel(self, request: models_pb2.UnloadModelRequest, context: Context) -> models_pb2.Model:
        engine = self._models.find(request.name)
        await self._models.unload(engine)
        return self._message(self._models.entry(engine))

    async def DownloadModel(
        self, request: models_pb2.DownloadModelRequest, context: Context
    ) -> AsyncGenerator[models_pb2.DownloadModelResponse]:
        engine = self._models.find(request.name)
        progress = Progress(0, 0)
        async with self._work(WorkKind.MODEL_DOWNLOAD) as work, aclosing(self._models.download(engine)) as steps:
            work.model = engine.model.name
            async for progress in steps:
                yield self._step(engine, progress)
        yield self._step(engine, progress, done=True)

    async def ListAdapters(
        self, request: models_pb2.ListAdaptersRequest, context: Context
    ) -> models_pb2.ListAdaptersResponse:
        found = self._adapters.all() if self._adapters else {}
        return models_pb2.ListAdaptersResponse(adapters=[_adapter(name, each) for name, each in found.items()])

    async def ImportAdapter(
        self, request_iterator: AsyncIterator[models_pb2.ImportAdapterRequest], context: Context
    ) -> models_pb2.Adapter:
        if self._adapters is None:
            raise Unsupported("ADAPTERS_UNSUPPORTED", "No engine of this service takes adapters.")
        requests = steady(aiter(request_iterator))
        first = await anext(requests, models_pb2.ImportAdapterRequest())
        return _adapter(*await self._adapters.add(_archive(first, requests), first.adapter_id))

    async def ExportAdapter(
        self, request: models_pb2.ExportAdapterRequest, context: Context
    ) -> AsyncGenerator[models_pb2.ExportAdapterResponse]:
        kind = archive.CONTENT_TYPE
        async for data in archive.packed(self._adapter(request.name)[1].folder):
            yield models_pb2.ExportAdapterResponse(body=HttpBody(content_type=kind, data=data))
            kind = ""

    async def DeleteAdapter(self, request: models_pb2.DeleteAdapterRequest, context: Context) -> Empty:
        adapters, name = self._adapters, self._adapter(request.name)[0]
        if adapters is not None:
            await adapters.delete(name)
        return Empty()

    def _adapter(self, name: str) -> tuple[str, Adapter]:
        """`{engine}/{adapter}`, and the adapter; NotFound when there is none."""
        prefix, _, rest = name.partition("/")
        if prefix != COLLECTION or self._adapters is None:
            raise NotFound("adapter", name)
        return rest, self._adapters.find(rest)

    def _step(self, engine: Loadable, progress: Progress, *, done: bool = False) -> models_pb2.DownloadModelResponse:
        return models_pb2.DownloadModelResponse(
            model=self._message(self._models.entry(engine)),
            bytes_done=progress.bytes_done,
            bytes_total=progress.bytes_total,
            done=done,
        )

    def _message(self, entry: Entry[Any]) -> models_pb2.Model:
        engine, model = entry.engine, entry.model
        state, detail = self._models.state(engine, present=entry.present)
        return models_pb2.Model(
            name=f"models/{model.name}",
            engine=engine.name,
            state=STATES[state],
            detail=detail,
            device=engine.device if engine.loaded else "",
            memory_bytes=engine.memory_bytes if engine.loaded else entry.memory_bytes,
            revision=model.revision,
            licence=model.licence,
            languages=model.languages,
            is_default=engine is self._models.default,
            source=model.source,
        )


def _companion(engine: Loadable) -> models_pb2.Model:
    return models_pb2.Model(
        name=f"models/{engine.model.name}",
        engine=engine.name,
        state=STATES[State.LOADED if engine.loaded else State.LOADING],
        device=engine.device,
        memory_bytes=engine.memory_bytes,
        revision=engine.model.revision,
        licence=engine.model.licence,
        source=engine.model.source,
    )


def _adapter(name: str, adapter: Adapter) -> models_pb2.Adapter:
    known = adapter.manifest
    return models_pb2.Adapter(
        name=f"{COLLECTION}/{name}",
        model=f"models/{name}",
        base_model=f"models/{known.base_model}",
        base_revision=known.base_revision,
        kind=known.kind,
        rank=known.rank,
        alpha=known.alpha,
        sample_rate_hz=known.sample_rate_hz,
        speaker=known.speaker,
        metrics=known.metrics,
        consent=known.consent,
        licence=known.licence,
        dataset_sha256=known.dataset_sha256,
        sha256=known.sha256,
        size_bytes=(adapter.folder / TENSORS).stat().st_size,
    )


async def _archive(
    first: models_pb2.ImportAdapterRequest, requests: AsyncIterator[models_pb2.ImportAdapterRequest]
) -> AsyncIterator[bytes]:
    yield first.archive.data
    async for request in requests:
        yield request.archive.data
