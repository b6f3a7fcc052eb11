"""The suite on our own text-to-speech engines: mms, orpheus, pocket and qwen3 with random weights, the others as they
speak.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from voicebox_kit import plugins
from voicebox_models.engine import Setup
from voicebox_tts.engine import Engine
from voicebox_tts.testing import suite
from voicebox_tts.testing.suite import *  # noqa: F403  # its tests and fixtures
from voicebox_tts.testing.suite import GROUP


@dataclass(frozen=True)
class Case:
    """An engine of an entry point: the named model, or the first. `models_fixture` gives its models folder, or a folder
    in it.
    """

    entry: str
    model: str = ""
    models_fixture: str = ""

    def engine(self, request: pytest.FixtureRequest) -> Engine:
        folder = Path(request.getfixturevalue(self.models_fixture)) if self.models_fixture else Path("no models")
        models_folder = folder.parent if folder.name == self.entry else folder
        setup = Setup("cpu", "auto", models_folder, accepted_licences=frozenset({"CC-BY-NC-4.0"}))
        family = plugins.load(GROUP, self.entry)(setup)
        engine: Engine = family.engine(self.model) if self.model else family.engines()[0]
        return engine


CASES = {
    "flite": Case("flite"),
    "hibari": Case("hibari"),
    "espeak": Case("espeak"),
    "kokoro": Case("kokoro", "kokoro/82m", "tiny_kokoro"),
    "mms": Case("mms", "mms/eng", "tiny_mms"),
    "piper": Case("piper", "piper/en_US-joe-medium", "piper_voices"),
    "pocket": Case("pocket", "pocket/english", "tiny_pocket"),
    "orpheus": Case("orpheus", "orpheus/base", "tiny_orpheus"),
    "qwen3 with voices": Case("qwen3", "qwen3/custom-voice", "tiny_qwen3"),
    "qwen3 after a recording": Case("qwen3", "qwen3/base", "tiny_qwen3"),
}


def test_every_engine_is_tested() -> None:
    assert {case.entry for case in CASES.values()} == set(plugins.names(GROUP))


@pytest.fixture(scope="module", params=CASES.values(), ids=list(CASES))  # type: ignore[no-redef]  # replaces the suite's
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    case: Case = request.param
    with suite.opened(case.engine(request), case.entry) as engine:
        yield engine
