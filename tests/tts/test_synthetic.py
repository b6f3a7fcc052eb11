"""Speech is marked as synthetic: in the answer, in its headers, in its file and in the history's file."""

import io

import pytest
import soundfile
import soxr
from google.protobuf.json_format import MessageToDict
from voicebox.compat.google import texttospeech_v1_pb2 as google
from voicebox.compat.google import texttospeech_v1_pb2_grpc
from voicebox.compat.openai.v1 import openai_pb2, openai_pb2_grpc
from voicebox.compat.riva import riva_tts_pb2, riva_tts_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_tts.app import open_service

from tests.support.aio import aio_stub

HEADER = ("x-voicebox-synthetic", "1")
SENTENCE = "AI-generated speech. Made by voicebox with the engine flite, model flite/cmu-us."
FLAC = tts_pb2.SynthesisConfig(audio=tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_FLAC))


@pytest.fixture
async def running(start, catalog):
    return await start(open_service, CATALOG_ADDRESS=catalog.address)


@pytest.fixture
def tts(running):
    return aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)


def comment(data):
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        return file.comment


async def test_a_whole_answer_says_what_made_it(tts):
    call = tts.Synthesize(tts_pb2.SynthesizeRequest(text="Hello."))
    made = await call
    assert HEADER in tuple(await call.initial_metadata())
    assert MessageToDict(made.started.provenance) == {
        "synthetic": True,
        "engine": "flite",
        "model": "flite/cmu-us",
        "modelRevision": "2.2",
    }
    assert comment(made.audio).startswith(SENTENCE)


async def test_a_voice_that_follows_a_recording_is_called_cloned(tts, catalog, speech_data):
    samples, rate = soundfile.read(speech_data.path("LJ001-0002.wav"), dtype="float32")
    catalog.pcm_s16le = (soxr.resample(samples, rate, 24_000) * 32767).astype("<i2").tobytes()
    request = tts_pb2.SynthesizeRequest(text="Hello.")
    request.config.voice.profile = "profiles/ann"
    made = await tts.Synthesize(request)
    assert made.started.provenance.cloned


async def test_every_stream_begins_with_the_header(tts):
    config, turn = FLAC, tts_pb2.DialogueTurn(text="Hello.")
    first = tts_pb2.ConverseSynthesizeRequest(config=tts_pb2.ConverseConfig(synthesis=config))
    conversation = tts.ConverseSynthesize(iter([first, tts_pb2.ConverseSynthesizeRequest(text="Hello.")]))
    calls = (
        tts.StreamSynthesize(tts_pb2.StreamSynthesizeRequest(text="Hello.", config=config)),
        tts.PlaySpeech(tts_pb2.PlaySpeechRequest(text="Hello.", config=config)),
        tts.StreamDialogue(tts_pb2.StreamDialogueRequest(turns=[turn], config=config)),
        conversation,
    )
    for call in calls:
        events = [event async for event in call]
        assert HEADER in tuple(await call.initial_metadata())
        audio = b"".join(e.body.data if isinstance(e, tts_pb2.PlaySpeechResponse) else e.chunk.audio for e in events)
        assert SENTENCE.encode() in audio[:1000]


async def test_a_refusal_is_not_called_speech(tts):
    call = tts.PlaySpeech(tts_pb2.PlaySpeechRequest(text=""))
    assert HEADER not in tuple(await call.initial_metadata())


async def test_the_history_file_says_it_too(tts, catalog):
    made = await tts.Synthesize(tts_pb2.SynthesizeRequest(text="Hello."))
    _, audio = catalog.records[made.finished.generation]
    assert comment(audio) == f"{SENTENCE} http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


async def test_openai_answers_have_header_and_mark(running):
    openai = aio_stub(openai_pb2_grpc.OpenAiSpeechServiceStub, running.channel)
    request = openai_pb2.CreateSpeechRequest()
    request.body.data = b'{"model": "tts-1", "voice": "alloy", "input": "Hello.", "response_format": "flac"}'
    call = openai.CreateSpeech(iter([request]))
    audio = b"".join([piece.body.data async for piece in call])
    assert HEADER in tuple(await call.initial_metadata())
    assert SENTENCE.encode() in audio[:1000]


async def test_google_answers_have_header_and_mark(running):
    stub = aio_stub(texttospeech_v1_pb2_grpc.TextToSpeechStub, running.channel)
    request = google.SynthesizeSpeechRequest(
        input=google.SynthesisInput(text="Hello."),
        voice=google.VoiceSelectionParams(language_code="en-US"),
        audio_config=google.AudioConfig(audio_encoding=google.MULAW),
    )
    call = stub.SynthesizeSpeech(request)
    assert comment((await call).audio_content).startswith(SENTENCE)
    assert HEADER in tuple(await call.initial_metadata())


async def test_riva_answers_have_the_header_also_for_several_texts(running):
    riva = aio_stub(riva_tts_pb2_grpc.RivaSpeechSynthesisStub, running.channel)
    request = riva_tts_pb2.SynthesizeSpeechRequest(text="Hello.", language_code="en-US", sample_rate_hz=16_000)
    call = riva.SynthesizeOnline(iter([request, request]))
    assert [piece async for piece in call]
    assert HEADER in tuple(await call.initial_metadata())
