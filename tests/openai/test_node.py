"""openai-node and Vercel's AI SDK, unmodified."""

from pathlib import Path

from tests.support.hearing import WER, word_error_rate
from tests.support.npm import npm_folder, run_node

PACKAGES = ("openai@7.59.0", "ai@7.0.173", "@ai-sdk/openai@4.0.118")
TEXT = "The old man walked slowly to the market."


def test_their_programs_run_unchanged(running, tmp_path):
    home = npm_folder("openai", *PACKAGES)
    told = run_node(home, Path(__file__).with_name("node_program.mjs"), f"http://{running.gateway}/v1", str(tmp_path))
    assert told["ignored"] in (None, "instructions")
    assert told["size"] > 5000
    for name in ("text", "streamed", "done", "vercelText", "vercelWhole"):
        assert word_error_rate(told[name], TEXT) <= WER, name
    assert told["events"][-1] == "transcript.text.done"
    assert "transcript.text.delta" in told["events"]
    assert told["streamed"] == told["done"]
    assert told["words"] >= 6
    assert told["segments"] >= 1
    assert told["srt"].startswith("1\n00:00:0")
    assert {"tts-1", "whisper-1", "gpt-4o-transcribe-diarize"} <= set(told["models"])
    assert told["error"] == ["NotFoundError", 404, "voice"]
    assert told["vercelType"] == "audio/wav"
    assert told["vercelSegments"] >= 1
