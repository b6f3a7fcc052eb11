"""The service itself: files and live speech are converted, voices travel, and what is refused is named."""

import asyncio
import io
import json
import uuid
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from voicebox.conversion.v1 import conversion_pb2 as pb
from voicebox_audio.decoding.decoder import open_decoder
from voicebox_audio.pcm import to_s16le
from voicebox_blobs.blocks import once
from voicebox_conversion.conversion.source import FileSource

from bench.recordings import FOLDER

from .conftest import Service, changed, refusal, running, tone

RATE = 16_000
MISSING = str(uuid.uuid4())


def wav(seconds: float = 1.0) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(seconds, rate=RATE), RATE, format="WAV")
    return file.getvalue()


async def test_a_file_becomes_a_file(service: Service, archive: bytes) -> None:
    stored = await service.store(archive)
    flac = (FOLDER / "LJ001-0002.flac").read_bytes()
    answers = [answer async for answer in service.convert(flac, stored.name)]
    made = b"".join(answer.audio.data for answer in answers)
    samples, rate = soundfile.read(io.BytesIO(made))
    seconds = soundfile.info(FOLDER / "LJ001-0002.flac").duration
    assert (rate, answers[0].started.sample_rate_hz) == (24_000, 24_000)
    assert abs(len(samples) / rate - seconds) < 0.01
    assert answers[0].audio.content_type == "audio/wav"
    assert answers[0].started.model == "models/world/vocoder"
    assert "approximate" in answers[0].started.warnings[0]
    assert abs(answers[-1].finished.duration.ToTimedelta().total_seconds() - seconds) < 0.01


@pytest.mark.parametrize(
    ("encoding", "rate"),
    [
        (pb.AUDIO_ENCODING_FLAC, 22_050),
        (pb.AUDIO_ENCODING_MP3, 16_000),
        (pb.AUDIO_ENCODING_OGG_OPUS, 48_000),
        (pb.AUDIO_ENCODING_WAV, 8_000),
    ],
)
async def test_the_answer_is_written_as_asked_and_says_that_it_is_synthetic(
    service: Service, archive: bytes, encoding: Any, rate: int
) -> None:
    stored = await service.store(archive)
    call = service.convert(wav(), stored.name, encoding=encoding, sample_rate_hz=rate)
    made = b"".join([answer.audio.data async for answer in call])
    assert soundfile.info(io.BytesIO(made)).samplerate == rate
    assert dict(await call.initial_metadata())["x-voicebox-synthetic"] == "1"
    if encoding != pb.AUDIO_ENCODING_WAV:  # a streamed WAV has no room for it
        assert b"AI-generated speech" in made


async def test_live_speech_comes_back_while_it_is_spoken(service: Service, archive: bytes) -> None:
    stored = await service.store(archive)
    speech = to_s16le(tone(2.0, rate=RATE))
    answered = asyncio.Event()

    async def spoken() -> AsyncIterator[pb.StreamingConvertRequest]:
        conversion = pb.ConversionConfig(target=stored.name)
        yield pb.StreamingConvertRequest(config=pb.StreamingConvertConfig(conversion=conversion, sample_rate_hz=RATE))
        for begin in range(0, len(speech), 640):
            if begin == 2 * RATE:
                await answered.wait()  # the first half came back before the second was sent
            yield pb.StreamingConvertRequest(audio=speech[begin : begin + 640])

    got = bytearray()
    async for answer in service.conversion.StreamingConvert(spoken()):
        got += answer.audio
        if len(got) > RATE:
            answered.set()
    assert len(got) == len(speech)
    assert answer.finished.duration.seconds == 2


async def test_a_profile_of_the_catalog_is_a_voice(service: Service) -> None:
    for _ in range(2):
        assert await service.audio(wav(), "profiles/ann")
    service.catalog.etag = "2"
    assert await service.audio(wav(), "profiles/ann")
    assert service.catalog.asked == ["", "1", "1"]  # learned, unchanged, learned again


async def test_what_the_catalog_refuses_is_refused(service: Service) -> None:
    silent = await refusal(service.convert(wav(), "profiles/silent"))
    assert silent == (grpc.StatusCode.FAILED_PRECONDITION, "CONSENT_REQUIRED")
    assert await refusal(service.convert(wav(), "profiles/bob")) == (grpc.StatusCode.NOT_FOUND, "PROFILE_NOT_FOUND")


async def test_a_voice_has_its_words_figures_and_use(service: Service, archive: bytes) -> None:
    stored = await service.store(archive)
    assert stored.name == "voiceModels/the-reader"
    assert (stored.consent, stored.licence) == ("She agreed on 2026-11-30.", "CC0-1.0")
    assert stored.metrics["seconds_of_speech"] == pytest.approx(26.36)
    assert len(stored.recordings_sha256) == 64
    assert "approximate" in stored.description
    await service.audio(wav(), stored.name)
    used = await service.models.GetVoiceModel(pb.GetVoiceModelRequest(name=stored.name))
    assert (used.usage.conversions, used.usage.converted.seconds) == (1, 1)
    assert used.usage.HasField("last_use_time")


async def exported(service: Service, name: str) -> bytes:
    answers = service.models.ExportVoiceModel(pb.ExportVoiceModelRequest(name=name))
    return b"".join([answer.body.data async for answer in answers])


async def test_a_voice_is_the_same_after_a_journey(service: Service, archive: bytes) -> None:
    stored = await service.store(archive)
    first = await exported(service, stored.name)
    again = await service.store(first)
    assert again.name == "voiceModels/the-reader-2"
    assert (again.sha256, again.consent, again.recordings_sha256) == (
        stored.sha256,
        stored.consent,
        stored.recordings_sha256,
    )
    assert await exported(service, again.name) == first
    with zipfile.ZipFile(io.BytesIO(first)) as file:
        assert set(file.namelist()) == {"manifest.json", "model.safetensors"}


async def test_a_request_is_done_once(service: Service, archive: bytes) -> None:
    one, two = [await service.store(archive, request_id=MISSING) for _ in range(2)]
    assert one == two
    reused = service.store(archive, request_id=MISSING, voice_model_id="another")
    assert await refusal(reused) == (grpc.StatusCode.FAILED_PRECONDITION, "REQUEST_ID_REUSED")
    request = pb.DeleteVoiceModelRequest(name=one.name, request_id=str(uuid.uuid4()))
    await service.models.DeleteVoiceModel(request)
    await service.models.DeleteVoiceModel(request)
    again = await refusal(service.models.DeleteVoiceModel(pb.DeleteVoiceModelRequest(name=one.name)))
    assert again == (grpc.StatusCode.NOT_FOUND, "VOICE_MODEL_NOT_FOUND")


async def test_an_owner_sees_its_own_voices_alone(service: Service, archive: bytes) -> None:
    ann, bob = ((("x-voicebox-principal", owner),) for owner in ("ann", "bob"))
    stored = await service.store(archive, metadata=ann, voice_model_id="reader")
    assert (await service.store(archive, metadata=bob, voice_model_id="reader")).name == stored.name
    listed = await service.models.ListVoiceModels(pb.ListVoiceModelsRequest(), metadata=bob)
    assert [each.owner for each in listed.voice_models] == ["bob"]
    await service.models.DeleteVoiceModel(pb.DeleteVoiceModelRequest(name=stored.name), metadata=bob)
    assert await service.models.GetVoiceModel(pb.GetVoiceModelRequest(name=stored.name), metadata=ann) == stored
    missing = service.models.GetVoiceModel(pb.GetVoiceModelRequest(name=stored.name))
    assert (await refusal(missing))[0] == grpc.StatusCode.NOT_FOUND
    assert (await refusal(service.convert(wav(), stored.name, metadata=bob)))[0] == grpc.StatusCode.NOT_FOUND


async def test_all_voices_of_an_owner_move_and_go(service: Service, archive: bytes, tmp_path) -> None:
    ann, bob = ((("x-voicebox-principal", owner),) for owner in ("ann", "bob"))
    for metadata in (ann, bob):
        await service.store(archive, metadata=metadata, voice_model_id="reader")
    counted = await service.models.DeleteOwner(pb.DeleteOwnerRequest(owner="ann"))
    moved = await service.models.MoveOwner(pb.MoveOwnerRequest(owner="ann", new_owner="bob"))
    assert counted.voice_model_count == moved.voice_model_count == 1
    listed = await service.models.ListVoiceModels(pb.ListVoiceModelsRequest(), metadata=bob)
    assert {each.name for each in listed.voice_models} == {"voiceModels/reader", "voiceModels/reader-2"}
    assert (await service.models.DeleteOwner(pb.DeleteOwnerRequest(owner="bob", force=True))).voice_model_count == 2
    assert not (await service.models.ListVoiceModels(pb.ListVoiceModelsRequest(), metadata=bob)).voice_models
    assert not [path for path in (tmp_path / "conversion/blobs").rglob("*") if path.is_file()]
    same = service.models.MoveOwner(pb.MoveOwnerRequest(owner="ann", new_owner="ann"))
    assert (await refusal(same))[0] == grpc.StatusCode.INVALID_ARGUMENT


async def test_who_is_known_needs_a_consent(service: Service, archive: bytes) -> None:
    def without(files: dict[str, bytes]) -> dict[str, bytes]:
        return files | {"manifest.json": json.dumps(json.loads(files["manifest.json"]) | {"consent": ""}).encode()}

    silent = changed(archive, without)
    for owner, is_refused in (("ann", True), ("local", False)):
        metadata = (("x-voicebox-principal", owner),)
        stored = await service.store(silent, metadata=metadata)
        call = service.convert(wav(), stored.name, metadata=metadata)
        if is_refused:
            assert await refusal(call) == (grpc.StatusCode.FAILED_PRECONDITION, "CONSENT_REQUIRED")
        else:
            assert [answer async for answer in call]


async def test_lists_come_in_pages(service: Service, archive: bytes) -> None:
    names = [(await service.store(archive, voice_model_id=f"reader-{number}")).name for number in range(3)]
    request, found = pb.ListVoiceModelsRequest(page_size=2), []
    while True:
        page = await service.models.ListVoiceModels(request)
        found += [each.name for each in page.voice_models]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == names[::-1]


async def test_voices_survive_a_restart(tmp_path, archive: bytes) -> None:
    async with running(tmp_path) as service:
        stored = await service.store(archive)
    async with running(tmp_path) as service:
        assert await service.models.GetVoiceModel(pb.GetVoiceModelRequest(name=stored.name)) == stored
        assert await service.audio(wav(), stored.name)


MANIFEST, TENSORS = "manifest.json", "model.safetensors"


def _manifest(**changes: Any) -> Any:
    return lambda files: files | {MANIFEST: json.dumps(json.loads(files[MANIFEST]) | changes).encode()}


@pytest.mark.parametrize(
    "change",
    [
        lambda files: {MANIFEST: files[MANIFEST]},
        lambda files: {TENSORS: files[TENSORS]},
        lambda files: files | {"more.pth": b"\x80\x04."},
        lambda files: files | {"../model.safetensors": b""},
        lambda files: files | {MANIFEST: b"{"},
        lambda files: files | {MANIFEST: b"[" * 60_000},
        lambda files: files | {MANIFEST: b" " * 70_000},
        lambda files: files | {TENSORS: b"\x80\x04cos\nsystem\n(S'touch /tmp/owned'\ntR."},
        lambda files: files | {TENSORS: files[TENSORS][:-8]},
        _manifest(format="voicebox-profile"),
        _manifest(version=2),
        _manifest(sha256="0" * 64),
        _manifest(sha256=7),
        _manifest(name="n" * 101),
        _manifest(consent=["x"]),
        _manifest(metrics={"loss": float("inf")}),
        _manifest(metrics={"loss": 10**400}),
        _manifest(metrics={"\ud800": 1.0}),
        _manifest(name="\ud800"),
        _manifest(consent="I agree.\udfff"),
        _manifest(engine="\ud800"),
        _manifest(version="v" * 60_000),
        _manifest(sample_rate_hz=1),
    ],
)
async def test_a_file_that_is_no_voice_is_refused_and_leaves_nothing(
    service: Service, archive: bytes, tmp_path, change: Any
) -> None:
    code, reason = await refusal(service.store(changed(archive, change)))
    assert (code, reason[:8]) == (grpc.StatusCode.INVALID_ARGUMENT, "ARCHIVE_")
    assert not (await service.models.ListVoiceModels(pb.ListVoiceModelsRequest())).voice_models
    assert not [path for path in (tmp_path / "conversion/blobs").rglob("*") if path.is_file()]


async def test_a_voice_of_another_engine_is_refused(service: Service, archive: bytes) -> None:
    refused = await refusal(service.store(changed(archive, _manifest(engine="seed"))))
    assert refused == (grpc.StatusCode.FAILED_PRECONDITION, "ENGINE_NOT_SERVED")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"config": {"strength": 1.5}}, "INVALID_FIELD"),
        ({"config": {"strength": float("nan")}}, "INVALID_FIELD"),
        ({"config": {"pitch_semitones": 25.0}}, "INVALID_FIELD"),
        ({"encoding": 99}, "INVALID_FIELD"),
        ({"sample_rate_hz": 7999}, "INVALID_FIELD"),
        ({"encoding": pb.AUDIO_ENCODING_MP3, "sample_rate_hz": 8001}, "INVALID_FIELD"),
    ],
)
async def test_a_wrong_field_is_refused(service: Service, fields: Any, reason: str) -> None:
    refused = await refusal(service.convert(wav(), "profiles/ann", **fields))
    assert refused == (grpc.StatusCode.INVALID_ARGUMENT, reason)


@pytest.mark.parametrize("target", ["", "ann", "voiceModels/", "voiceModels/../x", "voices/ann", "profiles/Ä"])
async def test_a_target_that_is_no_name_is_refused(service: Service, target: str) -> None:
    assert (await refusal(service.convert(wav(), target)))[0] == grpc.StatusCode.INVALID_ARGUMENT


async def test_what_is_no_audio_is_refused(service: Service) -> None:
    refused = await refusal(service.convert(b"#EXTM3U\n" * 500, "profiles/ann"))
    assert refused == (grpc.StatusCode.INVALID_ARGUMENT, "AUDIO_FORMAT_REFUSED")


async def test_a_live_stream_begins_with_its_config(service: Service) -> None:
    async def audio() -> AsyncIterator[pb.StreamingConvertRequest]:
        yield pb.StreamingConvertRequest(audio=bytes(100))

    refused = await refusal(service.conversion.StreamingConvert(audio()))
    assert refused == (grpc.StatusCode.INVALID_ARGUMENT, "CONFIG_FIRST")


async def test_a_live_stream_that_stands_still_ends(tmp_path) -> None:
    async with running(tmp_path, CONVERSION_IDLE_SECONDS="0.2") as service:

        async def silent() -> AsyncIterator[pb.StreamingConvertRequest]:
            config = pb.StreamingConvertConfig(
                conversion=pb.ConversionConfig(target="profiles/ann"), sample_rate_hz=RATE
            )
            yield pb.StreamingConvertRequest(config=config)
            await asyncio.Event().wait()

        refused = await refusal(service.conversion.StreamingConvert(silent()))
        assert refused == (grpc.StatusCode.DEADLINE_EXCEEDED, "STREAM_IDLE")


async def test_more_calls_than_it_can_work_at_wait_or_are_refused(tmp_path) -> None:
    async with running(tmp_path, CONVERSION_STREAMS="1", CONVERSION_QUEUE="1") as service:
        calls = [service.audio(wav(), "profiles/ann") for _ in range(4)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    failures = [each.code() for each in outcomes if isinstance(each, grpc.aio.AioRpcError)]
    assert sum(isinstance(each, bytes) for each in outcomes) >= 1
    assert set(failures) <= {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert failures


async def test_an_hour_is_read_as_it_is_decoded() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(3600 * 8000, np.int16), 8000, format="FLAC")
    async with open_decoder() as decoder:
        source = FileSource(once(file.getvalue()), 8000, decoder)
        count = 0
        async for piece in source.samples():
            assert len(piece) <= 60 * 8000
            count += len(piece)
    assert (count, source.warnings) == (3600 * 8000, ())
