"""Errors of the command speak of what a person gave: options, and ranges in words."""

import re

import click
import pytest
from voicebox_client.command import VERBS, main
from voicebox_client.option_names import in_options
from voicebox_client.ranges import Range, real, whole
from voicebox_kit import plugins
from voicebox_kit.errors import InvalidField, StartError


def commands(group, ctx):
    for name in group.list_commands(ctx):
        if group is main and name not in VERBS:
            continue
        found = group.get_command(ctx, name)
        yield from commands(found, ctx) if isinstance(found, click.Group) else [found]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["design", "calm", "--text", "x", "--count", "9"], "It must be 1 to 8, not 9."),
        (["transcribe", "a.wav", "--max-speakers", "0"], "It must be 1 to 20, not 0."),
        (["--timeout", "0", "health"], "It must be more than 0, not 0."),
        (["history", "list", "--limit", "-1"], "It must be 1 or more, not -1."),
        (["say", "x", "--seed", "4294967296"], "It must be 0 to 4294967295, not 4294967296."),
        (["retention", "set", "--keep-megabytes", "nan"], "It must be 0 or more, not nan."),
        (["profiles", "trim", "s", "--start", "-1"], "It must be 0 or more, not -1."),
    ],
)
def test_an_error_about_a_number_names_the_range_in_words(voicebox, words, shown):
    result = voicebox(*words)
    assert result.exit_code == 2
    assert shown in result.stderr
    assert not re.search(r"[<>]=?", result.stderr)


def test_no_option_has_a_range_in_symbols():
    with click.Context(main) as ctx:
        for command in commands(main, ctx):
            kinds = {type(option.type) for option in command.params}
            assert not kinds & {click.IntRange, click.FloatRange}


@pytest.mark.parametrize(
    ("kind", "words"),
    [(whole(1), "1 or more"), (whole(1, 8), "1 to 8"), (real(0.25, 4), "0.25 to 4"), (real(above=0), "more than 0")],
)
def test_ranges(kind: Range, words):
    assert kind.words == words


@pytest.mark.parametrize(
    ("words", "method", "field", "sentence", "shown"),
    [
        (
            ["say", "x", "--speed", "9"],
            "StreamSynthesize",
            "config.style.speed",
            "config.style.speed must be 0.25 to 4.",
            "--speed must be 0.25 to 4.",
        ),
        (
            ["say", "x", "--pitch", "99"],
            "StreamSynthesize",
            "config.style.pitch_semitones",
            "It must be less.",
            "--pitch: It must be less.",
        ),
        (
            ["say", "x", "--rate", "1"],
            "StreamSynthesize",
            "config.audio.sample_rate_hz",
            "config.audio.sample_rate_hz is low.",
            "--rate is low.",
        ),
        (
            ["say", "x", "--language", "!"],
            "StreamSynthesize",
            "config.style.language",
            "config.style.language: '!' is none.",
            "--language: '!' is none.",
        ),
        (
            ["say", "x", "--voice", "y"],
            "StreamSynthesize",
            "config.voice.voice",
            "config.voice.voice is too long.",
            "--voice is too long.",
        ),
        (["voices", "--language", "!"], "ListVoices", "language", "language is no tag.", "--language is no tag."),
        (
            ["voices", "--language", "!"],
            "ListVoices",
            "language",
            "language: '!' is not a language tag such as en-US.",
            "--language: '!' is not a language tag such as en-US.",
        ),
        (["voices", "--language", "x"], "ListVoices", "language", "No language fits.", "--language: No language fits."),
        (["say", "x"], "StreamSynthesize", "text", "text is empty.", "text is empty."),
        (["say", "x"], "StreamSynthesize", "audio", "Nothing fits.", "audio: Nothing fits."),
        (
            ["history", "list", "--filter", "x"],
            "ListGenerations",
            "filter",
            "filter cannot be read.",
            "--filter cannot be read.",
        ),
        (
            ["profiles", "create", "A", "--id", "!"],
            "CreateProfile",
            "profile_id",
            "profile_id is none.",
            "--id is none.",
        ),
        (
            ["profiles", "create", "A", "--consent", "x"],
            "CreateProfile",
            "profile.consent.statement",
            "profile.consent.statement is short.",
            "--consent is short.",
        ),
        (
            ["profiles", "create", "A", "--speed", "9"],
            "CreateProfile",
            "profile.default_voice_settings.speed",
            "profile.default_voice_settings.speed is too much.",
            "--speed is too much.",
        ),
    ],
)
def test_a_field_is_named_as_the_option_that_it_came_by(voicebox, platform, words, method, field, sentence, shown):
    platform.failures[method] = [InvalidField(field, sentence)]
    assert voicebox(*words).stderr == f"Error: {shown}\n"


def test_so_is_one_of_a_profile_that_comes_with_its_recording(voicebox, platform, recording):
    platform.failures["ImportProfile"] = [InvalidField("archive", "manifest.json: profile.language is no tag.")]
    result = voicebox("profiles", "create", "A", "--language", "!", "--sample", str(recording))
    assert result.stderr == "Error: --language is no tag. No profile was created.\n"


def test_words_that_only_look_like_a_field_stay():
    option = click.Option(["--speed"])
    assert in_options("The style.speeding is fine.", "style.speed", [option]) == "--speed: The style.speeding is fine."


@pytest.mark.parametrize(
    ("given", "near"), [("gatway", "gateway"), ("ast", "asr"), ("catlog", "catalog"), ("wyomin", "wyoming")]
)
def test_serve_names_the_nearest_service(given, near):
    with pytest.raises(StartError, match=f"There is no service '{given}'. Did you mean {near}"):
        plugins.load("voicebox.services", given)


def test_what_is_near_to_nothing_gets_the_list():
    with pytest.raises(StartError, match=r"There is no service 'zzzzz'\. Installed: accounts, asr, "):
        plugins.load("voicebox.services", "zzzzz")
