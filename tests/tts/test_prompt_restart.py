"""A profile's prompt is computed once, whatever restarts: by services as they are started, with flite and a person's
voice.
"""

import asyncio
from contextlib import asynccontextmanager

import grpc
import numpy as np
import pytest
import soundfile
import soxr
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_audio.pcm import to_s16le
from voicebox_kit.errors import StartError
from voicebox_tts.app import open_service
from voicebox_tts.engines.flite.engine import FliteEngine


@pytest.fixture
def computed(monkeypatch):
    """The transcripts of what flite computed a prompt of."""
    references = []
    prompt = FliteEngine.prompt

    def counted(self, reference):
        references.append(reference.transcript)
        return prompt(self, reference)

    monkeypatch.setattr(FliteEngine, "prompt", counted)
    return references


@pytest.fixture
def ann(catalog, speech_data):
    """A catalog whose profiles have a person's voice."""
    samples, rate_hz = soundfile.read(speech_data.path("LJ001-0009.wav"), dtype="float32")
    catalog.pcm_s16le = to_s16le(soxr.resample(samples, rate_hz, 24_000).astype(np.float32))
    return catalog


@pytest.fixture
def started(ann, tmp_path):
    """Starts tts: `async with started() as stub`; again, and it is a restart. `machine` is whose disk it is on."""

    @asynccontextmanager
    async def start(machine="one", **env):
        free = {f"TTS_{name}": "127.0.0.1:0" for name in ("ADDRESS", "METRICS_ADDRESS")}
        fixed = {
            "VOICEBOX_DATA": str(tmp_path / machine),
            "VOICEBOX_GRACE_SECONDS": "0",
            "CATALOG_ADDRESS": ann.address,
            "TTS_ENGINE": "flite",
        }
        async with (
            open_service(free | fixed | env) as serving,
            grpc.aio.insecure_channel(serving.endpoints[0].address) as channel,
        ):
            yield tts_pb2_grpc.TextToSpeechServiceStub(channel)

    return start


async def streamed(stub, text="Hello there."):
    """The audio of a profile's speech."""
    request = tts_pb2.StreamSynthesizeRequest(
        text=text, config=tts_pb2.SynthesisConfig(voice=tts_pb2.VoiceSelection(profile="profiles/ann"), seed=1)
    )
    return b"".join([answer.chunk.audio async for answer in stub.StreamSynthesize(request, wait_for_ready=True)])


async def test_after_a_restart_nothing_is_computed_and_the_voice_is_the_same(started, computed):
    async with started() as stub:
        first = await streamed(stub)
        assert await streamed(stub) == first
    async with started() as stub:
        assert await streamed(stub) == first
    assert first
    assert len(computed) == 1


async def test_a_changed_profile_is_computed_anew_and_a_broken_file_too(started, computed, ann, tmp_path):
    async with started() as stub:
        await streamed(stub)
    ann.etag, ann.pcm_s16le = "2", ann.pcm_s16le[: len(ann.pcm_s16le) // 4 * 2]
    async with started() as stub:
        changed = await streamed(stub)
    assert len(computed) == 2
    for file in (tmp_path / "one" / "tts" / "prompts").rglob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:-8])
    async with started() as stub:
        assert await streamed(stub) == changed
    assert len(computed) == 3


async def test_replicas_share_what_one_computed(started, computed, tmp_path):
    shared = {"TTS_PROMPT_STORE": str(tmp_path / "shared")}
    async with started("one", **shared) as one:
        first = await streamed(one)
    async with started("one", **shared) as one, started("two", **shared) as two:
        assert list(await asyncio.gather(streamed(one), streamed(two))) == [first, first]
    async with started("two") as alone:
        assert await streamed(alone) == first
    assert len(computed) == 1


async def test_a_store_that_cannot_be_is_a_start_error_that_names_its_variable(started):
    with pytest.raises(StartError, match="TTS_PROMPT_STORE"):
        async with started(TTS_PROMPT_STORE="ftp://host/prompts"):
            pass
