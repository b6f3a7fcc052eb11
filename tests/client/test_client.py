"""The blocking client, method by method."""

import io
import wave

import pytest
from voicebox.asr.v1 import asr_pb2
from voicebox.catalog.v1 import catalog_pb2
from voicebox.models.v1 import models_pb2
from voicebox.tts.v1 import tts_pb2
from voicebox_client import VoiceboxClientError
from voicebox_client.client import Client


def test_speech_is_events_in_order(client, platform):
    speech = client.say("Hello", encoding="pcm")
    kinds = [event.WhichOneof("event") for event in speech]
    assert kinds == ["started", "chunk", "chunk", "finished"]
    assert speech.started.voice == "flite/slt"
    assert speech.finished.generation == f"generations/{platform.requested['StreamSynthesize'][0].config.request_id}"


def test_speech_can_be_read_whole(client, platform):
    with wave.open(io.BytesIO(client.say("Hello").read())) as read:
        assert read.readframes(read.getnframes()) == platform.spoken


def test_speech_can_be_saved(client, platform, tmp_path):
    finished = client.say("Hello").save(tmp_path / "speech.wav")
    assert finished.duration.ToMilliseconds() == 200
    with wave.open(str(tmp_path / "speech.wav")) as read:
        assert read.readframes(read.getnframes()) == platform.spoken


def test_speech_without_its_end_is_an_error_and_leaves_no_file(client, platform, tmp_path):
    platform.cut_speech = True
    with pytest.raises(VoiceboxClientError) as raised:
        client.say("Hello").save(tmp_path / "speech.wav")
    assert raised.value.reason == "STREAM_CUT_SHORT"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(VoiceboxClientError, match="cut short"):
        client.say("Hello").read()


def test_leaving_speech_cancels_it(client, platform):
    platform.silent_speech = True
    for event in client.say("Hello"):
        if event.HasField("chunk"):
            break
    assert platform.cancelled.wait(10)


def test_a_conversation_speaks_pieces_of_text(client, platform):
    pieces = ["Hello ", "world.", tts_pb2.CONVERSE_CONTROL_FLUSH]
    assert client.converse(iter(pieces), encoding="pcm").read() == platform.spoken
    requested = platform.requested["ConverseSynthesize"]
    assert [message.text or message.control for message in requested] == pieces


def test_voices_are_listed(client, platform):
    (voice,) = client.list_voices("en", engine="flite")
    assert voice.is_default
    assert platform.requested["ListVoices"][0] == tts_pb2.ListVoicesRequest(language="en", engine="flite")


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "file"])
def test_a_recording_of_any_kind_is_transcribed(client, platform, tmp_path, kind):
    path = tmp_path / "long.wav"
    path.write_bytes(bytes(200_000))
    with path.open("rb") as file:
        source = {"path": path, "text": str(path), "bytes": path.read_bytes(), "file": file}[kind]
        assert client.transcribe(source, word_offsets=True, language="en-US").transcript == "hello world"
    assert platform.uploaded == bytes(200_000)
    assert platform.requested["RecognizeUpload"][0].config == asr_pb2.RecognitionConfig(
        language="en-US", word_offsets=True
    )


def test_a_recording_that_is_not_there_is_an_os_error(client, tmp_path):
    with pytest.raises(FileNotFoundError):
        client.transcribe(tmp_path / "none.wav")


def test_listening_gives_interims_and_finals(client, platform):
    blocks = [b"ab", b"cd", asr_pb2.STREAM_CONTROL_END_UTTERANCE]
    kinds = [event.WhichOneof("event") for event in client.listen(iter(blocks), sample_rate_hz=16000)]
    assert kinds == ["interim", "interim", "interim", "final", "finished"]
    assert platform.uploaded == b"abcd"
    assert len(platform.requested["control"]) == 1
    config = platform.requested["StreamingRecognize"][0].config
    assert config.interim_results
    assert config.recognition.sample_rate_hz == 16000


def test_listening_without_its_end_is_an_error(client, platform):
    platform.cut_speech = True
    with pytest.raises(VoiceboxClientError, match="cut short"):
        list(client.listen([b"ab"], sample_rate_hz=16000))


def test_a_profile_lives(client, platform, recording):
    profile = client.create_profile(
        "Ann", "ann", language="en-GB", labels={"a": "b"}, consent=catalog_pb2.Consent(statement="She agreed.")
    )
    assert (profile.name, profile.labels["a"]) == ("profiles/ann", "b")
    assert client.get_profile("ann") == client.get_profile("profiles/ann") == profile
    assert client.update_profile("ann", etag="1", description="A voice.").description == "A voice."
    sample = client.add_sample("ann", recording, "Some words.")
    assert (sample.name, sample.transcript) == ("profiles/ann/samples/s1", "Some words.")
    assert platform.uploaded == recording.read_bytes()
    assert [found.name for found in client.list_samples("ann")] == [sample.name]
    assert b"".join(client.sample_audio(sample.name, catalog_pb2.SAMPLE_FORM_NORMALIZED)) == b"sample"
    client.delete_sample(sample.name)
    client.delete_profile("ann", etag="1")
    assert platform.requested["DeleteProfile"][0] == catalog_pb2.DeleteProfileRequest(name="profiles/ann", etag="1")
    assert list(client.list_profiles()) == []


def test_lists_go_on_across_pages(client, platform):
    for name in ("a", "b", "c"):
        client.create_profile(name, name)
    assert [profile.name for profile in client.list_profiles()] == ["profiles/a", "profiles/b", "profiles/c"]
    assert len(list(client.list_generations("words", 'engine = "flite"', page_size=2))) == 5
    requested = platform.requested["ListGenerations"]
    assert [request.page_token for request in requested] == ["", "2", "4"]
    assert {(request.search, request.filter, request.page_size) for request in requested} == {
        ("words", 'engine = "flite"', 2)
    }


def test_a_page_is_requested_only_when_it_is_reached(client, platform):
    next(client.list_generations())
    assert len(platform.requested["ListGenerations"]) == 1


def test_the_history_is_read_and_cleared(client, platform):
    assert client.get_generation("g3").text == "The words of number 3."
    assert b"".join(client.generation_audio("g3")) == platform.wav_header + platform.spoken
    client.delete_generation("generations/g3")
    with pytest.raises(VoiceboxClientError, match="no generation"):
        client.get_generation("g3")


def test_the_service_that_is_named_lists_its_models(client, platform):
    assert client.list_models("asr")[0].state == models_pb2.MODEL_STATE_AVAILABLE
    assert client.load_model("tts", "flite/2.2").state == models_pb2.MODEL_STATE_LOADED
    assert client.unload_model("tts", "models/flite/2.2").state == models_pb2.MODEL_STATE_AVAILABLE
    assert [step.done for step in client.download_model("asr", "flite/2.2")] == [False, True]
    assert platform.hosts == ["asr", "tts", "tts", "asr"]
    assert platform.requested["LoadModel"] == [models_pb2.LoadModelRequest(name="models/flite/2.2")]


def test_health_is_that_of_the_gateway(gateway):
    states = {"tts": "SERVING", "asr": "UNREACHABLE"}
    health = Client(gateway(503, {"status": "NOT_SERVING", "services": states})).health()
    assert (health.serving, health.services) == (False, states)
    assert Client(gateway(200, {"services": {"tts": "SERVING"}})).health().serving


@pytest.mark.parametrize("body", [b"<html>", [1], {"status": "ok"}, {"services": 1}])
def test_something_else_at_the_address_is_reported(gateway, body):
    with pytest.raises(VoiceboxClientError, match="not a voicebox gateway"):
        Client(gateway(200, body)).health()


def test_a_deadline_ends_a_call(platform):
    platform.silent_speech = True
    with Client(platform.address, work_timeout_seconds=0.2) as client, pytest.raises(VoiceboxClientError) as raised:
        client.say("Hello").read()
    assert raised.value.code == "DEADLINE_EXCEEDED"


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(platform, gateway, monkeypatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Client(platform.address) as client:
        assert client.list_voices()
    assert Client(gateway(200, {"services": {}})).health().serving


def test_what_speaks_no_http_is_no_answer(platform):
    with Client(platform.address) as client, pytest.raises(VoiceboxClientError) as raised:
        client.health()
    assert raised.value.reason == "NO_ANSWER"
