"""A service made of nothing but kit, with a servicer that each test chooses."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from importlib import resources

import grpc
import pytest
from prometheus_client import CollectorRegistry
from voicebox.tts.v1 import tts_pb2_grpc
from voicebox_kit.server import Service, Serving, serving

NAME = "voicebox.tts.v1.TextToSpeechService"


async def nothing_to_load() -> None:
    pass


def service(servicer: tts_pb2_grpc.TextToSpeechServiceServicer, **changes: object) -> Service:
    fields = {
        "names": (NAME,),
        "contract": (resources.files("voicebox") / "descriptors.binpb").read_bytes(),
        "address": "127.0.0.1:0",
        "metrics_address": "127.0.0.1:0",
        "register": partial(tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server, servicer),
        "load": nothing_to_load,
        "registry": CollectorRegistry(),
    }
    return Service(**{**fields, **changes})


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[tuple[Serving, grpc.aio.Channel]]]]:
    async with AsyncExitStack() as stack:

        async def start(servicer, grace: float = 0, **changes):
            running = await stack.enter_async_context(serving("fake", service(servicer, **changes), grace))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(running.endpoints[0].address))
            return running, channel

        yield start


@pytest.fixture(name="service")
def make_service() -> Callable[..., Service]:
    return service
