"""A recorder writes the record of an utterance that is spoken within it, or discards it, as it ends."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from voicebox.catalog.v1 import catalog_pb2
from voicebox_audio.encoding.encodings import Encoding
from voicebox_audio.encoding.marks import Mark
from voicebox_kit.errors import Exhausted, Unavailable
from voicebox_outbox.outbox import Delivery
from voicebox_tts.engine import Style
from voicebox_tts.history.draft import Draft
from voicebox_tts.history.record import Statistics
from voicebox_tts.history.recorder import Recorder
from voicebox_tts.job import BuiltIn, Job
from voicebox_tts.voices.resolver import Speaker

from .conftest import ToneEngine

SPOKEN = Statistics(800, 0.1, 0.01, 0.02)
SILENT = Statistics(0, 0.0, 0.0, 0.0)


@dataclass
class FakeHistory:
    """Takes records; `failure` is raised for a new draft."""

    folder: Path
    delivery: Delivery = Delivery.DELIVERED
    failure: Exception | None = None
    records: list[catalog_pb2.Generation] = field(default_factory=list)

    def draft(self, sample_rate_hz: int, mark: Mark) -> Draft:
        if self.failure:
            raise self.failure
        return Draft(self.folder / "draft.flac", sample_rate_hz, mark)

    async def complete(self, draft: Draft) -> None:
        draft.close()

    async def record(self, draft, generation, *, promptly) -> Delivery:
        self.records.append(generation)
        return self.delivery


@pytest.fixture
def history(tmp_path: Path) -> FakeHistory:
    return FakeHistory(tmp_path)


async def word_error_rate(*_: object) -> float:
    return 0.25


def recorder(history: FakeHistory, *, keep: bool = True, check: bool = False, measure=word_error_rate) -> Recorder:
    job = Job(BuiltIn(), Encoding.WAV, 8000, Style(), 0, "id", keep, 1.0, "ann", check=check)
    speaker = Speaker(ToneEngine(), None, None, "en-US", None, warnings=("of the speaker",))
    return Recorder(history, SimpleNamespace(word_error_rate=measure), job, speaker, 8000)


async def speak(recorder: Recorder, statistics: Statistics = SPOKEN, error: BaseException | None = None) -> None:
    async with recorder:
        recorder.write(np.zeros(800, np.float32))
        recorder.describe("Hello.", statistics, ["of the text"])
        if error:
            raise error


async def test_what_was_spoken_to_its_end_is_recorded_under_the_request_id(history):
    made = recorder(history, check=True)
    await speak(made)
    [record] = history.records
    assert (record.name, record.status) == ("generations/id", catalog_pb2.GENERATION_STATUS_COMPLETED)
    assert (made.generation, made.word_error_rate, record.word_error_rate) == ("generations/id", 0.25, 0.25)
    assert list(record.warnings) == ["of the speaker", "of the text"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (asyncio.CancelledError(), catalog_pb2.GENERATION_STATUS_CANCELLED),
        (GeneratorExit(), catalog_pb2.GENERATION_STATUS_CANCELLED),
        (Unavailable("ENGINE_FAILED", "It broke."), catalog_pb2.GENERATION_STATUS_FAILED),
    ],
)
async def test_what_was_cut_short_is_recorded_under_another_name_and_not_checked(history, error, status):
    made = recorder(history, check=True)
    with pytest.raises(type(error)):
        await speak(made, error=error)
    [record] = history.records
    assert record.status == status
    assert record.name != "generations/id"
    assert made.word_error_rate is None


@pytest.mark.parametrize(("keep", "statistics"), [(True, SILENT), (False, SPOKEN)])
async def test_without_audio_or_when_it_is_not_wanted_nothing_is_left(history, tmp_path, keep, statistics):
    made = recorder(history, keep=keep, check=True)
    await speak(made, statistics)
    assert (history.records, made.generation, list(tmp_path.iterdir())) == ([], "", [])


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), Exhausted("SPOOL_FULL", "It is full.")])
async def test_a_history_that_cannot_be_written_is_a_warning(history, failure):
    history.failure = failure
    made = recorder(history)
    await speak(made)
    assert "This generation is not in the history" in made.warnings[1]
    assert made.generation == ""


@pytest.mark.parametrize(
    ("delivery", "generation", "warning"),
    [
        (Delivery.PENDING, "generations/id", "has not taken this generation yet"),
        (Delivery.REJECTED, "", "refused this generation"),
    ],
)
async def test_a_catalog_that_does_not_take_it_is_a_warning(history, delivery, generation, warning):
    history.delivery = delivery
    made = recorder(history)
    await speak(made)
    assert made.generation == generation
    assert warning in made.warnings[-1]


async def test_a_check_that_fails_is_a_warning_and_the_record_stays(history):
    async def away(*_: object) -> float:
        raise Unavailable("CHECK_FAILED", "asr answered UNAVAILABLE.")

    made = recorder(history, check=True, measure=away)
    await speak(made)
    assert made.generation == "generations/id"
    assert any("What was spoken is not checked: asr answered" in warning for warning in made.warnings)
