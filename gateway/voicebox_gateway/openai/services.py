"""Clients of the services, and the caller's metadata."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from voicebox.asr.v1 import asr_pb2_grpc
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox.compat.openai.v1 import openai_pb2_grpc
from voicebox.jobs.v1 import jobs_pb2_grpc
from voicebox.models.v1 import models_pb2_grpc
from voicebox.tts.v1 import tts_pb2_grpc
from voicebox_kit import caller, principal, request_id
from voicebox_kit.authentication import NO_AUTHENTICATION, Authentication
from voicebox_kit.channels import open_channel
from voicebox_kit.server import OPTIONS

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Addresses:
    """Where the services are, as `host:port`."""

    tts: str
    asr: str
    catalog: str
    jobs: str


@dataclass(frozen=True)
class Services:
    """Stubs of tts, asr, catalog and jobs."""

    speech: "openai_pb2_grpc.OpenAiSpeechServiceAsyncStub"  # it stands in the stubs for types alone
    recognition: "asr_pb2_grpc.SpeechToTextServiceAsyncStub"
    voices: "tts_pb2_grpc.TextToSpeechServiceAsyncStub"
    profiles: "catalog_pb2_grpc.CatalogServiceAsyncStub"
    jobs: "jobs_pb2_grpc.JobServiceAsyncStub"
    models: "tuple[models_pb2_grpc.ModelServiceAsyncStub, ...]"


@asynccontextmanager
async def connected(
    addresses: Addresses, authentication: Authentication = NO_AUTHENTICATION
) -> AsyncIterator[Services]:
    """The stubs, until the block ends. The services may start before or after."""
    async with (
        open_channel(addresses.tts, authentication, OPTIONS) as tts,
        open_channel(addresses.asr, authentication, OPTIONS) as asr,
        open_channel(addresses.catalog, authentication, OPTIONS) as catalog,
        open_channel(addresses.jobs, authentication, OPTIONS) as jobs,
    ):
        yield Services(
            cast("openai_pb2_grpc.OpenAiSpeechServiceAsyncStub", openai_pb2_grpc.OpenAiSpeechServiceStub(tts)),
            cast("asr_pb2_grpc.SpeechToTextServiceAsyncStub", asr_pb2_grpc.SpeechToTextServiceStub(asr)),
            cast("tts_pb2_grpc.TextToSpeechServiceAsyncStub", tts_pb2_grpc.TextToSpeechServiceStub(tts)),
            cast("catalog_pb2_grpc.CatalogServiceAsyncStub", catalog_pb2_grpc.CatalogServiceStub(catalog)),
            cast("jobs_pb2_grpc.JobServiceAsyncStub", jobs_pb2_grpc.JobServiceStub(jobs)),
            tuple(
                cast("models_pb2_grpc.ModelServiceAsyncStub", models_pb2_grpc.ModelServiceStub(channel))
                for channel in (tts, asr)
            ),
        )


def metadata(headers: Mapping[str, str]) -> Metadata:
    """The request id, the owner and the address of a caller, for the services; the gateway has removed a principal
    from outside.
    """
    verified = principal.current.get()
    passed = {name: headers.get(name, "") for name in (request_id.HEADER, principal.HEADER, caller.FORWARDED)}
    if verified:
        passed[principal.HEADER] = verified.owner
    return tuple((name, value) for name, value in passed.items() if value)
