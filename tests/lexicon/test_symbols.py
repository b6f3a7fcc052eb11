"""Symbols of phonemes, and written forms that are found in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_lexicon import ipa, xsampa
from voicebox_lexicon.matching import Match, WrittenForms, is_border

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("sampa", "phonemes"),
    [
        ('p@"teItoU', "pəˈteɪtoʊ"),
        ('"dZVdZ.m@nt', "ˈdʒʌdʒ.mənt"),
        ("b{t", "bæt"),
        ("3:", "ɜː"),
        ("r\\`r\\r`", "ɻɹɽ"),
        ("t_h_w", "tʰʷ"),
        ("O~", "ɔ\u0303"),
        ("n=", "n\u0329"),
        ("N\\ N", "ɴ ŋ"),
        ("d_<d", "ɗd"),
        ("h\\", "ɦ"),
        ("C|J", "ç|ɲ"),
    ],
)
def test_x_sampa_is_written_in_ipa(sampa, phonemes):
    assert xsampa.to_ipa(sampa) == phonemes


@pytest.mark.parametrize(("sampa", "symbol"), [("a$b", "$"), ("ə", "ə"), ("t_", "_"), ("a(b)", "(")])
def test_what_is_no_x_sampa_is_named(sampa, symbol):
    with pytest.raises(xsampa.NotXSampa) as caught:
        xsampa.to_ipa(sampa)
    assert caught.value.symbol == symbol


def test_every_symbol_of_x_sampa_is_ipa():
    for symbol, phoneme in xsampa.SYMBOLS.items():
        assert not ipa.unknown(ipa.normalized(phoneme)), symbol


@given(st.text(max_size=30))
def test_any_text_is_x_sampa_or_not(text):
    try:
        assert not ipa.unknown(ipa.normalized(xsampa.to_ipa(text)))
    except xsampa.NotXSampa as error:
        assert error.symbol in text  # noqa: PT017


@pytest.mark.parametrize(("typed", "phonemes"), [("go:'", "ɡoːˈ"), (" a  b ", "a b"), ("ɔ̃", "ɔ\u0303"), ("ç", "ç")])
def test_what_is_typed_in_place_of_a_symbol_is_replaced(typed, phonemes):
    assert ipa.normalized(typed) == phonemes
    assert not ipa.unknown(phonemes)


def test_what_is_no_ipa_is_named():
    assert ipa.unknown("t1ə§1") == "1§"
    assert ipa.has_sound("tə")
    assert not ipa.has_sound("ˈː .")


FORMS = ["York", "New York", "New York City", "C++", "straße", "東京", "แมว", "x"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("new york city, New York, york", ["New York City", "New York", "York"]),
        ("Yorkshire and Newyork, New Yorkers", []),
        ("C++ (c++) c+++", ["C++", "C++", "C++"]),
        ("STRAßE straße", ["straße", "straße"]),
        ("私は東京都に", ["東京"]),
        ("แมวดำ", ["แมว"]),
        ("x x2 2x x-x x̃", ["x", "x", "x"]),
        ("", []),
    ],
)
def test_written_forms_are_found_between_the_borders_of_words(text, found):
    forms = WrittenForms(FORMS, case_sensitive=False)
    assert [FORMS[match.index] for match in forms.found(text)] == found


def test_capital_letters_may_matter():
    forms = WrittenForms(["US", "us"], case_sensitive=True)
    assert list(forms.found("us US Us")) == [Match(0, 2, 1), Match(3, 5, 0)]
    assert [match.index for match in WrittenForms(["US", "us"], case_sensitive=False).found("us US")] == [0, 0]


@given(st.lists(st.text(min_size=1, max_size=8), max_size=8), st.text(max_size=60), st.booleans())
def test_what_is_found_stands_there(forms, text, case_sensitive):
    found = WrittenForms(forms, case_sensitive=case_sensitive)
    end = 0
    for match in found.found(text):
        assert end <= match.begin < match.end
        assert is_border(text, match.begin)
        assert is_border(text, match.end)
        assert found.key(text[match.begin : match.end]) == found.key(forms[match.index])
        end = match.end
