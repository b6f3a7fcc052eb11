"""What SSML says is spoken; what is not followed is an error that says where, or is named."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox.tts.v1 import tts_pb2
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField
from voicebox_tts.api.requests import checked_ssml
from voicebox_tts.engine import GivenPhonemes
from voicebox_tts.job import BuiltIn, StoredProfile, VoiceOverride
from voicebox_tts.synthesis.preparation import TextPreparation
from voicebox_tts.text import ssml
from voicebox_tts.text.directions import Mark, Passage, Pause
from voicebox_tts.text.given import spelled
from voicebox_tts.text.sentences import sentences

from .conftest import ToneEngine

pytestmark = pytest.mark.unit

SSML = "SSML_INVALID"
WRAPPERS = [
    "{}",
    "<s>{}</s>",
    "<voice name='x'>{}</voice>",
    "<lang xml:lang='fr'>{}</lang>",
    "<prosody rate='90%' pitch='+1st'>{}</prosody>",
]


def read(inner: str):
    return ssml.read(f"<speak>{inner}</speak>", "ssml").directions


def text_of(document: str, diagnostics: Diagnostics, known: ssml.Known = ssml.NOBODY) -> str:
    return ssml.read(ssml.subset(document, "text", diagnostics, known), "text").text


@pytest.mark.parametrize(
    ("inner", "directions"),
    [
        ("Hello\n  there.", [Passage("Hello there.")]),
        ("<p>One <s>two</s><s>three</s></p>", [Passage("One"), Passage("two"), Passage("three")]),
        ("a<break/>b", [Passage("a"), Pause(0.4), Passage("b")]),
        ("a<break time='250ms'/><break strength='strong'/>b", [Passage("a"), Pause(0.25), Pause(0.7), Passage("b")]),
        ("a<break strength='none'/>b<break time='0s'/>c", [Passage("a b c")]),
        ("a<mark name='here'/>b", [Passage("a"), Mark("here"), Passage("b")]),
        ("<sub alias='World Wide Web'>WWW</sub> now", [Passage("World Wide Web now")]),
        ("<say-as interpret-as='characters'>ABC</say-as>", [Passage(spelled("ABC"))]),
        ("<say-as interpret-as='cardinal'>12</say-as> left", [Passage("12 left")]),
        ("<prosody rate='slow' pitch='+2st'>a</prosody>.", [Passage("a.", VoiceOverride(None, "", 0.75, 2.0))]),
        (
            "<prosody rate='50%'>a <prosody rate='+50%' pitch='low'>b</prosody></prosody>",
            [Passage("a", VoiceOverride(speed=0.5)), Passage("b", VoiceOverride(speed=0.75, pitch_semitones=-3.0))],
        ),
        ("<voice name='flite/rms'>a</voice> b", [Passage("a", VoiceOverride(BuiltIn("flite/rms"))), Passage("b")]),
        ("<voice name='profiles/ann'>a</voice>", [Passage("a", VoiceOverride(StoredProfile("profiles/ann")))]),
        ("<lang xml:lang='de_DE'>a</lang>", [Passage("a", VoiceOverride(language="de-DE"))]),
        (
            "<lang xml:lang='de'>a <voice name='flite/rms'>b</voice></lang>",
            [Passage("a", VoiceOverride(language="de")), Passage("b", VoiceOverride(BuiltIn("flite/rms")))],
        ),
        ("a &lt; b <!-- not this --> &amp; c", [Passage("a < b & c")]),
    ],
)
def test_the_subset_is_read(inner, directions):
    assert read(inner) == tuple(directions)


@pytest.mark.parametrize(
    ("inner", "spoken"),
    [
        (
            "<say-as interpret-as='digits'>1984</say-as> <say-as interpret-as='spell-out'>hello</say-as>",
            "1 9 8 4 h e l l o",
        ),
        ("<say-as interpret-as='characters'>4K</say-as>", "4 K"),
        ("<say-as interpret-as='verbatim'>5m$</say-as>", "5 m dollar"),
        ("<say-as interpret-as='characters'>U.S.</say-as>", "U . S ."),
        ("<say-as interpret-as='digits'>12</say-as> km", "1 2 kilometers"),
        (
            "<say-as interpret-as='characters'>2h</say-as> <phoneme ph='wɪn'>Nguyen</phoneme>",
            "2 h Nguyen",
        ),
    ],
)
def test_characters_that_are_spelled_are_no_numbers_with_units(inner, spoken):
    directed = ssml.read(f"<speak>{inner}</speak>", "ssml")
    [sentence] = sentences(directed.directions[0].text)
    preparation = TextPreparation(ToneEngine(), "en", verbatim=False)
    assert preparation.prepare(sentence, directed.given).spoken == spoken
    assert ssml.read(ssml.written(directed), "ssml") == directed


def test_a_document_of_the_world_wide_web_consortium_is_read():
    document = """<?xml version="1.0"?>
    <speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US"
      xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
      xsi:schemaLocation="http://www.w3.org/2001/10/synthesis http://www.w3.org/TR/speech-synthesis11/synthesis.xsd">
      You have <s>four new messages.</s> </speak>"""
    directions = ssml.read(document, "ssml").directions
    assert directions == (
        Passage("You have", VoiceOverride(language="en-US")),
        Passage("four new messages.", VoiceOverride(language="en-US")),
    )


@pytest.mark.parametrize(
    ("document", "place", "reason"),
    [
        ("<speak>\n <foo>x</foo></speak>", "line 2, column 2", SSML),
        ("<speak>", "line 1, column 8", SSML),
        ("hello", "line 1, column 1", SSML),
        ("<p>x</p>", "line 1, column 1", SSML),
        ("<speak>a\n</p></speak>", "line 2, column 3", SSML),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><speak>&b;</speak>", "line 1, column", SSML),
        ("<speak>&b;</speak>", "line 1, column 8", SSML),
        ("<speak><speak>a</speak></speak>", "line 1, column 8", SSML),
        ("<speak><break time='soon'/></speak>", "line 1, column 8", SSML),
        ("<speak><break time='10.1s'/></speak>", "line 1, column 8", SSML),
        ("<speak><break>a</break></speak>", "line 1, column", SSML),
        ("<speak><prosody volume='loud'>a</prosody></speak>", "line 1, column 8", SSML),
        ("<speak><prosody rate='9'>a</prosody></speak>", "line 1, column 8", SSML),
        ("<speak><prosody rate='50%'><prosody rate='30%'>a</prosody></prosody></speak>", "line 1, column 28", SSML),
        ("<speak><prosody pitch='120Hz'>a</prosody></speak>", "line 1, column 8", SSML),
        ("<speak><prosody pitch='-100%'>a</prosody></speak>", "line 1, column 8", SSML),
        ("<speak><say-as interpret-as='song'>a</say-as></speak>", "line 1, column 8", SSML),
        ("<speak><say-as>a</say-as></speak>", "line 1, column 8", SSML),
        ("<speak><mark/></speak>", "line 1, column 8", SSML),
        ("<speak><mark name=''/></speak>", "line 1, column 8", SSML),
        ("<speak><voice>a</voice></speak>", "line 1, column 8", SSML),
        ("<speak><lang xml:lang='klingonese!'>a</lang></speak>", "line 1, column 8", SSML),
        ("<speak>" + "<p>" * 1000 + "a", "line 1, column 101", SSML),
        (
            "<speak>" + "".join(f"<prosody pitch='+{n / 10}st'>a</prosody>" for n in range(1, 60)),
            "line 1, column",
            SSML,
        ),
        ("<speak>" + "<break time='10s'/>" * 61 + "</speak>", "610 s", "PAUSE_TOO_LONG"),
        ("<speak>" + "a" * 10_001 + "</speak>", "10001", "TEXT_TOO_LONG"),
        ("a" * 1_000_000, "1000000", "TEXT_TOO_LONG"),
    ],
    ids=lambda given: given[:40],
)
def test_what_is_wrong_is_refused_where_it_is(document, place, reason):
    with pytest.raises(InvalidField) as failed:
        ssml.read(document, "ssml")
    assert (failed.value.field, failed.value.reason) == ("ssml", reason)
    assert place in failed.value.sentence
    assert "ssml" in failed.value.sentence


def test_what_is_empty_or_said_twice_is_refused():
    for text, document, reason in [
        ("a", "<speak>b</speak>", "TEXT_AND_SSML"),
        ("", "<speak> <p/></speak>", "TEXT_EMPTY"),
        ("", "<speak>\u200b</speak>", "TEXT_EMPTY"),
    ]:
        with pytest.raises(InvalidField) as failed:
            checked_ssml(text, document)
        assert failed.value.reason == reason
    assert checked_ssml("", "<speak><break/></speak>").directions == (Pause(0.4),)


def test_what_is_not_followed_in_the_subset_is_a_warning():
    document = "<speak><say-as interpret-as='date' format='dmy'>1</say-as></speak>"
    (warning,) = ssml.read(document, "ssml").warnings
    assert "say-as.format" in warning


@pytest.mark.parametrize(
    ("element", "text", "ipa"),
    [
        ("<phoneme alphabet='ipa' ph='dʒˈɪf'>GIF</phoneme>", "GIF", "dʒˈɪf"),
        ("<phoneme ph=' dʒˈɪf '> New\n York </phoneme>", "New York", "dʒˈɪf"),
        ("<phoneme alphabet='x-sampa' ph='dZ\"If'>GIF</phoneme>", "GIF", "dʒˈɪf"),
        ("<phoneme ph='tə'/>", "tə", "tə"),
        ("<phoneme ph='tə'>&lt;a&gt; &amp; b</phoneme>", "<a> & b", "tə"),
        ("<prosody rate='90%'><phoneme ph='tə'>a</phoneme></prosody>", "a", "tə"),
    ],
)
def test_a_stretch_keeps_its_phonemes(element, text, ipa):
    document = f"<speak>We saw {element}, \U000f0000here\U000f0001.</speak>"
    directed = ssml.read(document, "ssml")
    assert directed.given == (GivenPhonemes(text, ipa),)
    assert directed.text.split() == ["We", "saw", *f"{text},".split(), "here."] or "prosody" in element
    diagnostics = Diagnostics()
    again = ssml.read(ssml.subset(document, "ssml", diagnostics), "ssml")
    assert (again.given, again.text.split()) == (directed.given, directed.text.split())
    assert not again.warnings


@pytest.mark.parametrize(
    ("element", "problem"),
    [
        ("<phoneme ph='t1§ə'>a</phoneme>", "1 §"),
        ("<phoneme ph='ˈ'>a</phoneme>", "vowel"),
        ("<phoneme ph=''>a</phoneme>", "vowel"),
        ("<phoneme alphabet='x-sampa' ph='t$'>a</phoneme>", "'$'"),
        ("<phoneme alphabet='x-arpabet' ph='T'>a</phoneme>", "x-arpabet"),
        (f"<phoneme ph='{'ə' * 201}'>a</phoneme>", "200"),
        ("<phoneme ph='tə'>a<break/>b</phoneme>", "nothing but text"),
        ("<phoneme ph='tə'><phoneme ph='tə'>a</phoneme></phoneme>", "nothing but text"),
    ],
)
def test_wrong_phonemes_are_an_error_with_its_place_or_are_named(element, problem):
    document = f"<speak>\nSee {element} b.</speak>"
    with pytest.raises(InvalidField, match=r"line 2, column") as caught:
        ssml.read(document, "ssml")
    assert caught.value.reason == SSML
    assert problem in caught.value.sentence
    diagnostics = Diagnostics()
    assert "See a" in text_of(document, diagnostics)
    assert "phoneme" in str(diagnostics.ignored)


@pytest.mark.parametrize("unit", ["<s>a</s>", "a<break time='1ms'/>", "<sub alias='a'>b</sub>", "a&amp;", "a<!--b-->"])
def test_the_time_is_in_proportion_to_the_length(unit, processor_seconds):
    short, long = f"<speak>{unit * 500}</speak>", f"<speak>{unit * 4000}</speak>"
    assert processor_seconds(lambda: ssml.read(long, "ssml")) < 24 * processor_seconds(lambda: ssml.read(short, "ssml"))


@pytest.mark.parametrize(
    ("document", "text", "dropped"),
    [
        ("<speak>Hello there.</speak>", "Hello there.", []),
        ("<speak><p><s>One.</s><s>Two.</s></p></speak>", "One. Two.", []),
        ("<speak><paragraph>One.</paragraph><sentence>Two.</sentence></speak>", "One. Two.", []),
        ("<speak>One<break time='500ms'/>two</speak>", "One two", []),
        ("<speak>One<break time='20s'/>two</speak>", "One two", ["break.time"]),
        ("<speak><say-as interpret-as='date' format='dmy'>1-2-2020</say-as></speak>", "1-2-2020", ["say-as.format"]),
        (
            "<speak>A <prosody rate='slow' volume='loud'>slow <emphasis>word</emphasis></prosody> here</speak>",
            "A slow word here",
            ["prosody.volume", "emphasis"],
        ),
        ("<speak><phoneme alphabet='ipa' ph='t&#x259;'>tomato</phoneme></speak>", "tomato", []),
        ("<speak><phoneme alphabet='x-arpabet' ph='T'>tomato</phoneme></speak>", "tomato", ["phoneme.alphabet"]),
        ("<speak><audio src='http://a/b'><desc>a bell</desc>ding</audio></speak>", "ding", ["audio", "desc"]),
        ("<speak><mstts:express-as style='sad'>a</mstts:express-as></speak>", "a", ["express-as"]),
        ("<speak><voice name='en-US-Wavenet-D'>a</voice></speak>", "a", ["voice"]),
        ("<speak><lang xml:lang='tlh'>a</lang></speak>", "a", ["lang.xml:lang"]),
        ("<speak><sub alias='one'>x<s>y</s></sub><mark name='m'/>two</speak>", "one two", []),
    ],
)
def test_other_ssml_becomes_the_subset_and_what_is_dropped_is_named(document, text, dropped):
    diagnostics = Diagnostics()
    assert text_of(document, diagnostics) == text
    assert diagnostics.ignored == [f"text.{name}" for name in dropped]
    assert bool(diagnostics.warnings) == bool(dropped)


def test_known_voices_and_languages_are_followed():
    known = ssml.Known(frozenset({"flite/rms"}), frozenset({"de-DE"}))
    document = "<speak><voice name='flite/rms'>a</voice><lang xml:lang='de'>b</lang></speak>"
    directions = ssml.read(ssml.subset(document, "text", Diagnostics(), known), "text").directions
    assert directions == (Passage("a", VoiceOverride(BuiltIn("flite/rms"))), Passage("b", VoiceOverride(language="de")))


@given(
    st.recursive(
        st.sampled_from(
            ["a ", "b &amp; c", "<break time='1s'/>", "<mark name='&quot;'/>", "<phoneme ph='tə'>&lt;d</phoneme>"]
        ),
        lambda inner: st.lists(inner, max_size=3).flatmap(
            lambda parts: st.sampled_from(WRAPPERS).map(lambda form: form.format("".join(parts)))
        ),
        max_leaves=12,
    )
)
def test_what_is_written_is_read_as_it_was(inner):
    directed = ssml.read(f"<speak>{inner}</speak>", "ssml")
    assert ssml.read(ssml.written(directed), "ssml") == directed


@pytest.mark.parametrize("document", ["<speak>Hello", "<speak>Hello <p>there", "<speak><p>Hello <s"])
def test_an_element_that_is_not_closed_is_named(document):
    with pytest.raises(InvalidField, match=r"ssml, line 1, column \d+: .*<(speak|p)> is not closed"):
        ssml.read(document, "ssml")


@given(st.text(alphabet="<>/speakbr ='&;!\"-", max_size=60))
def test_any_text_is_read_or_refused_by_name(text):
    with suppress(InvalidField):
        ssml.read(f"<speak>{text}</speak>", "ssml")
    with suppress(InvalidField):
        text_of(f"<speak>{text}</speak>", Diagnostics())


def test_a_request_has_room_for_both_forms():
    for request in (tts_pb2.SynthesizeRequest, tts_pb2.StreamSynthesizeRequest, tts_pb2.PlaySpeechRequest):
        assert {"text", "ssml"} <= set(request.DESCRIPTOR.fields_by_name)
