"""What grpcurl and its like see of the platform: every service that the gateway leads to, whichever of them run.

Each service has a reflection of its own, which the metadata `x-voicebox-service` reaches; tools do not know that they
would need it.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

import grpc
from google.longrunning import operations_proto_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_health.v1 import health_pb2
from voicebox.compat.google import speech_v1_pb2, speech_v2_pb2, texttospeech_v1_pb2
from voicebox.compat.riva import riva_asr_pb2, riva_tts_pb2
from voicebox_kit import reflection

OTHERS: tuple[ModuleType, ...] = (
    health_pb2, operations_proto_pb2, riva_tts_pb2, riva_asr_pb2, texttospeech_v1_pb2, speech_v1_pb2, speech_v2_pb2
)  # fmt: skip
"""Contracts that are not ours."""


def service_names(contract: bytes) -> Iterator[str]:
    """The full names of all services, ours in the descriptor set `contract` and others'."""
    for file in FileDescriptorSet.FromString(contract).file:
        yield from (f"{file.package}.{service.name}" for service in file.service)
    for module in OTHERS:
        yield from (service.full_name for service in module.DESCRIPTOR.services_by_name.values())


@asynccontextmanager
async def serving(socket: Path, contract: bytes) -> AsyncIterator[None]:
    """Answer Envoy at a Unix socket until the block ends."""
    server = grpc.aio.server()
    reflection.enable(server, tuple(service_names(contract)), contract)
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)
