"""What a real Prometheus says of speech at three times the capacity is what its listeners have seen, and why."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc

from bench.launch import Platform, free_ports, platform

STREAMS = 2
CALLERS = 3 * STREAMS
CALLS = 3
"""Of each caller, one after another."""
TEXT = "One, two, three, four, five, six, seven, eight."
"""About three seconds, of which the server is one ahead: it holds its permit for two, on a machine of any speed."""
FIRST, PART = "voicebox_tts_first_chunk_seconds", "voicebox_tts_first_chunk_part_seconds"

Ask = Callable[[str], float]


@pytest.fixture
def spoken(tmp_path: Path) -> Iterator[Platform]:
    """A tts that speaks two utterances at once, and refuses nobody."""
    patience = {"TTS_STREAMS": str(STREAMS), "TTS_PATIENCE_SECONDS": "86400"}
    with platform(tmp_path / "data", ("tts",), VOICEBOX_EMBEDDED="small", **patience) as running:
        yield running


@pytest.fixture
def ask(spoken: Platform, tmp_path: Path) -> Iterator[Ask]:
    """Asks a Prometheus that scrapes it every second, for the value of a query."""
    program = shutil.which("prometheus")
    assert program, "Prometheus is not installed: apt-get install prometheus, or ./setup.sh packages"
    address, target = f"127.0.0.1:{free_ports(1)[0]}", spoken.environment["TTS_METRICS_ADDRESS"]
    config = tmp_path / "prometheus.yml"
    scraped = [{"job_name": "tts", "static_configs": [{"targets": [target]}]}]
    config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": scraped}))
    options = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address={address}"]
    with (
        httpx.Client(base_url=f"http://{address}", timeout=60) as http,
        subprocess.Popen([program, *options], stderr=subprocess.DEVNULL) as process,
    ):

        def value(query: str) -> float:
            answer: Any = http.get("/api/v1/query", params={"query": query}).raise_for_status().json()
            result = answer["data"]["result"]
            return float(result[0]["value"][1]) if result else 0.0

        try:
            while not _is_ready(http):
                assert process.poll() is None, "Prometheus has ended"
                time.sleep(0.1)
            yield value
        finally:
            process.terminate()


def _is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/-/ready").is_success
    except httpx.TransportError:
        return False


def first_audio_seconds(stub: Any) -> list[float]:
    """Of one caller's calls, each from its start until its first audio."""
    found = []
    request = tts_pb2.StreamSynthesizeRequest(text=TEXT, config=tts_pb2.SynthesisConfig(store=False), ahead_seconds=1.0)
    for _ in range(CALLS):
        began, heard = time.monotonic(), 0.0
        for answer in stub.StreamSynthesize(request):
            if answer.HasField("chunk") and answer.chunk.audio and not heard:
                heard = time.monotonic() - began
        found.append(heard)
    return found


def test_prometheus_says_how_long_listeners_waited_and_for_what(spoken: Platform, ask: Ask) -> None:
    with grpc.insecure_channel(spoken.tts) as channel, ThreadPoolExecutor(CALLERS) as callers:
        stub = tts_pb2_grpc.TextToSpeechServiceStub(channel)
        waited = [seconds for each in callers.map(first_audio_seconds, [stub] * CALLERS) for seconds in each]
    ended = time.time()
    while ask("timestamp(up)") <= ended + 1:  # what was scraped before says nothing of the end
        time.sleep(0.2)
    assert ask(f"sum({FIRST}_count)") == len(waited) == CALLERS * CALLS
    assert ask("voicebox_queue_seconds_count") == len(waited)
    p95 = ask(f"histogram_quantile(0.95, sum by (le) ({FIRST}_bucket))")
    assert p95 == pytest.approx(float(np.quantile(waited, 0.95)), rel=0.2)
    assert ask(f"sum({FIRST}_sum)") == pytest.approx(sum(waited), rel=0.2)
    assert ask(f'sum({PART}_sum{{part="queue"}}) / sum({FIRST}_sum)') >= 0.8
    assert ask(f"sum({PART}_sum) / sum({FIRST}_sum)") == pytest.approx(1.0, rel=0.01)
