"""What texts are found by."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_kit.errors import InvalidField
from voicebox_sql.search import MAX_BYTES, MAX_TERMS, is_word, relevance_class, scope_token, terms_of, tokens_of

pytestmark = pytest.mark.unit

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


def words_of(text):
    return [token for token in tokens_of(text) if is_word(token)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The quick, brown fox", ["the", "quick", "brown", "fox"]),
        ("well-known 21.5", ["well", "known", "well·known", "21", "5", "21·5"]),
        ("Café STRASSE Straße ﬁ", ["cafe", "strasse", "fi"]),
        ("ΟΔΟΣ οδός", ["οδοσ"]),
        ("天気", ["天", "気", "天·気"]),
        ("हिन्दी", ["हिन्दी"]),
        ("co\u00adoperate İ", ["cooperate", "i"]),
        ("!? …", []),
        ("Łódź Øresund đẹp straße", ["lodz", "oresund", "dep", "strasse"]),
        ("Æsir œuvre Þór ISPARTA ısparta", ["aesir", "oeuvre", "thor", "isparta"]),
        ("ғылым", ["гылым"]),
        ("party🎉 👍🏽 ❤\ufe0f €", ["party", "🎉", "party·🎉", "👍", "❤", "€"]),
        ("co\u200boperate Ver\u2060ein", ["cooperate", "verein"]),
        ("x" * 100, ["x" * 64]),
    ],
)
def test_tokens(text, tokens):
    assert words_of(text) == tokens


@given(TEXT)
def test_a_text_is_found_by_itself_and_by_each_of_its_words(text):
    tokens = set(words_of(text))
    for part in (text, *text.split(), text.upper().lower()):
        try:
            terms = terms_of(part)
        except InvalidField:
            continue
        if part is not text and unicodedata.normalize("NFKD", part) not in unicodedata.normalize("NFKD", text):
            continue
        assert tokens.issuperset(terms)


@given(TEXT)
def test_a_token_is_a_word_to_both_databases(text):
    for token in tokens_of(text):
        assert token
        assert not set(token) & set(" \t\n\"'\\\0")
        assert len(token.encode()) < 2046
        assert all(character.isalnum() or ord(character) >= 0x80 for character in token)


def test_no_word_is_a_token_of_ours():
    mine = scope_token("owner", "local")
    assert not is_word(mine)
    assert mine not in words_of(f"{mine} §1 {mine[1:]}")


def test_parts_of_a_scope_are_distinguished():
    assert (
        len(
            {
                scope_token("labels", "a", "b"),
                scope_token("labels", "ab", ""),
                scope_token("labels", "", "ab"),
                scope_token("labelsa", "b"),
            }
        )
        == 4
    )


def test_a_long_text_is_indexed_as_far_as_a_database_holds_it():
    text = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(200_000))
    assert sum(len(token.encode()) for token in tokens_of(text)) <= MAX_BYTES + 20


def test_too_many_words_are_refused():
    assert len(terms_of("a " * MAX_TERMS)) == MAX_TERMS
    for search in ("a " * (MAX_TERMS + 1), "天" * (MAX_TERMS + 2), "a" * 501, "a\0"):
        with pytest.raises(InvalidField) as caught:
            terms_of(search)
        assert caught.value.field == "search"


def test_relevance_is_the_share_of_the_text_in_steps_of_two():
    assert [relevance_class("a " * count) for count in (0, 1, 2, 3, 4, 7, 8, 100_000)] == [1, 1, 2, 2, 3, 3, 4, 13]


@pytest.mark.parametrize("search", ["...", "?!", " - ", "\u200b", "—", "\u00ad\u00ad", "()", "+"])
def test_a_search_for_nothing_that_is_indexed_is_refused(search):
    with pytest.raises(InvalidField) as error:
        terms_of(search)
    assert error.value.reason == "SEARCH_EMPTY"


@pytest.mark.parametrize("search", ["", " ", "\t\n"])
def test_a_blank_search_is_none(search):
    assert terms_of(search) == ()
