"""The services that the bridge calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import grpc
from voicebox.asr.v1 import asr_pb2_grpc
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox.models.v1 import models_pb2_grpc
from voicebox.tts.v1 import tts_pb2_grpc


@dataclass(frozen=True)
class Services:
    """tts and asr, with the models of each, and the catalog. The stubs' types exist for type checkers alone."""

    tts: "tts_pb2_grpc.TextToSpeechServiceAsyncStub"
    tts_models: "models_pb2_grpc.ModelServiceAsyncStub"
    asr: "asr_pb2_grpc.SpeechToTextServiceAsyncStub"
    asr_models: "models_pb2_grpc.ModelServiceAsyncStub"
    catalog: "catalog_pb2_grpc.CatalogServiceAsyncStub"


class Cancellable(Protocol):
    """What every call is."""

    def cancel(self) -> bool: ...


Call = TypeVar("Call", bound=Cancellable)


@contextmanager
def cancelled_at_end(call: Call) -> Iterator[Call]:
    """A call that ends with the block: it is cancelled at once when the peer leaves."""
    try:
        yield call
    finally:
        call.cancel()


def lost_its_details(error: grpc.aio.AioRpcError) -> bool:
    """True where gRPC lost the service's error, because we were sending a message when it arrived."""
    return error.details() == "Internal error from Core"


def from_channels(tts: grpc.aio.Channel, asr: grpc.aio.Channel, catalog: grpc.aio.Channel) -> Services:
    """The services behind these channels."""
    return Services(
        cast("tts_pb2_grpc.TextToSpeechServiceAsyncStub", tts_pb2_grpc.TextToSpeechServiceStub(tts)),
        cast("models_pb2_grpc.ModelServiceAsyncStub", models_pb2_grpc.ModelServiceStub(tts)),
        cast("asr_pb2_grpc.SpeechToTextServiceAsyncStub", asr_pb2_grpc.SpeechToTextServiceStub(asr)),
        cast("models_pb2_grpc.ModelServiceAsyncStub", models_pb2_grpc.ModelServiceStub(asr)),
        cast("catalog_pb2_grpc.CatalogServiceAsyncStub", catalog_pb2_grpc.CatalogServiceStub(catalog)),
    )
