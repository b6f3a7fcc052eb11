"""The list of voices is made once, and again when it would be another."""

import pytest
from voicebox_models.models import State
from voicebox_models.servicer import STATES
from voicebox_tts.api.voice_list import MAX_LISTS, VoiceLists
from voicebox_tts.engine import Voice
from voicebox_tts.voices.registry import Offer


class Fake:
    """An engine as far as lists know it."""

    capabilities = frozenset()

    def __init__(self, name, *voices):
        self.name, self.default_voice = name, voices[0]
        self.voices = tuple(Voice(voice, voice.title(), ("en-US",), 22_050) for voice in voices)


def offered(*engines):
    return tuple(Offer(engine, engine.voices) for engine in engines)


def names(response):
    return [voice.name for voice in response.voices]


@pytest.fixture
def engines():
    return Fake("one", "b", "a"), Fake("two", "c")


def test_the_default_comes_first_then_names(engines):
    one, two = engines
    response = VoiceLists(lambda: one).get("", "", offered(two, one))
    assert names(response) == ["one/b", "one/a", "two/c"]
    assert [voice.is_default for voice in response.voices] == [True, False, False]


def test_a_list_is_kept_until_voices_change(engines):
    one, two = engines
    lists = VoiceLists(lambda: one)
    first = lists.get("", "", offered(one, two))
    assert lists.get("", "", offered(one, two)) is first
    assert names(lists.get("", "", offered(one))) == ["one/b", "one/a"]
    assert names(lists.get("", "", offered(one, two))) == names(first)


def test_languages_and_engines_do_not_share_a_list(engines):
    one, two = engines
    lists = VoiceLists(lambda: one)
    assert names(lists.get("", "de", offered(one, two))) == []
    assert names(lists.get("two", "", offered(two))) == ["two/c"]
    assert len(names(lists.get("", "", offered(one, two)))) == 3


def test_callers_cannot_fill_the_memory(engines):
    lists = VoiceLists(lambda: engines[0])
    for number in range(2 * MAX_LISTS):
        lists.get("", f"x{number}", offered(*engines))
    lists.get("", "x" * 100_000, offered(*engines))
    assert len(lists._made) <= MAX_LISTS
    assert all(len(language) < 100 for _, language in lists._made)


@pytest.mark.parametrize("state", State)
def test_a_voice_says_what_its_model_is_doing(engines, state):
    one, two = engines
    lists = VoiceLists(lambda: one)
    lists.get("", "", offered(one, two))
    response = lists.get("", "", (Offer(one, one.voices), Offer(two, two.voices, state)))
    assert [voice.model_state for voice in response.voices if voice.engine == "two"] == [STATES[state]]


def test_a_model_whose_voices_cannot_be_known_is_a_warning(engines):
    one, two = engines
    response = VoiceLists(lambda: one).get("", "", (*offered(one), Offer(two, (), State.FAILED, "It is broken.")))
    assert (names(response), list(response.warnings)) == (["one/b", "one/a"], ["It is broken."])
