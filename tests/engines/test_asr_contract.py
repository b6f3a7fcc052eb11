"""What every speech-to-text engine must do: one suite for all that are installed."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from voicebox_asr.engine import SAMPLE_RATE_HZ, Engine, Heard, Samples, Session
from voicebox_kit import plugins
from voicebox_kit.errors import InvalidField, StartError

GROUP = "voicebox.asr.engines"
SENTENCE = "The weather is very nice today."
SILENCE = np.zeros(SAMPLE_RATE_HZ // 2, np.float32)


@pytest.fixture(scope="module", params=plugins.names(GROUP))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine: Engine = plugins.load(GROUP, request.param)("auto")
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture(scope="module")
def speech() -> Samples:
    from voicebox_tts.engine import Style

    session = plugins.load("voicebox.tts.engines", "flite")().open("slt", Style(), 1)
    pieces = [piece.samples for piece in session.speak(SENTENCE)]
    session.close()
    return np.concatenate([SILENCE, *pieces, SILENCE])


def hear(session: Session, samples: Samples, step: int = SAMPLE_RATE_HZ // 2) -> Heard:
    session.begin(samples)
    for start in range(0, samples.size, step):
        session.feed(samples[start : start + step])
    return session.end()


def test_it_says_what_it_is(engine: Engine, request: pytest.FixtureRequest) -> None:
    assert engine.name in plugins.names(GROUP)
    assert engine.model.name.startswith(f"{engine.name}/")
    assert engine.model.licence
    assert engine.model.revision
    assert engine.model.languages
    assert engine.device
    assert engine.loaded
    assert engine.memory_bytes >= 0


def test_a_device_that_is_not_there_is_a_start_error(engine: Engine) -> None:
    with pytest.raises(StartError):
        plugins.load(GROUP, engine.name)("abacus:7")


def test_it_hears_a_sentence_with_times_and_confidence(engine: Engine, speech: Samples) -> None:
    session = engine.open("")
    heard = hear(session, speech)
    session.close()
    assert "weather" in heard.text.lower()
    assert [word.text for word in heard.words] == heard.text.split() or not heard.words
    times = [time for word in heard.words for time in (word.start_seconds, word.end_seconds)]
    assert times == sorted(times)
    assert all(0 <= time <= speech.size / SAMPLE_RATE_HZ + 0.02 for time in times)
    for confidence in (heard.confidence, *(word.confidence for word in heard.words)):
        assert confidence is None or 0 <= confidence <= 1


def test_it_tells_what_it_hears_so_far(engine: Engine, speech: Samples) -> None:
    session = engine.open("")
    session.begin(speech[:SAMPLE_RATE_HZ])
    assert session.interim() == ""
    session.feed(speech)
    assert session.interim()
    session.end()
    session.close()


def test_no_session_hears_what_another_left_behind(engine: Engine, speech: Samples) -> None:
    first = engine.open("")
    alone = hear(first, speech)
    hear(first, speech[::-1].copy() * 0.2)
    second = engine.open("")
    assert hear(second, speech) == alone
    for session in (first, second):
        session.close()


def test_sessions_run_side_by_side(engine: Engine, speech: Samples) -> None:
    heard: list[Heard] = []

    def one() -> None:
        session = engine.open("")
        heard.append(hear(session, speech))
        session.close()

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(heard) == 3
    assert heard[0] == heard[1] == heard[2]


@pytest.mark.parametrize("size", [0, 1, 100, 8000])
def test_an_utterance_of_nothing_is_nothing(engine: Engine, speech: Samples, size: int) -> None:
    session = engine.open("")
    assert hear(session, np.zeros(size, np.float32)).words == ()
    assert "weather" in hear(session, speech).text.lower()
    session.close()


def test_what_is_too_loud_and_noise_do_no_harm(engine: Engine, speech: Samples) -> None:
    session = engine.open("")
    hear(session, (np.random.default_rng(1).standard_normal(SAMPLE_RATE_HZ) * 10).astype(np.float32))
    assert "weather" in hear(session, speech).text.lower()
    session.close()


def test_a_session_may_close_within_an_utterance(engine: Engine, speech: Samples) -> None:
    session = engine.open("")
    session.begin(speech)
    session.feed(speech[:8000])
    session.close()


def test_unknown_languages_are_refused_and_its_own_are_taken(engine: Engine) -> None:
    with pytest.raises(InvalidField) as caught:
        engine.open("tlh-KX")
    assert caught.value.field == "config.language"
    for language in engine.model.languages[:3]:
        engine.open(language).close()


def test_voice_activity_tells_speech_from_silence(engine: Engine, speech: Samples) -> None:
    activity = engine.voice_activity()
    size = activity.frame_samples
    marks = [activity.is_speech(speech[start : start + size]) for start in range(0, speech.size - size, size)]
    edge = SILENCE.size // size
    assert not any(marks[: edge - 1])
    assert sum(marks[edge:-edge]) > 0.5 * len(marks[edge:-edge])


def test_it_can_be_unloaded_and_loads_again_when_it_is_used(engine: Engine, speech: Samples) -> None:
    engine.unload()
    assert not engine.loaded
    session = engine.open("")
    assert "weather" in hear(session, speech).text.lower()
    session.close()
    engine.load()
    engine.load()
    assert engine.loaded
