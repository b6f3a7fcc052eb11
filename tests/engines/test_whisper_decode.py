"""What Whisper recognises, on a model of random weights: everything around the words is real."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from voicebox_asr.engine import SAMPLE_RATE_HZ, Decoding, Options, Samples, Segment, Task, VoiceDetection
from voicebox_asr.engines.silero import Silero
from voicebox_asr.engines.whisper.decoder import Clip, Decoded, WhisperDecoder, segmented
from voicebox_asr.engines.whisper.device import resolved
from voicebox_asr.engines.whisper.loaded import LoadedWhisper

CERTAIN = Decoding(temperatures=(0.0,))
OPTIONS = Options(decoding=CERTAIN)
END, TIMESTAMPS = 100, 200


class Counted(LoadedWhisper):
    """Knows how many windows each batch had."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, resolved("cpu", "auto"), Silero())
        self.batches: list[int] = []
        self.decoder: WhisperDecoder = self._decoder
        self._scheduler._decode = self._counted

    def _counted(self, clips: Sequence[Clip]) -> Sequence[Decoded]:
        self.batches.append(len(clips))
        return self.decoder.decode(clips)


@pytest.fixture(scope="module")
def whisper(tiny_whisper: Path) -> Iterator[Counted]:
    loaded = Counted(tiny_whisper)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def sounds(speech: Samples) -> list[Samples]:
    """Eight different sounds."""
    return [np.roll(speech, 3000 * index)[: speech.size - 2000 * index] for index in range(8)]


def clips(whisper: Counted, sounds: Sequence[Samples], options: Options) -> list[Clip]:
    return [whisper.decoder.clip(sound, options, options.language, options.prompt) for sound in sounds]


def texts(decoded: Sequence[Decoded]) -> list[str]:
    return [" ".join(segment.hypothesis.text for segment in each.segments) for each in decoded]


def read(whisper: Counted, options: Options, sound: Samples) -> list[Segment]:
    reader = whisper.reader(options)
    segments = [found for found in (*reader.process(sound), *reader.finish()) if found]
    reader.close()
    return segments


@pytest.mark.parametrize(
    "options", [OPTIONS, replace(OPTIONS, word_times=True), replace(OPTIONS, prompt="Dear Sir", hotwords=("gRPC",))]
)
def test_a_window_says_the_same_alone_and_in_a_batch(whisper: Counted, sounds: list[Samples], options: Options) -> None:
    together = whisper.decoder.decode(clips(whisper, sounds, options))
    assert [whisper.decoder.decode([clip])[0] for clip in clips(whisper, sounds, options)] == together
    assert len(set(texts(together))) > 1


def test_streams_and_files_share_batches(whisper: Counted, speech: Samples) -> None:
    whisper.batches.clear()
    ready = threading.Barrier(6)

    def stream() -> str:
        session = whisper.session(OPTIONS)
        session.feed(speech)
        ready.wait(20)
        text = session.end().text
        session.close()
        return text

    with ThreadPoolExecutor(6) as executor:
        recognised = list(executor.map(lambda _: stream(), range(6)))
    assert len(set(recognised)) == 1
    assert sum(whisper.batches) == 6
    assert len(whisper.batches) < 6


def test_the_windows_of_a_file_share_batches(whisper: Counted, speech: Samples) -> None:
    sound = np.concatenate([speech] * 60)
    whisper.batches.clear()
    options = replace(OPTIONS, language="en", voice_detection=VoiceDetection(off=True))
    segments = read(whisper, options, sound)
    assert sum(whisper.batches) >= sound.size / SAMPLE_RATE_HZ / 30
    assert whisper.batches[0] > 1
    assert segments[-1].end_seconds > sound.size / SAMPLE_RATE_HZ - 31


def test_the_windows_of_a_file_do_not_wait_for_the_language_of_the_first(whisper: Counted, speech: Samples) -> None:
    sound = np.concatenate([speech] * 40)
    whisper.batches.clear()
    segments = read(whisper, replace(OPTIONS, voice_detection=VoiceDetection(off=True)), sound)
    assert whisper.batches[0] > 1
    sure = {each.hypothesis.language for each in segments if each.hypothesis.language_probability}
    assert sure
    assert {each.hypothesis.language for each in segments} == sure  # a window that is unsure takes that of the rest


@pytest.mark.parametrize(("retried", "encoded"), [(True, 2), (False, 1)])
def test_a_poor_result_is_decoded_again_unless_the_clip_says_no(
    whisper: Counted, sounds: list[Samples], monkeypatch: pytest.MonkeyPatch, retried: bool, encoded: int
) -> None:
    poor = replace(OPTIONS, language="de", decoding=replace(CERTAIN, log_probability_threshold=0.0))
    [clip] = clips(whisper, sounds[:1], poor)
    encode, lengths = whisper.decoder._encode, list[int]()

    def counted(of: list[Clip]) -> object:
        lengths.append(of[0].features.shape[1])
        return encode(of)

    monkeypatch.setattr(whisper.decoder, "_encode", counted)
    [decoded] = whisper.decoder.decode([replace(clip, retried=retried)])
    assert len(lengths) == encoded
    assert not decoded.is_good


def test_the_language_is_detected_or_given_or_of_each_window(whisper: Counted, sounds: list[Samples]) -> None:
    detected = whisper.decoder.decode(clips(whisper, sounds, OPTIONS))
    assert all(0 < (each.language_probability or 0) <= 1 for each in detected)
    given = whisper.decoder.decode(clips(whisper, sounds, replace(OPTIONS, language="jv")))
    assert {(each.language, each.language_probability) for each in given} == {("jv", None)}
    mixed = [
        clips(whisper, [sound], replace(OPTIONS, language=language, word_times=True))[0]
        for sound, language in zip(sounds, ("de", "zh", ""), strict=False)
    ]
    assert [each.language for each in whisper.decoder.decode(mixed)][:2] == ["de", "zh"]


def test_task_prompt_and_hotwords_change_what_is_written(whisper: Counted, sounds: list[Samples]) -> None:
    base = replace(OPTIONS, language="de")
    requested = (
        base,
        replace(base, task=Task.TRANSLATE),
        replace(base, prompt="Dear Sir"),
        replace(base, hotwords=("gRPC", "Qwen")),
    )
    written = [tuple(texts(whisper.decoder.decode(clips(whisper, sounds, options)))) for options in requested]
    assert len(set(written)) == 4


def test_a_prompt_that_is_too_long_is_cut(whisper: Counted, speech: Samples) -> None:
    (clip,) = clips(whisper, [speech], replace(OPTIONS, prompt="word " * 2000, hotwords=("word",) * 100))
    assert len(clip.prompt) <= 448 // 2 + 3
    assert whisper.decoder.decode([clip])[0].segments


def test_text_that_fails_is_decoded_again_at_the_next_temperature(whisper: Counted, sounds: list[Samples]) -> None:
    strict = Decoding(temperatures=(0.0, 0.4), log_probability_threshold=-1e-9)
    for decoded in whisper.decoder.decode(clips(whisper, sounds, replace(OPTIONS, decoding=strict))):
        assert decoded.segments[0].hypothesis.scores.temperature == 0.4
    for decoded in whisper.decoder.decode(
        clips(whisper, sounds, replace(OPTIONS, decoding=Decoding(temperatures=(0.0, 0.4))))
    ):
        assert decoded.segments[0].hypothesis.scores.temperature == 0.0


def test_silence_by_the_models_own_word_says_nothing(whisper: Counted, sounds: list[Samples]) -> None:
    never = Decoding(temperatures=(0.0,), log_probability_threshold=0.0, no_speech_threshold=-1.0)
    assert texts(whisper.decoder.decode(clips(whisper, sounds, replace(OPTIONS, decoding=never)))) == [""] * 8


def test_words_are_in_order_and_within_their_passages(whisper: Counted, sounds: list[Samples]) -> None:
    for sound, decoded in zip(
        sounds, whisper.decoder.decode(clips(whisper, sounds, replace(OPTIONS, word_times=True))), strict=True
    ):
        words = [word for segment in decoded.segments for word in segment.hypothesis.words]
        assert words
        assert all(0 <= word.start_seconds <= word.end_seconds <= sound.size / SAMPLE_RATE_HZ for word in words)
        assert all(first.start_seconds <= second.start_seconds for first, second in pairwise(words))
        assert all(type(word.start_seconds) is float and type(word.confidence) is float for word in words)


def test_a_file_may_be_conditioned_on_its_own_text(whisper: Counted, speech: Samples) -> None:
    sound = np.concatenate([speech] * 40)
    whisper.batches.clear()
    conditioned = read(
        whisper, replace(OPTIONS, language="en", decoding=replace(CERTAIN, condition_on_previous_text=True)), sound
    )
    assert whisper.batches[0] == 1  # parts of one window that are decoded again do share batches
    plain = read(whisper, replace(OPTIONS, language="en"), sound)
    assert [segment.hypothesis.text for segment in conditioned] != [segment.hypothesis.text for segment in plain]


def test_an_utterance_longer_than_a_window_is_recognised_to_its_end(whisper: Counted, speech: Samples) -> None:
    session = whisper.session(replace(OPTIONS, word_times=True))
    sound = np.concatenate([speech] * 25)
    session.feed(sound)
    recognised = session.end()
    session.close()
    assert recognised.words[-1].end_seconds > 35
    starts = [word.start_seconds for word in recognised.words]
    assert starts == sorted(starts)


def test_timestamps_cut_the_text_into_segments_and_lose_none_of_it() -> None:
    def spans(*tokens: int) -> list[tuple[tuple[int, ...], float, float]]:
        return [
            (each.tokens, each.start_seconds, each.end_seconds) for each in segmented(tokens, END, TIMESTAMPS, 10.0)
        ]

    assert spans(200, 1, 2, 250, 250, 3, 300) == [((1, 2), 0.0, 1.0), ((3,), 1.0, 2.0)]
    assert spans(200, 1, 250, 260, 3, 4) == [((1,), 0.0, 1.0), ((3, 4), 1.2, 10.0)]
    assert spans(1, 2) == [((1, 2), 0.0, 10.0)]
    assert spans(200, 1, 1700) == [((1,), 0.0, 10.0)]
    assert spans(300, 1, 250) == [((1,), 2.0, 2.0)]
    assert spans() == []


def test_too_little_memory_is_reported_as_such(whisper: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("CUDA failed with error out of memory")

    monkeypatch.setattr(whisper.decoder, "_decode", fails)
    with pytest.raises(MemoryError):
        whisper.decoder.decode([])
