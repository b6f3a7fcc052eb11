"""The filter grammar."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_catalog.store.filters import PROFILE_FIELDS, TRANSCRIPTION_FIELDS, Condition, FilterField, Operator, parse
from voicebox_kit.errors import InvalidField


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_filter_has_no_conditions(text):
    assert parse(text) == ()


def test_each_field_has_its_type():
    text = (
        'profile = "profiles/ann" AND voice="flite/slt" AND engine = "flite" AND language = "en-US" AND status = '
        "COMPLETED "
        'AND create_time >= "1970-01-01T00:00:01.5Z" AND duration_seconds<2.25'
    )
    assert parse(text) == (
        Condition(FilterField.PROFILE, Operator.EQUAL, "profiles/ann"),
        Condition(FilterField.VOICE, Operator.EQUAL, "flite/slt"),
        Condition(FilterField.ENGINE, Operator.EQUAL, "flite"),
        Condition(FilterField.LANGUAGE, Operator.EQUAL, "en-US"),
        Condition(FilterField.STATUS, Operator.EQUAL, 1),
        Condition(FilterField.CREATE_TIME, Operator.AT_LEAST, 1_500_000),
        Condition(FilterField.DURATION, Operator.LESS, 2_250_000),
    )


@pytest.mark.parametrize("sign", ["=", "<", "<=", ">", ">="])
def test_times_and_durations_are_compared_in_five_ways(sign):
    assert parse(f"duration_seconds {sign} 1")[0].operator == sign
    assert parse(f'create_time {sign} "2026-01-01T00:00:00+01:00"')[0].value == 1767222000 * 10**6


def test_quotes_and_backslashes_are_escaped():
    assert parse(r'voice = "a \"b\" \\ c"')[0].value == r'a "b" \ c'
    assert parse('voice = "AND engine = 1"')[0].value == "AND engine = 1"


def test_labels_are_requested_by_their_keys():
    text = 'labels.team = "games" AND labels."a \\"b\\"" = "" AND favorite = true AND favorite = false'
    assert parse(text) == (
        Condition(FilterField.LABELS, Operator.EQUAL, "games", "team"),
        Condition(FilterField.LABELS, Operator.EQUAL, "", 'a "b"'),
        Condition(FilterField.FAVORITE, Operator.EQUAL, True),
        Condition(FilterField.FAVORITE, Operator.EQUAL, False),
    )


def test_other_lists_have_other_fields():
    assert parse('model = "m"', TRANSCRIPTION_FIELDS)[0].field is FilterField.MODEL
    assert parse("sample_count >= 2", PROFILE_FIELDS) == (Condition(FilterField.SAMPLE_COUNT, Operator.AT_LEAST, 2),)
    for fields in (TRANSCRIPTION_FIELDS, PROFILE_FIELDS):
        with pytest.raises(InvalidField):
            parse('voice = "v"', fields)
    with pytest.raises(InvalidField):
        parse("sample_count = 1.5", PROFILE_FIELDS)


def test_a_status_may_be_written_in_full():
    assert parse('status = "GENERATION_STATUS_FAILED"')[0].value == 3
    assert parse('status = "completed"')[0].value == parse("status = Completed")[0].value == 1


@pytest.mark.parametrize(
    "text",
    [
        "engine",
        "engine = ",
        "engine = flite",
        'engine = "flite',
        'engine == "flite"',
        'engine != "flite"',
        'engine > "a"',
        'engine = "a" OR engine = "b"',
        'engine = "a" engine = "b"',
        'engine = "a" AND',
        'engine = "a" ANDengine = "b"',
        'owner = "x"',
        "text = 1",
        "status = 1",
        "status = UNSPECIFIED",
        "duration_seconds = -1",
        "duration_seconds = 1e9",
        "duration_seconds = nan",
        "duration_seconds = 9999999999",
        'create_time = "yesterday"',
        'create_time = "2026-13-01T00:00:00Z"',
        'create_time = "2026-01-01T00:00:00"',
        "create_time = 2026",
        '"); DROP TABLE generations; --',
        'engine = "\\n"',
        'engine = "\0"',
        "favorite = 1",
        'favorite = ""',
        "favorite > false",
        'labels = "a"',
        'labels. = "a"',
        'labels.a b = "c"',
        'labels.a > "c"',
        'engine.a = "flite"',
        'model = "x"',
        "sample_count = 1",
        " AND ".join(['engine = "a"'] * 17),
        'engine = "' + "a" * 3000 + '"',
    ],
)
def test_anything_else_is_an_error_that_names_the_field(text):
    with pytest.raises(InvalidField) as caught:
        parse(text)
    assert caught.value.field == "filter"


@given(st.text(max_size=200) | st.text(alphabet='engi="<>AND 019.\\', max_size=60))
def test_no_text_makes_the_parser_fail_otherwise(text):
    with suppress(InvalidField):
        parse(text)


@given(st.text(st.characters(exclude_characters="\0"), max_size=100))
def test_every_value_can_be_written(value):
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert parse(f'voice = "{quoted}" AND engine = "x"')[0].value == value
