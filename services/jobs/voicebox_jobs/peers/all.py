"""All services that jobs call."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from voicebox_kit.authentication import Authentication
from voicebox_kit.channels import open_channel

from voicebox_jobs import settings

from .asr import Asr
from .catalog import Catalog
from .conversion import Conversion
from .models import Models
from .openai import OpenAi
from .tts import Tts

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # A service that was away is there again soon: gRPC would wait up to two minutes before it dials again.
    ("grpc.max_reconnect_backoff_ms", 5000),
)


@dataclass(frozen=True)
class Peers:
    """A client of each."""

    tts: Tts
    asr: Asr
    catalog: Catalog
    models: Models
    conversion: Conversion
    openai: OpenAi


@asynccontextmanager
async def open_peers(addresses: settings.Peers, authentication: Authentication) -> AsyncIterator[Peers]:
    """Channels to all of them; none is connected before it is used."""
    async with AsyncExitStack() as stack:
        tts, asr, catalog, conversion = [
            await stack.enter_async_context(open_channel(address, authentication, OPTIONS))
            for address in (addresses.tts, addresses.asr, addresses.catalog, addresses.conversion)
        ]
        models = Models({"tts": tts, "asr": asr})
        yield Peers(Tts(tts), Asr(asr), Catalog(catalog), models, Conversion(conversion), OpenAi(tts, asr))
