"""What SSML says is spoken; what is not followed is named."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField
from voicebox_tts.text import ssml

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("document", "text", "dropped"),
    [
        ("<speak>Hello there.</speak>", "Hello there.", []),
        ("<speak><p><s>One.</s><s>Two.</s></p></speak>", "One. Two.", []),
        ("<speak>One<break/>two</speak>", "One two", []),
        ("<speak>One<break time='500ms'/>two</speak>", "One two", ["break.time"]),
        ("<speak><sub alias='World Wide Web'>WWW</sub> now</speak>", "World Wide Web now", []),
        ("<speak><say-as interpret-as='characters'>ABC</say-as></speak>", "A B C", []),
        ("<speak><say-as interpret-as='date' format='dmy'>1-2-2020</say-as></speak>", "1-2-2020", ["say-as"]),
        (
            "<speak>A <prosody rate='slow'>slow <emphasis>word</emphasis></prosody> here</speak>",
            "A slow word here",
            ["prosody", "emphasis"],
        ),
        ("<speak><phoneme alphabet='ipa' ph='t&#x259;'>tomato</phoneme></speak>", "tomato", ["phoneme"]),
        ("<speak><audio src='http://a/b'><desc>a bell</desc>ding</audio></speak>", "ding", ["audio", "desc"]),
        ("<speak>a &lt; b &amp; c</speak>", "a < b & c", []),
        (
            "<?xml version='1.0'?><speak xmlns='http://www.w3.org/2001/10/synthesis'>Hi.<!-- not this --></speak>",
            "Hi.",
            [],
        ),
        ("<speak><sub alias='one'>x<s>y</s></sub><mark name='m'/>two</speak>", "onetwo", ["mark"]),
    ],
)
def test_the_text_that_is_spoken(document, text, dropped):
    diagnostics = Diagnostics()
    assert " ".join(ssml.plain(document, "text", diagnostics).split()) == text
    assert diagnostics.ignored == [f"text.{name}" for name in dropped]
    assert bool(diagnostics.warnings) == bool(dropped)


@pytest.mark.parametrize(
    "document",
    [
        "<speak>",
        "hello",
        "<p>x</p>",
        "<speak>a</p></speak>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><speak>&b;</speak>",
        "<speak>&b;</speak>",
        "",
    ],
)
def test_what_is_no_ssml_is_refused(document):
    with pytest.raises(InvalidField):
        ssml.plain(document, "text", Diagnostics())


@given(st.text(alphabet="<>/speakbr ='&;!\"-", max_size=60))
def test_any_text_is_read_or_refused_by_name(text):
    with suppress(InvalidField):
        assert ssml.plain(f"<speak>{text}</speak>", "text", Diagnostics()).count("<") <= text.count("&") + text.count(
            "CDATA"
        )
