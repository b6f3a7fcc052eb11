"""Several models in one service: each does what it can, the one that is named is the one that is used, and it stays
while it is used.
"""

import io
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from google.rpc import error_details_pb2, status_pb2
from voicebox.compat.openai.v1 import openai_pb2, openai_pb2_grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_kit import plugins
from voicebox_models.engine import Model
from voicebox_tts.app import open_service
from voicebox_tts.engine import Capability, Description, Voice

from tests.support.aio import aio_stub

from .conftest import RATE, ToneEngine, TonePrompt, ToneSession


@dataclass(eq=False)
class ManyEngine(ToneEngine):
    """A tone that may have voices or not, and is loaded when it is used."""

    loaded: bool = False
    present: bool = True
    instructions: str = ""
    names: tuple[str, ...] = ()
    opened: list[object] = field(default_factory=list)
    go_on: Event = field(default_factory=Event)

    @property
    def files(self) -> "ManyEngine":
        return self

    @property
    def default_voice(self) -> str:
        return self.names[0] if self.names else ""

    @default_voice.setter
    def default_voice(self, _: str) -> None: ...

    def voices(self) -> Sequence[Voice]:
        return [Voice(name, name.title(), ("en-US",), RATE) for name in self.names]

    def prompt(self, reference):
        return TonePrompt(base_voice="")

    def open(self, voice, style, seed):
        assert self.loaded
        self.opened.append(voice)
        return ToneSession(self)


def many(variant: str, *capabilities: Capability, names: tuple[str, ...] = (), present: bool = True) -> ManyEngine:
    model = Model(f"many/{variant}", "1", "MIT", ("en-US",))
    return ManyEngine("many", model, frozenset(capabilities), names=names, present=present)


class Family:
    drawback, concurrency = "", 16

    def __init__(self, engines: Sequence[ManyEngine]) -> None:
        self._engines = engines

    def engines(self) -> Sequence[ManyEngine]:
        return self._engines

    def engine(self, model: str) -> ManyEngine | None:
        return next((engine for engine in self._engines if engine.model.name == model), None)

    def recommended(self) -> tuple[()]:
        return ()


@pytest.fixture
def engines() -> dict[str, ManyEngine]:
    made = [
        many("spoken", Capability.SEED, names=("low", "high")),
        many("louder", Capability.SEED, names=("low", "shrill")),
        many("cloned", Capability.SEED, Capability.CLONING),
        many("dreamt", Capability.SEED, Capability.VOICE_DESIGN),
        many("absent", Capability.SEED, Capability.CLONING, present=False),
    ]
    return {engine.model.name.rpartition("/")[2]: engine for engine in made}


@pytest.fixture
async def running(start, catalog, engines, monkeypatch):
    load = plugins.load
    monkeypatch.setattr(
        plugins,
        "load",
        lambda group, name: (lambda setup: Family(list(engines.values()))) if name == "many" else load(group, name),
    )
    return await start(
        open_service,
        CATALOG_ADDRESS=catalog.address,
        TTS_ENGINE="many",
        TTS_MORE_ENGINES="flite",
        ASR_ADDRESS="127.0.0.1:1",
    )


@pytest.fixture
def tts(running):
    return aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)


async def sentence(tts, text="ab", **config) -> tts_pb2.SynthesizeResponse:
    return await tts.Synthesize(tts_pb2.SynthesizeRequest(text=text, config=config))


def reason_of(error: grpc.aio.AioRpcError) -> str:
    status = status_pb2.Status.FromString(dict[str, Any](error.trailing_metadata())["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return str(info.reason)


def field_of(error: grpc.aio.AioRpcError) -> str:
    status = status_pb2.Status.FromString(dict[str, Any](error.trailing_metadata())["grpc-status-details-bin"])
    bad = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(bad)
    return str(bad.field_violations[0].field)


PROFILE = tts_pb2.VoiceSelection(profile="profiles/ann")


async def test_a_voice_is_spoken_by_the_default_model_and_a_profile_by_one_that_clones(tts, engines):
    spoken, cloned = await sentence(tts), await sentence(tts, voice=PROFILE)
    assert (spoken.started.model, spoken.started.voice) == ("many/spoken", "many/low")
    assert (cloned.started.model, cloned.started.voice) == ("many/cloned", "")
    assert cloned.started.cloning == tts_pb2.CAPABILITY_CLONING
    assert engines["cloned"].opened == [TonePrompt(base_voice="")]


async def test_the_model_that_is_named_speaks(tts):
    assert (await sentence(tts, model="models/many/louder")).started.model == "many/louder"
    shrill = tts_pb2.VoiceSelection(voice="shrill")
    assert (await sentence(tts, voice=shrill)).started.model == "many/louder"
    assert (await sentence(tts, voice=shrill, model="models/many/louder")).started.voice == "many/shrill"
    assert (await sentence(tts, model="models/flite/cmu-us")).started.voice == "flite/slt"


@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        ({"model": "models/many/nobody"}, "NOT_FOUND", "MODEL_NOT_FOUND"),
        ({"model": "many/louder"}, "NOT_FOUND", "MODEL_NOT_FOUND"),
        ({"model": "models/many/absent", "voice": PROFILE}, "FAILED_PRECONDITION", "MODEL_ABSENT"),
        ({"model": "models/many/cloned"}, "INVALID_ARGUMENT", "MODEL_WITHOUT_VOICES"),
        ({"model": "models/many/spoken", "voice": PROFILE}, "INVALID_ARGUMENT", "CLONING_UNSUPPORTED"),
        (
            {"model": "models/many/spoken", "voice": tts_pb2.VoiceSelection(voice="shrill")},
            "NOT_FOUND",
            "VOICE_NOT_FOUND",
        ),
        (
            {"model": "models/many/spoken", "voice": tts_pb2.VoiceSelection(voice="flite/slt")},
            "NOT_FOUND",
            "VOICE_NOT_FOUND",
        ),
    ],
)
async def test_a_model_that_cannot_is_refused(tts, fields, code, reason):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sentence(tts, **fields)
    assert (caught.value.code().name, reason_of(caught.value)) == (code, reason)


async def test_voices_are_listed_once_without_loading_a_model(tts, engines):
    names = [voice.name for voice in (await tts.ListVoices(tts_pb2.ListVoicesRequest(engine="many"))).voices]
    assert names == ["many/low", "many/high", "many/shrill"]
    assert [name for name, engine in engines.items() if engine.loaded] == ["spoken"]


async def test_a_model_that_speaks_is_not_unloaded(tts, running, engines):
    models = aio_stub(models_pb2_grpc.ModelServiceStub, running.channel)
    name = "models/many/louder"
    call = tts.StreamSynthesize(
        tts_pb2.StreamSynthesizeRequest(text="a" * 400, ahead_seconds=1, config=tts_pb2.SynthesisConfig(model=name))
    )
    assert (await call.read()).started.model == "many/louder"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await models.UnloadModel(models_pb2.UnloadModelRequest(name=name))
    assert reason_of(caught.value) == "MODEL_IN_USE"
    call.cancel()
    while engines["louder"].loaded:
        with suppress(grpc.aio.AioRpcError):  # the call is still ending
            await models.UnloadModel(models_pb2.UnloadModelRequest(name=name))
    assert engines["louder"].closed == 1
    assert not engines["louder"].loaded


async def test_voices_of_a_description_are_files_to_choose_from(tts, engines):
    answer = await tts.DesignVoice(
        tts_pb2.DesignVoiceRequest(
            description="A deep voice.", text="abc", config=tts_pb2.VoiceDesignConfig(seed=2**32 - 1, count=2)
        )
    )
    assert [voice.seed for voice in answer.voices] == [2**32 - 1, 0]
    assert {voice.model for voice in answer.voices} == {"many/dreamt"}
    assert engines["dreamt"].opened == [Description("A deep voice.")] * 2
    for voice in answer.voices:
        samples, rate = soundfile.read(io.BytesIO(voice.audio))
        assert (len(samples) / rate, voice.duration.ToMilliseconds()) == (0.15, 150)
        assert np.abs(samples).max() > 0.4


@pytest.mark.parametrize(
    ("config", "field"), [({"count": 9}, "config.count"), ({"language": "not a language"}, "config.language")]
)
async def test_a_wrong_config_of_a_design_is_named_by_its_path(tts, config, field):
    request = tts_pb2.DesignVoiceRequest(description="A deep voice.", text="abc", config=config)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await tts.DesignVoice(request)
    assert field_of(caught.value) == field


@pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        ({"description": ""}, "INVALID_ARGUMENT", "INVALID_FIELD"),
        ({"description": "👍 ..."}, "INVALID_ARGUMENT", "INVALID_FIELD"),
        ({"description": "x" * 501}, "INVALID_ARGUMENT", "INVALID_FIELD"),
        ({"text": ""}, "INVALID_ARGUMENT", "TEXT_EMPTY"),
        ({"text": "x" * 301}, "INVALID_ARGUMENT", "TEXT_TOO_LONG"),
        ({"config": {"count": 9}}, "INVALID_ARGUMENT", "INVALID_FIELD"),
        ({"config": {"count": -1}}, "INVALID_ARGUMENT", "INVALID_FIELD"),
        ({"config": {"language": "not a language"}}, "INVALID_ARGUMENT", "LANGUAGE_TAG_INVALID"),
        ({"config": {"model": "models/many/spoken"}}, "FAILED_PRECONDITION", "VOICE_DESIGN_UNAVAILABLE"),
        ({"text": "ab!"}, "INTERNAL", "INTERNAL"),
    ],
)
async def test_a_design_that_cannot_be_is_refused(tts, engines, fields, code, reason):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await tts.DesignVoice(tts_pb2.DesignVoiceRequest(**{"description": "A deep voice.", "text": "abc", **fields}))
    assert (caught.value.code().name, reason_of(caught.value)) == (code, reason)
    assert engines["dreamt"].running == 0


async def test_openai_clients_name_a_model_for_a_voice_and_for_a_profile(running):
    stub = aio_stub(openai_pb2_grpc.OpenAiSpeechServiceStub, running.channel)

    async def spoken(body: bytes) -> bytes:
        request = openai_pb2.CreateSpeechRequest()
        request.body.data = body
        return b"".join([answer.body.data async for answer in stub.CreateSpeech(iter([request]))])

    assert (
        len(await spoken(b'{"input": "ab", "model": "many/louder", "voice": "shrill", "response_format": "wav"}'))
        > 1000
    )
    assert (
        len(await spoken(b'{"input": "ab", "model": "many/cloned", "voice": "ann", "response_format": "wav"}')) > 1000
    )
    assert len(await spoken(b'{"input": "ab", "model": "tts-1", "voice": "nova", "response_format": "wav"}')) > 1000


async def test_an_error_of_our_own_goes_by_openais_name(running):
    stub = aio_stub(openai_pb2_grpc.OpenAiSpeechServiceStub, running.channel)
    request = openai_pb2.CreateSpeechRequest()
    request.body.data = b'{"input": "ab", "model": "many/cloned"}'
    call = stub.CreateSpeech(iter([request]))
    error = json.loads(str(dict(await call.initial_metadata())["x-openai-error"]))["error"]
    sentence = "models/many/cloned has no built-in voice: name a profile, or give a reference."
    assert (error["param"], error["message"], error["code"]) == ("model", sentence, "model_without_voices")


async def test_a_check_that_nobody_answers_is_a_warning(tts, catalog):
    finished = (await sentence(tts, check=True)).finished
    assert not finished.HasField("word_error_rate")
    assert any(
        warning.startswith("What was spoken is not checked: asr answered UNAVAILABLE") for warning in finished.warnings
    )
    [(generation, _)] = catalog.records.values()
    assert not generation.HasField("word_error_rate")
