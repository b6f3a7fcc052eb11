"""What flite does beyond the contract: semaphore, seeds, short first pieces, bounded work."""

import ctypes
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_kit.errors import InvalidField, StartError, Unavailable
from voicebox_tts.engine import Speech, Style
from voicebox_tts.engines.flite import engine as flite
from voicebox_tts.engines.flite import fork_server
from voicebox_tts.engines.flite.engine import FliteEngine, FliteSession
from voicebox_tts.engines.flite.text import DIGIT_WORK, MAX_WORK, Piece, clean, pieces
from voicebox_tts.engines.likeness import profile
from voicebox_tts.engines.playback import Playback
from voicebox_tts.engines.priority_semaphore import PrioritySemaphore, Waiter

LONG = (
    "The birch canoe slid on the smooth planks while we glued the sheet to the dark blue background of the old house. "
    * 2
)


@pytest.fixture(scope="module")
def engine() -> Iterator[FliteEngine]:
    engine = FliteEngine()
    engine.load()
    yield engine
    engine.unload()


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


@pytest.mark.parametrize("voice", ["slt", "rms", "awb", "kal16"])
def test_a_seed_holds_while_another_thread_draws_random_numbers(engine: FliteEngine, voice: str) -> None:
    """gRPC does, in the same process."""
    libc, ended = ctypes.CDLL(None), threading.Event()
    alone = samples(engine.open(voice, Style(), 7), LONG)

    def draw() -> None:
        while not ended.wait(0.0005):
            libc.srand(libc.rand())

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        beside = samples(engine.open(voice, Style(), 7), LONG)
    finally:
        ended.set()
        thread.join()
    np.testing.assert_array_equal(alone, beside)


def test_a_process_that_died_is_started_again(engine: FliteEngine) -> None:
    expected = samples(engine.open("slt", Style(), 1), "Hello.")
    session = engine.open("slt", Style(), 1)
    process = engine._opened().process
    process.kill()
    process.wait()
    np.testing.assert_array_equal(samples(session, "Hello."), expected)


def test_a_fork_that_breaks_is_an_error_and_not_the_end_of_a_text(
    engine: FliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flite, "pieces", lambda text, *, eager: [Piece("schön", ends_inside=False)])
    with pytest.raises(Unavailable, match="not spoken to its end"):
        samples(engine.open("slt", Style(), 1), "Hello.")


def test_who_will_soon_be_dry_goes_first_then_who_begins_then_who_has_enough() -> None:
    now = [100.0]

    def stream(*, made_seconds: float = 0.0, requested: float = 100.0) -> Playback:
        now[0] = requested
        lead = Playback(lambda: now[0], 16_000)
        lead.begin()
        if made_seconds:
            lead.add(int(16_000 * made_seconds))
        return lead

    dry, new, newer, enough = (
        stream(made_seconds=1.0),
        stream(requested=100.1),
        stream(requested=100.2),
        stream(made_seconds=15.0),
    )
    now[0] = 100.3
    assert sorted([enough, newer, dry, new], key=Playback.priority) == [dry, new, newer, enough]
    now[0] = 114.0  # the one that had enough has 1 s left; the other's listener stands still
    assert sorted([enough, newer, dry, new], key=Playback.priority) == [dry, enough, new, newer]
    dry.begin()
    assert dry.priority() == (1, 114.0)


def test_the_most_urgent_is_called_by_what_is_urgent_then() -> None:
    semaphore, priorities, order = PrioritySemaphore(1), {"a": (1, 0.0), "b": (2, 0.0)}, list[str]()
    holder = Waiter(lambda: (0, 0.0))
    assert semaphore.acquire(holder)

    def wait(name: str) -> None:
        waiter = Waiter(lambda: priorities[name])
        if semaphore.acquire(waiter):
            order.append(name)
            semaphore.release(waiter)

    threads = [threading.Thread(target=wait, args=(name,)) for name in priorities]
    for requested, thread in enumerate(threads, start=1):
        thread.start()
        while len(semaphore._waiting) < requested:
            threading.Event().wait(0.001)
    priorities["b"] = (0, 0.0)
    semaphore.release(holder)
    for thread in threads:
        thread.join(timeout=60)
    assert order == ["b", "a"]


def test_a_new_stream_begins_while_a_long_one_is_made(engine: FliteEngine) -> None:
    """Streams take turns at every step: a short text does not wait for the end of long ones."""
    order = list[str]()

    def say(name: str, text: str) -> None:
        samples(engine.open("slt", Style(), 1), text)
        order.append(name)

    def finish(stream: Iterator[Speech]) -> None:
        list(stream)
        order.append("long")

    others = [engine.open("slt", Style(), 1).speak(LONG) for _ in range(4)]
    for other in others:
        next(other)
    with ThreadPoolExecutor(5) as executor:
        running = [executor.submit(finish, other) for other in others]
        executor.submit(say, "short", "Yes.").result(timeout=60)
        for future in running:
            future.result(timeout=60)
    assert sorted(order) == ["long"] * 4 + ["short"]


def test_pitch_moves_by_semitones(engine: FliteEngine) -> None:
    for voice in ("slt", "awb", "kal16"):
        recognised = [
            profile(samples(engine.open(voice, Style(pitch_semitones=n), 1), LONG), 16_000) for n in (-5, 0, 5)
        ]
        low, middle, high = (one.pitch_hz for one in recognised if one)
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
    missing = (
        "import sys; from voicebox_tts.engines.flite import library, process; library._PREFIX = 'none'; process.main()"
    )
    monkeypatch.setattr(fork_server, "COMMAND", (sys.executable, "-I", "-c", missing))
    engine = FliteEngine()
    with pytest.raises(StartError, match="libflite1"):
        engine.load()
    assert not engine.loaded


def test_the_first_piece_is_short_and_the_rest_of_the_sentence_follows() -> None:
    cut = list(pieces("This is a sentence of about twenty words, which was written for the test.", eager=True))
    assert [piece.text for piece in cut] == [
        "This is a sentence",
        "of about twenty words, which was written for the test.",
    ]
    assert [piece.ends_inside for piece in cut] == [True, False]


def test_text_becomes_printable_ascii() -> None:
    assert clean("Ça coûte 5\u00a0€ – “naïve” straße…") == 'Ca coute 5 euros - "naive" strasse...'
    assert clean("你好 мир 😀") == "mir"
    assert (
        clean("α and Ω, Σωκράτης, Щука, wor\u00adld, e" + "\u0301" * 9_999)
        == "alpha and omega, Sokratis, Shchuka, world, e"
    )


@given(st.text())
def test_no_piece_is_more_than_bounded_work_and_nothing_is_lost(text: str) -> None:
    cut = list(pieces(text, eager=True))
    assert all(
        len(piece.text) <= MAX_WORK and sum(map(str.isdigit, piece.text)) <= MAX_WORK / DIGIT_WORK for piece in cut
    )
    assert all(len(word) <= 40 for piece in cut for word in piece.text.split())
    letters = [c for c in clean(text) if c.isalnum()]
    assert [c for piece in cut for c in piece.text if c.isalnum()] == letters


def test_turns_of_the_same_urgency_are_taken_in_the_order_of_asking_and_can_be_called_off() -> None:
    semaphore, order, waiting = PrioritySemaphore(1), list[int](), threading.Semaphore(0)
    waiters = [Waiter(lambda: (0, 0.0)) for _ in range(4)]
    assert semaphore.acquire(waiters[0])

    def wait(number: int) -> None:
        waiting.release()
        if semaphore.acquire(waiters[number]):
            order.append(number)
            semaphore.release(waiters[number])

    threads = [threading.Thread(target=wait, args=(number,)) for number in (1, 2, 3)]
    for requested, thread in enumerate(threads, start=1):
        thread.start()
        waiting.acquire()
        while len(semaphore._waiting) < requested:
            threading.Event().wait(0.001)
    semaphore.cancel(waiters[2])
    semaphore.release(waiters[0])
    for thread in threads:
        thread.join(timeout=60)
    assert order == [1, 3]
    assert not semaphore.acquire(waiters[2])
    assert semaphore.acquire(waiters[0])


def test_there_are_as_many_turns_as_cores() -> None:
    semaphore, waiters = PrioritySemaphore(2), [Waiter(lambda: (0, 0.0)) for _ in range(3)]
    assert semaphore.acquire(waiters[0])
    assert semaphore.acquire(waiters[1])
    semaphore.cancel(waiters[2])
    assert not semaphore.acquire(waiters[2])
    semaphore.release(waiters[1])
    semaphore.release(waiters[1])
    assert semaphore._free == 1
