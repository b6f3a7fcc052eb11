"""What a killed process had made counts, within one chunk of each of its streams, and nothing counts twice."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox_kit.background import Background
from voicebox_metering.meter import MeterSettings, open_meter

from . import counted_streams
from .counted_streams import CHUNK_MS
from .test_usage import usage

KILLS = int(os.environ.get("KILLS", "5"))


def killed_in_the_middle(*arguments: str | Path, made: Path) -> None:
    """Run the streams until they have made some chunks more, which differ from kill to kill."""
    wanted = (made.stat().st_size if made.exists() else 0) + random.randrange(1, 2000)
    process = subprocess.Popen([sys.executable, "-P", counted_streams.__file__, *map(str, arguments)])
    while not (made.exists() and made.stat().st_size >= wanted):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()


async def test_killed_streams_count_what_they_made_within_a_chunk(open_accounts, tmp_path):
    made, folder = tmp_path / "made", tmp_path / "usage"
    async with open_accounts() as accounts:
        for kill in range(KILLS):
            arguments = (accounts.address, tmp_path / "signing.keys", folder, made, f"kill{kill}")
            await asyncio.to_thread(partial(killed_in_the_middle, *arguments, made=made))
        registry = CollectorRegistry()
        settings = MeterSettings(accounts.address, folder)
        async with open_meter("tts", settings, accounts.authentication, registry, Background(registry), None):
            async with asyncio.timeout(60):
                while list(folder.glob("*.json")):
                    await asyncio.sleep(0.05)
        rows = {row.model: row for row in await usage(accounts, group_by=[pb.USAGE_GROUP_MODEL])}
    chunks = Counter(made.read_text().split())
    assert set(chunks) <= set(rows)
    for model, row in rows.items():
        assert row.work_count == 1
        assert chunks[model] <= row.amounts.characters <= chunks[model] + 1, model
        assert row.amounts.audio_ms == row.amounts.characters * CHUNK_MS
    assert not list((folder / "running").iterdir())
