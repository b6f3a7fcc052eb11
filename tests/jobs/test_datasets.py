"""Recordings become clips that are measured, kept or left out with a reason, and reported on."""

import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image
from voicebox_audio.loudness import LoudnessMeter
from voicebox_audio.pcm import Samples
from voicebox_jobs.datasets import export, noise, picture
from voicebox_jobs.datasets.clips import Clip
from voicebox_jobs.datasets.cutting import MAX_SECONDS, MIN_SECONDS, cut
from voicebox_jobs.datasets.recording import Recording, opened
from voicebox_jobs.datasets.report import Source, report
from voicebox_jobs.datasets.selection import rejudged, selected
from voicebox_jobs.datasets.words import Word, with_words, words_of
from voicebox_jobs.inputs.wav import wav

SPEECH = Path(__file__).parents[1] / "data/speech"
RATE_HZ = 22_050


def pcm(samples: Samples) -> NDArray[np.int16]:
    return np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)


def recording() -> Samples:
    """A minute of one reader with pauses of a second."""
    pause = np.zeros(RATE_HZ, np.float32)
    pieces = []
    for number in range(1, 11):
        samples, rate_hz = soundfile.read(SPEECH / f"LJ001-{number:04d}.wav", dtype="float32")
        assert rate_hz == RATE_HZ
        pieces += [samples, pause]
    return np.concatenate(pieces)


def worded(samples: Samples) -> list[Clip]:
    """The clips, with transcripts of a usual length."""
    found = cut("reader", Recording(pcm(samples), RATE_HZ))
    return [replace(clip, transcript="a" * round(14 * clip.seconds)) for clip in found]


@pytest.fixture(scope="module")
def samples() -> Samples:
    return recording()


@pytest.fixture(scope="module")
def clips(samples: Samples) -> list[Clip]:
    """With transcripts of a usual length."""
    return [
        replace(clip, transcript="a" * round(14 * clip.seconds))
        for clip in cut("reader", Recording(pcm(samples), RATE_HZ))
    ]


def reasons(clip: Clip) -> list[str]:
    return [drop.reason for drop in clip.drops]


def test_clips_have_their_length_and_hold_nearly_all_speech(samples: Samples, clips: list[Clip]) -> None:
    assert all(MIN_SECONDS <= round(clip.seconds, 6) <= MAX_SECONDS for clip in clips)
    assert len({clip.name for clip in clips}) == len(clips)
    assert all(before.end_seconds <= after.begin_seconds for before, after in pairwise(clips))
    inside = sum(
        np.square(Recording(pcm(samples), RATE_HZ).stretch(clip.begin_seconds, clip.end_seconds)).sum()
        for clip in clips
    )
    assert inside >= 0.98 * np.square(samples).sum()


def test_good_clips_are_kept(clips: list[Clip]) -> None:
    assert all(clip.kept for clip in selected(clips))


def test_noise_clipping_and_quiet_clips_are_left_out_with_their_reason(samples: Samples) -> None:
    noise = np.random.default_rng(1).standard_normal(samples.size).astype(np.float32)
    loud = float(np.sqrt(np.square(samples).mean()))
    for spoiled, reason in [
        (samples + 0.3 * loud * noise, "NOISY"),
        (np.clip(samples * 30, -1, 1), "CLIPPED"),
        (samples * 0.002, "TOO_QUIET"),
    ]:
        worded = [
            replace(clip, transcript="a" * round(14 * clip.seconds))
            for clip in cut("r", Recording(pcm(spoiled), RATE_HZ))
        ]
        assert worded
        assert all(reason in reasons(clip) for clip in selected(worded))


def reduced(network: noise.Network, samples: Samples) -> Samples:
    blocks = (samples[start : start + RATE_HZ] for start in range(0, samples.size, RATE_HZ))
    return np.concatenate(list(network.reduced(blocks, RATE_HZ, samples.size)))


def test_noise_is_reduced_and_speech_stays(samples: Samples) -> None:
    noisy = samples + 0.02 * np.random.default_rng(1).standard_normal(samples.size).astype(np.float32)
    with noise.opened() as network:
        cleaned = reduced(network, noisy)
    recording = Recording(pcm(noisy), RATE_HZ)
    before, after = (next(cut("r", recording, each)) for each in (None, Recording(pcm(cleaned), RATE_HZ)))
    assert after.measures.snr_db > before.measures.snr_db + 6
    assert np.corrcoef(cleaned, samples)[0, 1] > 0.9


@pytest.mark.parametrize("count", [0, 1, 479, 22_051])
def test_reduced_audio_has_its_length(count: int) -> None:
    with noise.opened() as network:
        assert reduced(network, np.zeros(count, np.float32)).shape == (count,)


def test_silence_has_no_clips() -> None:
    assert not list(cut("silence", Recording(np.zeros(20 * RATE_HZ, np.int16), RATE_HZ)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"transcript": ""}, "NO_WORDS"),
        ({"transcript": " ... "}, "NO_WORDS"),
        ({"confidence": 0.2}, "TRANSCRIPT_UNSURE"),
        ({"transcript": "Hm."}, "TRANSCRIPT_DIFFERS"),
        ({"transcript": "word " * 500}, "TRANSCRIPT_DIFFERS"),
    ],
)
def test_transcripts_that_are_not_believed(clips: list[Clip], changes: dict[str, object], reason: str) -> None:
    spoiled = [replace(clips[0], **changes), *clips[1:]]
    first, *others = selected(spoiled)
    assert reasons(first) == [reason]
    assert not first.kept
    assert all(clip.kept for clip in others)


def test_only_the_speaker_who_speaks_longest_is_kept(clips: list[Clip]) -> None:
    spoken = [replace(clip, speaker="speaker-2" if number == 1 else "speaker-1") for number, clip in enumerate(clips)]
    assert [reasons(clip) for clip in selected(spoken)] == [
        ["OTHER_SPEAKER"] if clip.speaker == "speaker-2" else [] for clip in spoken
    ]


def test_a_person_decides(clips: list[Clip]) -> None:
    unsure = selected([replace(clips[0], confidence=0.1)])[0]
    assert not unsure.kept
    assert unsure.corrected(None, decided=True).kept
    assert not clips[1].corrected(None, decided=False).kept
    corrected = unsure.corrected(" What was really said in it, by a person. ", None)
    assert corrected.transcript == "What was really said in it, by a person."
    assert not rejudged(corrected).drops
    assert unsure.corrected(None, None) == unsure


def test_words_belong_to_the_clip_in_which_their_middle_lies(clips: list[Clip]) -> None:
    clip = replace(clips[0], begin_seconds=1.0, end_seconds=5.0)
    said = [
        Word("no", 0.0, 1.5),
        Word(" So", 0.9, 1.3, 0.5, "speaker-1"),
        Word("far.", 4.0, 4.9, 1.0, "speaker-1"),
        Word("Next", 4.9, 5.9, 1.0, "speaker-2"),
    ]
    found = with_words(clip, said)
    assert (found.transcript, found.confidence, found.speaker, found.speaker_count) == ("So far.", 0.75, "speaker-1", 1)
    both = selected([with_words(replace(clip, end_seconds=6.0), said)])[0]
    assert reasons(both) == ["SEVERAL_SPEAKERS", "TRANSCRIPT_DIFFERS"]
    corrected = both.corrected("Somebody speaks, and then another one does.", None)
    assert reasons(rejudged(corrected)) == ["SEVERAL_SPEAKERS"]
    empty = with_words(clip, [])
    assert (empty.transcript, empty.confidence, empty.speaker) == ("", None, "")


def test_words_are_read_from_an_answer_of_asr() -> None:
    word = {"word": "Hello", "start_offset": "0.250s", "end_offset": "1s", "speaker": "speaker-1"}
    answer = {"utterances": [{"words": [word | {"confidence": 0.5}]}, {}, {"words": [{"word": "again"}]}]}
    assert words_of(answer) == [Word("Hello", 0.25, 1.0, 0.5, "speaker-1"), Word("again", 0.0, 0.0)]
    assert words_of({}) == []


def test_a_recording_on_disk_is_read_in_stretches(samples: Samples, tmp_path: Path) -> None:
    path = tmp_path / "recording.wav"
    path.write_bytes(wav(samples, RATE_HZ))
    found = opened(path)
    assert found.seconds == samples.size / RATE_HZ
    assert np.allclose(np.concatenate(list(found.blocks())), samples, atol=1e-4)
    assert np.allclose(found.stretch(1.0, 1.5), samples[RATE_HZ : RATE_HZ * 3 // 2], atol=1e-4)
    path.write_bytes(wav(samples[:0], RATE_HZ))
    assert opened(path).seconds == 0.0


def test_clips_survive_json(clips: list[Clip]) -> None:
    for clip in selected([replace(clips[0], confidence=0.1), *clips]):
        assert Clip.from_json(json.loads(json.dumps(clip.to_json()))) == clip


def test_the_report_says_what_is_kept_why_not_and_what_to_record_next(samples: Samples, clips: list[Clip]) -> None:
    half = [replace(clip, confidence=0.1 if number % 2 else 0.9) for number, clip in enumerate(clips)]
    made = report([Source("reader", "inputs/1", samples.size / RATE_HZ)], selected(half))
    assert made["recorded_minutes"] == pytest.approx(samples.size / RATE_HZ / 60, abs=0.01)
    assert 0 < made["kept_minutes"] < made["speech_minutes"] <= made["recorded_minutes"]
    assert made["dropped"] == {"TRANSCRIPT_UNSURE": made["clip_count"] - made["kept_count"]}
    more, unsure, questions = made["record_next"]
    assert more.startswith("Record ")
    assert "TRANSCRIPT_UNSURE" in unsure
    assert "questions" in questions
    json.dumps(made)


def test_a_recording_without_a_clip_is_named(clips: list[Clip]) -> None:
    sources = [Source("reader", "inputs/1", 60.0), Source("recording-0001", "inputs/2", 1.5)]
    made = report(sources, clips)
    first, second = made["recordings"]
    assert (first["clip_count"], second["clip_count"], second["origin"]) == (len(clips), 0, "inputs/2")
    assert "left_out" not in first
    assert "3 s" in second["left_out"]
    assert made["record_next"][0] == "1 of 2 recordings are left out: No stretch of 3 s with speech is in it."


def test_the_report_of_nothing_asks_for_recordings() -> None:
    made = report([], [])
    assert (made["clip_count"], made["kept_minutes"]) == (0, 0)
    assert made["record_next"] == ["Record 10 more minutes: 0.0 of 10 are good."]


@pytest.mark.parametrize("count", [0, 1, 5, 5000])
def test_the_picture_is_a_png_of_kept_and_dropped_bars(clips: list[Clip], count: int) -> None:
    shown = [replace(clips[n % len(clips)], decided=n < count / 2) for n in range(count)]
    image = Image.open(io.BytesIO(picture.snr_picture(shown)))
    assert image.format == "PNG"
    colours = {colour for _, colour in image.getcolors(1 << 20) or ()}
    assert (picture.KEPT in colours) == any(clip.kept for clip in shown)
    assert (picture.LEFT_OUT in colours) == any(not clip.kept for clip in shown)


def test_exports_hold_what_is_kept_in_one_line_each(clips: list[Clip]) -> None:
    left_out = clips[0].corrected(None, decided=False)
    odd = replace(clips[1], transcript=" Two|bars,\n and a line. ")
    table = list(export.ljspeech([left_out, odd]))
    assert table == [f"{odd.name}|Two bars, and a line.|Two bars, and a line.\n"]
    (line,) = export.json_lines([left_out, odd])
    assert json.loads(line)["text"] == "Two|bars, and a line."
    assert json.loads(line)["audio"] == f"wavs/{odd.name}.wav"


def test_clips_are_levelled_without_clipping(samples: Samples, clips: list[Clip]) -> None:
    piece = Recording(pcm(samples), RATE_HZ).stretch(clips[0].begin_seconds, clips[0].end_seconds)
    for gain in (0.01, 1.0):
        levelled = export.levelled(piece * np.float32(gain), RATE_HZ)
        meter = LoudnessMeter(RATE_HZ)
        meter.push(levelled)
        assert meter.lufs == pytest.approx(export.LOUDNESS_LUFS, abs=0.5)
        assert np.abs(levelled).max() <= 0.9
