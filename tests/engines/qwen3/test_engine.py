"""Qwen3-TTS through the public path, with random weights: streams, voices, prompts, and what happens when things go
wrong.
"""

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from voicebox_kit.errors import Exhausted, InvalidField, NotFound, StartError, Unavailable
from voicebox_models.engine import Setup
from voicebox_tts.engine import Description, Reference, Samples, Speech, Style
from voicebox_tts.engines.codec_models import memory
from voicebox_tts.engines.codec_models.device import resolve_device
from voicebox_tts.engines.qwen3.codec.states import CodecStateCache
from voicebox_tts.engines.qwen3.engine import Qwen3Engine
from voicebox_tts.engines.qwen3.family import family
from voicebox_tts.engines.qwen3.frame_generator import FrameGenerator

PLAIN = Style()
SENTENCE = "Four hours of steady work faced us, and then we went home."
SHORT = "Hello there."
DEADLINE_SECONDS = 60


def opened(folder: Path, kind: str, **options: str) -> Qwen3Engine:
    engine = family(Setup("cpu", "auto", folder.parent, options=options)).engine(f"qwen3/{kind}")
    assert engine is not None
    return engine


@pytest.fixture(scope="module")
def custom(tiny_qwen3: Path) -> Iterator[Qwen3Engine]:
    engine = opened(tiny_qwen3, "custom-voice")
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture(scope="module")
def base(tiny_qwen3: Path) -> Iterator[Qwen3Engine]:
    engine = opened(tiny_qwen3, "base")
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture(scope="module")
def reference(speech_data: Any) -> Reference:
    """Some seconds of a real person, with what is said."""
    name, transcript = next(iter(speech_data.transcripts.items()))
    samples, rate = soundfile.read(speech_data.path(name), dtype="float32", always_2d=True)
    return Reference(samples[: 6 * rate, 0].copy(), rate, transcript)


def decoded(speech: Sequence[Speech]) -> Samples:
    return np.concatenate([np.zeros(0, np.float32), *(each.samples for each in speech)])


def speak(engine: Qwen3Engine, *sentences: str, voice: Any = "ryan", style: Style = PLAIN, seed: int = 1) -> Samples:
    with closing(engine.open(voice, style, seed)) as session:
        return decoded([speech for sentence in sentences for speech in session.speak(sentence)])


@pytest.mark.parametrize("chunk_frames", ["1", "2,3", "64"])
def test_streamed_and_whole_are_the_same_samples(tiny_qwen3: Path, custom: Qwen3Engine, chunk_frames: str) -> None:
    other = opened(tiny_qwen3, "custom-voice", chunk_frames=chunk_frames)
    np.testing.assert_allclose(speak(other, SENTENCE), speak(custom, SENTENCE), rtol=0, atol=2e-6)
    other.unload()


def test_the_same_seed_gives_the_same_samples_alone_and_among_eight(custom: Qwen3Engine) -> None:
    voices = ["ryan", "vivian", "eric"] * 3
    alone = [speak(custom, SHORT, voice=voice, seed=seed) for seed, voice in enumerate(voices[:8])]
    start = threading.Barrier(8)

    def together(seed: int) -> Samples:
        start.wait(DEADLINE_SECONDS)
        return speak(custom, SHORT, voice=voices[seed], seed=seed)

    with ThreadPoolExecutor(8) as executor:
        for one, other in zip(alone, executor.map(together, range(8)), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-6)
    assert len({samples.tobytes() for samples in alone}) == 8


def test_voices_seeds_languages_and_instructions_make_a_difference(custom: Qwen3Engine) -> None:
    outputs = [
        speak(custom, SHORT),
        speak(custom, SHORT, voice="vivian"),
        speak(custom, SHORT, seed=2),
        speak(custom, SHORT, style=Style(language="de-AT")),
        speak(custom, SHORT, style=Style(instructions="Whisper.")),
    ]
    assert len({samples.tobytes() for samples in outputs}) == len(outputs)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows there were at each step that any model makes."""
    made: list[int] = []
    step = FrameGenerator.step

    def counted(self: FrameGenerator, count: int, advancing: Any) -> Any:
        made.append(count)
        return step(self, count, advancing)

    monkeypatch.setattr(FrameGenerator, "step", counted)
    return made


def test_a_stream_that_is_closed_stops_within_one_frame(
    tiny_qwen3: Path, steps: list[int], reference: Reference
) -> None:
    endless = opened(tiny_qwen3, "endless", chunk_frames="1")
    prompt = endless.prompt(reference)
    closed, other = (endless.open(prompt, PLAIN, seed).speak(SENTENCE) for seed in (1, 2))
    next(closed)
    next(other)
    assert steps[-1] == 2
    closed.close()
    before = len(steps)
    for _ in range(10):
        next(other)
    assert set(steps[before + 1 :]) == {1}
    endless.unload()


def test_a_slow_reader_slows_nobody(custom: Qwen3Engine) -> None:
    expected = speak(custom, SENTENCE, seed=9)
    slow = [custom.open("ryan", PLAIN, seed).speak(SENTENCE * 3) for seed in range(6)]
    for speech in slow:
        next(speech)
    np.testing.assert_allclose(speak(custom, SENTENCE, seed=9), expected, rtol=0, atol=2e-6)
    for speech in slow:
        speech.close()


def test_more_streams_than_rows_all_speak(tiny_qwen3: Path, custom: Qwen3Engine) -> None:
    two = opened(tiny_qwen3, "custom-voice", streams="2")
    two.load()
    assert two.memory_bytes < custom.memory_bytes
    with ThreadPoolExecutor(6) as executor:
        outputs = list(executor.map(lambda seed: speak(two, SHORT, seed=seed), range(6)))
    two.unload()
    for seed, samples in enumerate(outputs):
        np.testing.assert_allclose(samples, speak(custom, SHORT, seed=seed), rtol=0, atol=2e-6)


def test_text_longer_than_a_piece_is_spoken_to_the_end(custom: Qwen3Engine) -> None:
    long, first = speak(custom, f"{SHORT} Go on. And again."), speak(custom, SHORT)
    assert long.size > 2 * first.size
    np.testing.assert_allclose(long[: first.size], first, rtol=0, atol=2e-6)


def test_a_model_that_runs_away_is_cut_off_and_that_is_reported(tiny_qwen3: Path, reference: Reference) -> None:
    endless = opened(tiny_qwen3, "endless")
    with closing(endless.open(endless.prompt(reference), PLAIN, 1)) as session:
        speech = list(session.speak("No."))
    endless.unload()
    warnings = [warning for each in speech for warning in each.warnings]
    assert len(warnings) == 1
    assert 0.5 < decoded(speech).size / 24_000 < 5.0
    assert decoded(speech)[-1] == 0.0


def test_a_recording_is_followed_and_its_prompt_can_be_stored(base: Qwen3Engine, reference: Reference) -> None:
    prompt = base.prompt(reference)
    assert prompt == base.prompt(reference)
    assert prompt.base_voice == ""
    assert prompt.size_bytes > 0
    stored = base.unpack(base.pack(prompt))
    assert stored == prompt
    spoken = speak(base, SHORT, voice=prompt)
    assert spoken.size
    np.testing.assert_array_equal(speak(base, SHORT, voice=stored), spoken)


def test_without_its_words_a_recording_is_followed_otherwise(base: Qwen3Engine, reference: Reference) -> None:
    with_words = base.prompt(reference)
    without = base.prompt(Reference(reference.samples, reference.sample_rate_hz))
    assert with_words != without
    assert speak(base, SHORT, voice=with_words).tobytes() != speak(base, SHORT, voice=without).tobytes()


def test_a_voice_is_designed_by_description_and_seed(tiny_qwen3: Path) -> None:
    design = opened(tiny_qwen3, "voice-design")
    calm, other = Description("A calm old man."), Description("A squeaking mouse.")
    first = speak(design, SHORT, voice=calm, seed=1)
    assert first.size
    np.testing.assert_array_equal(speak(design, SHORT, voice=calm, seed=1), first)
    assert first.tobytes() != speak(design, SHORT, voice=calm, seed=2).tobytes()
    assert first.tobytes() != speak(design, SHORT, voice=other, seed=1).tobytes()
    with pytest.raises(NotFound, match="description"):
        design.open("ryan", PLAIN, 1)
    design.unload()


def test_whose_voice_it_cannot_speak_with_is_reported(
    base: Qwen3Engine, custom: Qwen3Engine, reference: Reference
) -> None:
    prompt = base.prompt(reference)
    with pytest.raises(NotFound, match="follows recordings"):
        base.open("ryan", PLAIN, 1)
    with pytest.raises(NotFound, match="ryan, vivian, eric"):
        custom.open("Ryan", PLAIN, 1)
    for engine, voice in ((custom, prompt), (custom, Description("calm")), (base, Description("calm"))):
        with pytest.raises(InvalidField) as caught:
            engine.open(voice, PLAIN, 1)
        assert caught.value.field == "voice"
    with pytest.raises(InvalidField) as caught:
        custom.prompt(reference)
    assert (caught.value.field, caught.value.reason) == ("reference", "CLONING_UNSUPPORTED")


@pytest.mark.parametrize(
    ("style", "field"),
    [
        (Style(speed=1.1), "style.speed"),
        (Style(pitch_semitones=1), "style.pitch_semitones"),
        (Style(language="nl"), "style.language"),
        (Style(language="yue"), "style.language"),
        (Style(language="tlh"), "style.language"),
    ],
)
def test_what_it_cannot_honour_is_named(custom: Qwen3Engine, style: Style, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        custom.open("ryan", style, 1)
    assert caught.value.field == field


def test_a_base_model_takes_no_instructions(base: Qwen3Engine, reference: Reference) -> None:
    with pytest.raises(InvalidField) as caught:
        base.open(base.prompt(reference), Style(instructions="Whisper."), 1)
    assert caught.value.field == "style.instructions"


def test_instructions_that_leave_no_room_are_refused(custom: Qwen3Engine) -> None:
    session = custom.open("ryan", Style(instructions="slowly " * 400), 1)
    with pytest.raises(InvalidField) as caught:
        next(session.speak(SHORT))
    assert (caught.value.field, caught.value.reason) == ("style.instructions", "PROMPT_TOO_LONG")


def test_text_that_looks_like_a_control_token_is_text(custom: Qwen3Engine) -> None:
    assert speak(custom, "Go <|im_end|> on.").tobytes() != speak(custom, "Go on.").tobytes()


def test_models_are_switched_and_their_memory_is_freed(tiny_qwen3: Path) -> None:
    from voicebox_tts.engines.qwen3.codec.decoder import BatchedDecoder, CodecDecoder
    from voicebox_tts.engines.qwen3.loaded import LoadedQwen3
    from voicebox_tts.engines.qwen3.model.language_model import LanguageModel

    models = family(Setup("cpu", "auto", tiny_qwen3.parent))
    kinds = (LoadedQwen3, LanguageModel, FrameGenerator, CodecDecoder, BatchedDecoder)

    def alive() -> int:
        gc.collect()
        return sum(type(each) in kinds for each in gc.get_objects())

    before = alive()
    for name in ("base", "custom-voice", "base"):
        engine = models.engine(f"qwen3/{name}")
        assert engine
        on_disk = engine.memory_bytes
        engine.load()
        assert engine.memory_bytes > on_disk, "rows take memory too"
        assert alive() == before + len(kinds)
        engine.unload()
        assert not engine.loaded
        assert engine.memory_bytes == on_disk
        assert alive() == before


def test_what_is_open_when_a_model_is_unloaded_fails_and_keeps_nothing_alive(tiny_qwen3: Path) -> None:
    engine = opened(tiny_qwen3, "custom-voice")
    engine.load()
    assert engine._loaded
    model = weakref.ref(engine._loaded._opened().model)
    session = engine.open("ryan", PLAIN, 1)
    speech = session.speak(f"{SENTENCE} " * 20)
    next(speech)
    engine.unload()
    gc.collect()
    assert model() is None
    with pytest.raises(Unavailable) as caught:
        list(speech)
    assert caught.value.reason == "MODEL_UNLOADED"
    with pytest.raises(Unavailable):
        list(session.speak(SHORT))


def failing(monkeypatch: pytest.MonkeyPatch, method: str, error: Exception, after: int = 0) -> list[int]:
    """Have FrameGenerator fail from its so-many-th call on."""
    calls: list[int] = []
    real: Callable[..., Any] = getattr(FrameGenerator, method)

    def fail(self: FrameGenerator, *arguments: Any) -> Any:
        calls.append(1)
        if len(calls) > after:
            raise error
        return real(self, *arguments)

    monkeypatch.setattr(FrameGenerator, method, fail)
    return calls


def test_without_memory_to_begin_a_stream_is_refused_and_the_next_one_speaks(custom: Qwen3Engine) -> None:
    with pytest.MonkeyPatch.context() as patch:
        failing(patch, "begin", torch.OutOfMemoryError("CUDA out of memory"))
        with pytest.raises(Exhausted) as caught:
            speak(custom, SHORT)
    assert caught.value.reason == "GPU_MEMORY"
    assert speak(custom, SHORT).size


def test_without_memory_in_the_middle_the_youngest_ends_and_the_others_go_on(custom: Qwen3Engine) -> None:
    expected = [speak(custom, SENTENCE, seed=seed) for seed in (1, 2)]
    real, failed = FrameGenerator.step, threading.Event()

    def fail_once(self: FrameGenerator, count: int, advancing: Any) -> Any:
        if count == 3 and not failed.is_set():
            failed.set()
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, count, advancing)

    ends: list[Any] = []
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(3) as executor:
        patch.setattr(FrameGenerator, "step", fail_once)
        while not failed.is_set():  # three at once is likely, not certain
            outputs = [executor.submit(speak, custom, SENTENCE, seed=seed) for seed in (1, 2, 3)]
            ends = [future.exception(DEADLINE_SECONDS) or future.result() for future in outputs]
    assert sum(isinstance(end, Exhausted) for end in ends) == 1
    for end, samples in zip(ends, expected, strict=False):
        if not isinstance(end, Exhausted):
            np.testing.assert_allclose(end, samples, rtol=0, atol=2e-6)


def test_a_model_that_fails_for_good_is_loaded_anew(tiny_qwen3: Path) -> None:
    engine = opened(tiny_qwen3, "custom-voice")
    expected = speak(engine, SHORT)
    with pytest.MonkeyPatch.context() as patch:
        failing(patch, "step", RuntimeError("CUDA error: an illegal memory access was encountered"))
        for _ in range(3):
            assert engine.loaded
            with pytest.raises(Unavailable) as caught:
                speak(engine, SHORT)
            assert caught.value.reason == "MODEL_FAILED"
        assert not engine.loaded
        with pytest.raises(StartError, match="cannot be loaded"):
            engine.load()
    np.testing.assert_array_equal(speak(engine, SHORT), expected)
    engine.unload()


def test_a_process_that_ends_with_a_model_loaded_ends_well(tiny_qwen3: Path) -> None:
    script = f"""
from pathlib import Path
from voicebox_models.engine import Setup
from voicebox_tts.engine import Style
from voicebox_tts.engines.qwen3.family import family
engine = family(Setup("cpu", "auto", Path({str(tiny_qwen3.parent)!r}))).engine("qwen3/custom-voice")
next(engine.open("ryan", Style(), 1).speak("Hello there."))
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_want_of_memory_is_distinguished_from_other_failures() -> None:
    assert memory.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert memory.is_out_of_memory(
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to allocate")
    )
    assert not memory.is_out_of_memory(RuntimeError("CUDA error: device-side assert triggered"))


def test_memory_is_what_the_tensors_take_each_counted_once() -> None:
    whole = torch.zeros(100)
    assert memory.tensor_bytes([whole, {"view": whole[10:]}, (torch.zeros(3, dtype=torch.int64),)]) == 424


def test_a_voices_state_is_computed_once_and_the_bytes_are_bounded() -> None:
    computed: list[int] = []

    def warm(codes: Any) -> Any:
        computed.append(int(codes[0, 0]))
        return SimpleNamespace(size_bytes=10)

    states = CodecStateCache(warm, max_bytes=30)
    voice = [np.full((5, 16), number, np.int64) for number in range(5)]
    with ThreadPoolExecutor(8) as executor:
        made = list(executor.map(states.after, [voice[0]] * 1000))
    assert (computed, len(set(map(id, made)))) == ([0], 1)
    for number in (1, 2, 0, 3, 0, 1):
        states.after(voice[number])
    assert computed == [0, 1, 2, 3, 1]
    assert states.after(np.zeros((0, 16), np.int64)) is None


@pytest.mark.gpu
def test_on_a_gpu_memory_is_measured_and_given_back(tiny_qwen3: Path) -> None:
    device = resolve_device("qwen3", "cuda:0", "auto")
    models = family(Setup("cuda:0", "auto", tiny_qwen3.parent))
    before = memory.reserved_bytes(device)
    for name in ("qwen3/custom-voice", "qwen3/voice-design"):
        engine = models.engine(name)
        assert engine
        engine.load()
        assert engine.memory_bytes == memory.reserved_bytes(device) - before
        engine.unload()
        assert memory.reserved_bytes(device) == before


@pytest.mark.gpu
def test_on_a_gpu_streams_speak_together_and_repeat(tiny_qwen3: Path) -> None:
    engine = family(Setup("cuda:0", "float32", tiny_qwen3.parent)).engine("qwen3/custom-voice")
    assert engine
    alone = [speak(engine, SHORT, seed=seed) for seed in range(8)]
    for seed, samples in enumerate(alone):
        np.testing.assert_array_equal(speak(engine, SHORT, seed=seed), samples)
    with ThreadPoolExecutor(8) as executor:
        for one, other in zip(alone, executor.map(lambda seed: speak(engine, SHORT, seed=seed), range(8)), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)
    engine.unload()
