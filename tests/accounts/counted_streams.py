"""A process that does work for an owner without limits until it is killed, and writes down each chunk that it made."""

import asyncio
import os
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry
from voicebox_kit.authentication import Authentication
from voicebox_kit.background import Background
from voicebox_kit.principal import Principal, current
from voicebox_kit.signing_keys import SigningKeys
from voicebox_metering.meter import Meter, MeterSettings, open_meter
from voicebox_metering.work import WorkKind

STREAMS = 3
CHUNK_MS = 20


async def main(address: str, keys: Path, folder: Path, made: Path, name: str) -> None:
    registry = CollectorRegistry()
    current.set(Principal("ann", frozenset({"speak"}), "anns"))
    descriptor = os.open(made, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    settings, background = MeterSettings(address, folder), Background(registry)
    authentication = Authentication(SigningKeys(keys))
    async with (
        open_meter("tts", settings, authentication, registry, background, None) as meter,
        asyncio.TaskGroup() as group,
    ):
        for stream in range(STREAMS):
            group.create_task(work(meter, f"{name}-{stream}", descriptor))


async def work(meter: Meter, name: str, made: int) -> None:
    """Pieces of work of 1, 2, 3 ... chunks, one after another."""
    piece = 0
    while True:
        piece += 1
        model = f"{name}-{piece}"
        async with meter.work(WorkKind.SPEECH) as counted:
            counted.model = model
            for _ in range(piece):
                await counted.use(characters=1, audio_ms=CHUNK_MS)
                os.write(made, f"{model}\n".encode())
                await asyncio.sleep(0)


if __name__ == "__main__":
    address, keys, folder, made, name = sys.argv[1:]
    asyncio.run(main(address, Path(keys), Path(folder), Path(made), name))
