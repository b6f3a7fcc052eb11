"""A recording becomes the official package's prompt, and what no voice can be taken from is refused for its own
reason.
"""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from voicebox_kit.errors import InvalidField
from voicebox_tts.engine import Reference
from voicebox_tts.engines.codec_models.recordings import prepared, shortened
from voicebox_tts.engines.qwen3.model import config
from voicebox_tts.engines.qwen3.reference import Encoders, check_transcript
from voicebox_tts.engines.qwen3.voice_prompt import Qwen3Prompt

RATE_HZ = 24_000
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoders(tiny_qwen3: Path) -> Encoders:
    return Encoders.load(tiny_qwen3 / "base", config.read(tiny_qwen3 / "base"), CPU)


@pytest.fixture(scope="module")
def recorded(speech_data) -> Reference:
    """5.7 s of a reader, 22,050 Hz, with what she says."""
    samples, rate_hz = soundfile.read(speech_data.path("LJ001-0006.wav"), dtype="float32")
    return Reference(samples, rate_hz, speech_data.transcripts["LJ001-0006.wav"])


def refusal(encoders: Encoders, reference: Reference) -> str:
    with pytest.raises(InvalidField) as caught:
        encoders.prompt(reference)
    assert caught.value.field == "reference"
    assert caught.value.sentence.endswith(".")
    return caught.value.reason


def test_with_a_transcript_it_is_followed_in_context(encoders, recorded) -> None:
    prompt = encoders.prompt(recorded)
    seconds = len(recorded.samples) / recorded.sample_rate_hz
    assert prompt.transcript == recorded.transcript
    assert len(prompt.codes) == np.ceil((seconds + 0.5) * 12.5)
    assert prompt == encoders.prompt(recorded)
    decoded = soxr.resample(recorded.samples, recorded.sample_rate_hz, RATE_HZ)
    np.testing.assert_array_equal(prompt.codes, encoders.codec(np.append(decoded, np.zeros(RATE_HZ // 2, np.float32))))
    np.testing.assert_array_equal(prompt.speaker_embedding, encoders.speaker(decoded))


def test_without_one_its_speaker_is_the_same(encoders, recorded) -> None:
    prompt = encoders.prompt(Reference(recorded.samples, recorded.sample_rate_hz, " \n"))
    assert prompt.codes.shape == (0, 16)
    assert prompt.transcript == ""
    np.testing.assert_array_equal(prompt.speaker_embedding, encoders.prompt(recorded).speaker_embedding)


def test_the_rate_changes_little(encoders, recorded) -> None:
    high = soxr.resample(recorded.samples, recorded.sample_rate_hz, 96_000)
    plain, resampled = (encoders.prompt(each).speaker_embedding for each in (recorded, Reference(high, 96_000)))
    assert np.dot(plain, resampled) / np.linalg.norm(plain) / np.linalg.norm(resampled) > 0.999


NOISE = np.random.default_rng(1).normal(0, 0.1, 2 * RATE_HZ).astype(np.float32)
SILENT = {
    "nothing": NOISE[:0],
    "a sample": NOISE[:1],
    "5 ms": NOISE[:100],
    "silence": np.zeros(2 * RATE_HZ, np.float32),
    "the faintest noise": np.full(2 * RATE_HZ, 1e-30, np.float32),
    "noise": NOISE,
    "clipped noise": np.sign(NOISE),
    "a constant": np.full(2 * RATE_HZ, 0.5, np.float32),
    "a click": np.eye(1, 2 * RATE_HZ, RATE_HZ, dtype=np.float32)[0],
    "silence of 10 minutes": np.zeros(600 * RATE_HZ, np.float32),
}


@pytest.mark.parametrize("samples", SILENT.values(), ids=SILENT.keys())
def test_what_holds_too_little_speech_is_refused(samples, encoders) -> None:
    assert refusal(encoders, Reference(samples, RATE_HZ)) == "REFERENCE_TOO_LITTLE_SPEECH"


def test_a_tenth_of_a_second_of_speech_is_too_little(encoders, recorded) -> None:
    middle = len(recorded.samples) // 2
    part = recorded.samples[middle : middle + recorded.sample_rate_hz // 10]
    assert refusal(encoders, Reference(part, recorded.sample_rate_hz)) == "REFERENCE_TOO_LITTLE_SPEECH"
    assert refusal(encoders, Reference(part, recorded.sample_rate_hz, "Hi.")) == "REFERENCE_TOO_LITTLE_SPEECH"


def test_clipped_speech_is_taken(encoders, recorded) -> None:
    clipped = Reference(np.clip(10 * recorded.samples, -1, 1), recorded.sample_rate_hz, recorded.transcript)
    assert np.isfinite(encoders.prompt(clipped).speaker_embedding).all()


def test_ten_minutes_are_cut_at_a_pause_and_followed_by_their_speaker_alone(encoders, recorded) -> None:
    pause = np.zeros(recorded.sample_rate_hz, np.float32)
    times = 600 * recorded.sample_rate_hz // (len(recorded.samples) + len(pause)) + 1
    samples = np.concatenate([pause, *[recorded.samples, pause] * times])
    prompt = encoders.prompt(Reference(samples, recorded.sample_rate_hz, " ".join([recorded.transcript] * times)))
    assert isinstance(prompt, Qwen3Prompt)
    assert len(prompt.codes) == 0
    assert prompt.transcript == ""
    part = shortened(samples, recorded.sample_rate_hz)
    assert 20 <= len(part) / recorded.sample_rate_hz <= 30
    assert np.abs(part[-recorded.sample_rate_hz // 20 :]).max() < 0.02
    assert np.abs(part[: recorded.sample_rate_hz // 2]).max() > 0.02


def test_half_a_minute_of_speech_that_never_pauses_is_cut_all_the_same() -> None:
    hum = np.sin(np.arange(40 * RATE_HZ) / 30).astype(np.float32)
    assert 20 <= len(shortened(hum, RATE_HZ)) / RATE_HZ <= 30


def test_what_is_prepared_stays_in_range(recorded) -> None:
    square = np.sign(recorded.samples)
    made = prepared(square, recorded.sample_rate_hz, 24_000)
    assert made.dtype == np.float32
    assert np.abs(made).max() <= 1.0


@pytest.mark.parametrize(
    "words",
    ["", "Hi.", "ask not what your country can do for you " * 40, "你好" * 150, "...", "🙂🙂", "a" * 2000],
    ids=lambda words: words[:12],
)
def test_a_transcript_that_nobody_could_speak_in_that_time_is_refused(words: str, encoders, recorded) -> None:
    reference = Reference(recorded.samples, recorded.sample_rate_hz, words)
    if not words:
        assert encoders.prompt(reference).transcript == ""
    else:
        assert refusal(encoders, reference) == "TRANSCRIPT_DOES_NOT_MATCH"


def test_what_people_say_is_theirs(speech_data) -> None:
    for name, transcript in speech_data.transcripts.items():
        if name.endswith(".wav"):
            check_transcript(transcript, *soundfile.read(speech_data.path(name), dtype="float32"))


def test_spoken_faster_and_slower_by_half_it_is_still_theirs(recorded) -> None:
    for factor in (0.5, 2.0):
        check_transcript(recorded.transcript, recorded.samples, int(recorded.sample_rate_hz * factor))
