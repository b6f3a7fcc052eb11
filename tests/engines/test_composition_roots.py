"""Services know no engine by name: what they need to know of one is a property of its family."""

import re
from pathlib import Path

import pytest
from voicebox_kit import plugins
from voicebox_models.choosing import installed
from voicebox_models.engine import Setup

ROOT = Path(__file__).parents[2]
GROUPS = {"tts": "voicebox.tts.engines", "asr": "voicebox.asr.engines"}


@pytest.mark.parametrize("service", GROUPS)
def test_no_engine_is_named_where_a_service_is_put_together(service: str) -> None:
    source = (ROOT / "services" / service / f"voicebox_{service}" / "app.py").read_text()
    named = [name for name in plugins.names(GROUPS[service]) if re.search(rf"\b{name}\b", source)]
    assert not named


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (
            "tts",
            {
                "qwen3": 64,
                "pocket": 16,
                "hibari": 16,
                "piper": 16,
                "kokoro": 4,
                "flite": 16,
                "espeak": 16,
                "orpheus": 32,
                "mms": 16,
            },
        ),
        ("asr", {"whisper": 16, "pocketsphinx": 2}),
    ],
)
def test_families_are_in_the_order_of_their_preference_and_say_their_concurrency(
    service: str, expected: dict[str, int], tmp_path: Path
) -> None:
    families = installed(GROUPS[service], Setup("auto", "auto", tmp_path))
    assert [(name, family.concurrency) for name, family in families.items()] == list(expected.items())
