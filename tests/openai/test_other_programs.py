"""Requests of programs that are too large to install here, as their sources send them: each gets sound, or the words
that were said.

Open WebUI 0.6, SillyTavern 1.13, Kokoro-FastAPI's web page and tests, speaches' tests, LiveKit's and Pipecat's OpenAI
plugins, LangChain's OpenAIWhisperParser. What is not followed is named, and nothing is refused.
"""

import httpx
import pytest

TEXT = "The old man walked slowly to the market."

SPEECH = {
    "Open WebUI": {"model": "tts-1", "input": TEXT, "voice": "alloy"},
    "SillyTavern": {"input": TEXT, "response_format": "mp3", "voice": "nova", "speed": 1, "model": "tts-1-hd"},
    "Kokoro's page": {
        "model": "kokoro",
        "input": TEXT,
        "voice": "af_bella",
        "response_format": "mp3",
        "download_format": "mp3",
        "stream": True,
        "speed": 1,
        "return_download_link": True,
        "lang_code": "a",
    },
    "Kokoro's tests": {
        "model": "kokoro",
        "voice": "af_bella+af_sky",
        "input": TEXT,
        "response_format": "pcm",
        "stream": False,
        "volume_multiplier": 1.0,
        "normalization_options": {"normalize": True, "unit_normalization": False},
    },
    "speaches": {
        "model": "speaches-ai/Kokoro-82M-v1.0-ONNX",
        "voice": "af_heart",
        "input": TEXT,
        "response_format": "wav",
        "sample_rate": 24_000,
        "speed": 1.0,
        "stream_format": "audio",
    },
    "LiveKit": {
        "model": "gpt-4o-mini-tts",
        "voice": "ash",
        "input": TEXT,
        "response_format": "opus",
        "instructions": "Be kind.",
    },
    "Pipecat": {
        "model": "gpt-4o-mini-tts",
        "voice": "alloy",
        "input": TEXT,
        "response_format": "pcm",
        "instructions": "Speak fast.",
    },
    "vLLM": {
        "model": "Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice",
        "voice": "vivian",
        "input": TEXT,
        "task_type": "CustomVoice",
        "language": "Auto",
        "max_new_tokens": 2048,
        "response_format": "wav",
        "instructions": "",
    },
}

TRANSCRIPTIONS = {
    "Open WebUI": [("model", "whisper-1"), ("language", "en")],
    "speaches": [
        ("model", "Systran/faster-distil-whisper-small.en"),
        ("language", "en"),
        ("response_format", "verbose_json"),
        ("stream", "false"),
        ("timestamp_granularities[]", "segment"),
        ("timestamp_granularities[]", "word"),
        ("vad_filter", "true"),
        ("hotwords", "market"),
    ],
    "LiveKit": [("model", "gpt-4o-mini-transcribe"), ("language", "en"), ("prompt", ""), ("response_format", "json")],
    "LangChain": [("model", "whisper-1"), ("temperature", "0.2"), ("response_format", "text")],
    "Ruby": [("model", "whisper-1"), ("response_format", "verbose_json"), ("timestamp_granularities%5B%5D", "word")],
    "Home Assistant": [
        ("model", "gpt-4o-mini-transcribe"),
        ("language", "en"),
        ("prompt", "A market."),
        ("temperature", "0"),
    ],
}


@pytest.mark.parametrize("name", SPEECH)
def test_their_speech_is_sound(http, name):
    answer = http.post("/audio/speech", json=SPEECH[name], headers={"authorization": "Bearer sk-none"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("audio/")
    assert len(answer.content) > 4000


@pytest.fixture(scope="module")
def said(running):
    body = {"model": "tts-1", "voice": "slt", "input": TEXT, "response_format": "wav"}
    return httpx.post(f"http://{running.gateway}/v1/audio/speech", json=body, timeout=60).content


@pytest.mark.parametrize("name", TRANSCRIPTIONS)
def test_their_recordings_are_heard(http, said, name):
    """The file comes first, as many clients have it."""
    parts = [
        ("file", ("recording.wav", said, "audio/wav")),
        *((field, (None, value)) for field, value in TRANSCRIPTIONS[name]),
    ]
    answer = http.post("/audio/transcriptions", files=parts, headers={"authorization": "Bearer sk-none"})
    assert answer.status_code == 200, answer.text
    assert "market" in answer.text.lower()


@pytest.mark.parametrize("path", ["/audio/voices", "/audio/models", "/models"])
def test_their_lists_are_there(http, path):
    listed = http.get(path).json()
    assert all(entry["id"] for entry in listed.get("voices") or listed.get("models") or listed["data"])
