"""What a person may have meant: verbs, options, voices, profiles and models."""

import pytest
from voicebox.catalog.v1 import catalog_pb2
from voicebox_client.suggestions import nearest
from voicebox_kit.errors import NotFound


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["sya", "Hello"], "'say'"),
        (["transcibe", "a.wav"], "'transcribe'"),
        (["profile", "list"], "'profiles'"),
        (["profiles", "lst"], "'list'"),
        (["history", "favourite", "g0"], "'favorite'"),
        (["say", "--voise", "slt", "Hello"], "'--voice'"),
        (["voices", "--langauge", "de"], "'--language'"),
    ],
)
def test_the_nearest_verb_or_option_is_named(voicebox, words, meant):
    result = voicebox(*words)
    assert result.exit_code == 2
    assert "Did you mean" in result.stderr
    assert meant in result.stderr


@pytest.mark.parametrize(
    ("kind", "name", "meant"),
    [("voice", "slx", "flite/slt"), ("voice", "flite/sllt", "flite/slt"), ("profile", "profiles/anm", "profiles/ann")],
)
def test_the_nearest_name_is_reported(voicebox, platform, kind, name, meant):
    platform.profiles["profiles/ann"] = catalog_pb2.Profile(name="profiles/ann")
    platform.failures["StreamSynthesize"] = [NotFound(kind, name)]
    assert (
        voicebox("say", "Hello", "--voice", name).stderr
        == f"Error: There is no {kind} {name!r}. Did you mean {meant!r}?\n"
    )


def test_the_nearest_model_is_reported(voicebox, platform):
    platform.failures["LoadModel"] = [NotFound("model", "models/flite/2.3")]
    assert "Did you mean 'models/flite/2.2'?" in voicebox("models", "tts", "load", "flite/2.3").stderr


def test_an_error_that_says_what_to_do_gets_no_suggestion(voicebox, platform):
    platform.failures["StreamSynthesize"] = [NotFound("voice", "flite/sltt", "The engine is not installed.")]
    assert (
        voicebox("say", "Hello", "--voice", "flite/sltt").stderr
        == "Error: There is no voice 'flite/sltt'. The engine is not installed.\n"
    )


def test_what_resembles_nothing_gets_no_suggestion(voicebox, platform):
    platform.failures["StreamSynthesize"] = [NotFound("voice", "qqqqqqqqqq")]
    assert voicebox("say", "Hello", "--voice", "qqqqqqqqqq").stderr == "Error: There is no voice 'qqqqqqqqqq'.\n"


@pytest.mark.parametrize(
    ("name", "known", "shown"),
    [
        ("b", [], ""),
        ("hibari", ["flite/slt", "hibari/heart"], " Did you mean 'hibari/heart'?"),
        ("emma", ["kokoro/af_heart", "kokoro/bf_emma", "hibari/emma2"], " Did you mean 'kokoro/bf_emma'?"),
        ("slt", ["flite/slt"], " Did you mean 'flite/slt'?"),
        ("qwen3/base", ["whisper/base"], ""),
    ],
)
def test_nearest(name, known, shown):
    assert nearest(name, known) == shown


def test_a_language_without_its_region_is_found():
    assert nearest("espeak/fr", ["espeak/ur", "espeak/fr-fr", "espeak/fr-be"]) == " Did you mean 'espeak/fr-be'?"
