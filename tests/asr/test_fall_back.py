"""With ASR_ENGINE=auto an engine that takes the place of a broken one serves as many calls at once as it can."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from voicebox_asr import app
from voicebox_kit.permits import Permits


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the service's permits were limited to, in order."""
    found: list[int] = []

    class Watched(Permits):
        def __init__(self, running: int, waiting: int, registry: CollectorRegistry) -> None:
            super().__init__(running, waiting, registry)
            found.append(running)

        async def limit(self, running: int) -> None:
            await super().limit(running)
            found.append(running)

    monkeypatch.setattr(app, "Permits", Watched)
    return found


@pytest.mark.parametrize(("named", "streams"), [("auto", [16, 2]), ("5", [5, 5])])
async def test_a_broken_whisper_leaves_pocketsphinx_with_its_own_number_of_streams(
    start, tmp_path: Path, limits: list[int], named: str, streams: list[int]
) -> None:
    folder = tmp_path / "models" / "whisper" / "broken"
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.json"):
        (folder / name).write_text("{}")
    await start(app.open_service, ASR_ENGINE="auto", ASR_STREAMS=named, VOICEBOX_MODELS=str(tmp_path / "models"))
    assert limits == streams
