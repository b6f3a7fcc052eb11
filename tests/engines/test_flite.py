"""What flite does beyond the contract: turns, seeds, short first pieces, bounded work."""

import ctypes
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_kit.errors import InvalidField, StartError
from voicebox_tts.engine import Style
from voicebox_tts.engines import flite_library
from voicebox_tts.engines.flite import FliteEngine, FliteSession
from voicebox_tts.engines.flite_text import DIGIT_WORK, MOST_WORK, clean, pieces
from voicebox_tts.engines.turns import Place, Turns
from voicebox_tts.likeness import profile

LONG = "The birch canoe slid on the smooth planks while we glued the sheet to the dark blue background of the old house. " * 2


@pytest.fixture(scope="module")
def engine() -> FliteEngine:
    engine = FliteEngine()
    try:
        engine.load()
    except StartError as error:
        pytest.skip(str(error))
    return engine


def samples(session: FliteSession, *sentences: str) -> np.ndarray:
    return np.concatenate([speech.samples for sentence in sentences for speech in session.speak(sentence)])


def test_another_seed_gives_other_noise(engine: FliteEngine) -> None:
    one, other = (samples(engine.open("slt", Style(), seed), "Hello there.") for seed in (1, 2))
    assert len(one) == len(other)
    assert (one != other).any()


def test_the_process_keeps_its_own_random_numbers(engine: FliteEngine) -> None:
    libc = ctypes.CDLL(None)
    libc.srand(5)
    expected = [libc.rand() for _ in range(4)]
    libc.srand(5)
    got = [libc.rand(), libc.rand()]
    samples(engine.open("slt", Style(), 1), LONG)
    assert [*got, libc.rand(), libc.rand()] == expected


def test_a_new_stream_begins_while_a_long_one_is_made(engine: FliteEngine) -> None:
    """Streams take turns at every step: a short text does not wait for the end of long ones."""
    order = list[str]()

    def say(name: str, text: str) -> None:
        samples(engine.open("slt", Style(), 1), text)
        order.append(name)

    others = [engine.open("slt", Style(), 1).speak(LONG) for _ in range(4)]
    for other in others:
        next(other)
    with ThreadPoolExecutor(5) as executor:
        running = [executor.submit(lambda stream=other: (list(stream), order.append("long"))) for other in others]
        executor.submit(say, "short", "Yes.").result(timeout=60)
        for future in running:
            future.result(timeout=60)
    assert sorted(order) == ["long"] * 4 + ["short"]


def test_pitch_moves_by_semitones(engine: FliteEngine) -> None:
    for voice in ("slt", "awb", "kal16"):
        heard = [profile(samples(engine.open(voice, Style(pitch_semitones=n), 1), LONG), 16_000) for n in (-5, 0, 5)]
        low, middle, high = (one.pitch_hz for one in heard if one)
        assert 12 * np.log2(high / middle) == pytest.approx(5, abs=0.8)
        assert 12 * np.log2(low / middle) == pytest.approx(-5, abs=0.8)


def test_rms_keeps_its_own_pitch_and_says_so(engine: FliteEngine) -> None:
    with pytest.raises(InvalidField) as caught:
        engine.open("rms", Style(pitch_semitones=2), 1)
    assert caught.value.field == "style.pitch_semitones"


def test_english_of_any_country_is_spoken(engine: FliteEngine) -> None:
    for language in ("en", "EN-us", "en-GB"):
        assert engine.open("slt", Style(language=language), 1)
    with pytest.raises(InvalidField):
        engine.open("slt", Style(language="de"), 1)


def test_a_missing_library_is_a_start_error_that_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(flite_library.c, "CDLL", refuse)
    monkeypatch.setattr(flite_library, "_loaded", [])
    with pytest.raises(StartError, match="libflite1"):
        FliteEngine().load()


def test_the_first_piece_is_short_and_the_rest_of_the_sentence_follows() -> None:
    cut = list(pieces("This is a sentence of about twenty words, which was written for the test.", eager=True))
    assert [piece.text for piece in cut] == ["This is a sentence", "of about twenty words, which was written for the test."]
    assert [piece.ends_inside for piece in cut] == [True, False]


def test_text_becomes_printable_ascii() -> None:
    assert clean("Ça coûte 5\u00a0€ – “naïve” straße…") == 'Ca coute 5 euros - "naive" strasse...'
    assert clean("你好 мир 😀") == ""


@given(st.text())
def test_no_piece_is_more_than_bounded_work_and_nothing_is_lost(text: str) -> None:
    cut = list(pieces(text, eager=True))
    assert all(len(piece.text) <= MOST_WORK and sum(map(str.isdigit, piece.text)) <= MOST_WORK / DIGIT_WORK for piece in cut)
    assert all(len(word) <= 40 for piece in cut for word in piece.text.split())
    letters = [c for c in clean(text) if c.isalnum()]
    assert [c for piece in cut for c in piece.text if c.isalnum()] == letters


def test_turns_are_taken_in_the_order_of_asking_and_can_be_called_off() -> None:
    turns, order, waiting = Turns(), list[int](), threading.Semaphore(0)
    places = [Place() for _ in range(4)]
    assert turns.take(places[0])

    def wait(number: int) -> None:
        waiting.release()
        if turns.take(places[number]):
            order.append(number)
            turns.pass_on()

    threads = [threading.Thread(target=wait, args=(number,)) for number in (1, 2, 3)]
    for asked, thread in enumerate(threads, start=1):
        thread.start()
        waiting.acquire()
        while len(turns._line) < asked:
            threading.Event().wait(0.001)
    turns.call_off(places[2])
    turns.pass_on()
    for thread in threads:
        thread.join(timeout=60)
    assert order == [1, 3]
    assert not turns.take(places[2])
    assert turns.take(places[0])
