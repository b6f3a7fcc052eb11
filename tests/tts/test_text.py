"""Sentences are cut where a reader would pause, however the text comes, and nothing is lost."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_tts.text.sentences import LONGEST_SENTENCE, SentenceFeed, clean, has_something_to_say, sentences

pytestmark = pytest.mark.unit

PIECES = st.sampled_from(
    [
        *("Mr. ", "U.S. ", "p.m.", "No. ", "J. R. ", " The", "word ", "x" * 90, "3.14", "http://a.b/c.d "),
        *(". ", ".", "...", "? ", '!" ', ", ", "(", '"', "。", "」", "，"),
        *("\n", "\r\n", "\n\n", "\u2028", "\t", "\0", "- ", "1. "),
        *("e\u0301", "\u0301", "\u1100", "\u1161", "\u11a8"),
    ]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=40).map("".join)


@pytest.mark.parametrize(
    "expected",
    [
        ["Mr. Smith met Dr. J. R. R. Tolkien, e.g. at 5 p.m.", "The end."],
        ["It costs 3.14 dollars.", "See https://example.com/a.b?c=d.", "Mail bob@example.org.", "OK?"],
        ['He said "Stop."', "Then he left.", "(Really.)", "Yes!"],
        ["She works at Acme Inc.", "The firm is big.", "Acme Inc. Chairman Joe came."],
        ["No. 5 is alive.", "I said no.", "Then I left."],
        ["I live in the U.S.", "He likes the U.S. Army."],
        ["So... maybe.", "Well...", "And so . . . what?"],
        ['"Really?" he said.', "What?", "no way!"],
        ["1. Open the door.", "2. Close it."],
        ["Am 1. Mai wurde der 2. Platz neu gebaut.", "Er ist 42.", "Das kostet 3 Mio. Euro, Abs. 2, Tel.-Nr. 0800."],
        ["Im 19. Jahrhundert war es anders.", "Es waren 12.", "Dann kam die 2. Mannschaft, Tel. +49 30 1234567."],
        ["I am 42.", "Then I was in the 3.", "Take 2."],
        ["Spreek dhr. Jansen, bijv. om kl. 14.30.", "Tot dan."],
        ["Vive en EE. UU. desde 2020.", "Es así."],
        ["Это напр. Москва, стр. 5.", "Да."],
        ["¿Qué tal?", "¡Bien!"],
        ["आप कैसे हैं?", "मैं ठीक हूँ।"],
    ],
    ids=lambda expected: expected[0][:16],
)
def test_sentences_end_where_a_reader_would_pause(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


def test_chinese_and_japanese_need_no_spaces() -> None:
    assert sentences("你好。世界！今天好吗？！很好。") == ["你好。", "世界！", "今天好吗？！", "很好。"]
    assert sentences("「はい。」彼は言った。") == ["「はい。」", "彼は言った。"]
    assert sentences("How are you?我很好。Yes!はい。v1.2版") == ["How are you?", "我很好。", "Yes!", "はい。", "v1.2版"]


def test_an_empty_line_and_a_list_end_sentences_and_a_hard_wrap_does_not() -> None:
    wrapped = "The sea was calm, and no ship had been seen from the tower since\nthe storm of the first week:"
    assert sentences(f"A title\r\n\r\n{wrapped}\n- one\n- two") == [
        "A title",
        wrapped.replace("\n", " "),
        "- one",
        "- two",
    ]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Apples\nBananas\nOranges", ["Apples", "Bananas", "Oranges"]),
        (
            "the woods are lovely, dark and deep\nbut I have promises to keep",
            ["the woods are lovely, dark and deep", "but I have promises to keep"],
        ),
        ("One.\r\ntwo\rthree\u2028four", ["One.", "two", "three", "four"]),
        ("Dr.\nSmith", ["Dr.", "Smith"]),
    ],
)
def test_a_line_break_ends_a_sentence(text: str, cut: list[str]) -> None:
    assert sentences(text) == cut


@pytest.mark.parametrize(
    "hidden",
    ["\u00ad", "\u200b", "\u2060", "\ufeff", "\u200e", "\u202e", "\u2066", "\u200d", "\u034f", "\ufe0f", "\U000e0061"],
)
def test_what_is_invisible_splits_no_word(hidden: str) -> None:
    assert sentences(f"wor{hidden}ld, {hidden}two") == ["world, two"]
    feed = SentenceFeed()
    assert [sentence for piece in ("wor", hidden, "ld") for sentence in feed.push(piece)] + feed.finish() == ["world"]


def test_what_shapes_a_script_stays() -> None:
    assert sentences("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645") == [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    ]


def test_runs_of_marks_are_bounded() -> None:
    [one] = sentences("e" + "\u0301" * 9_999)
    assert len(one) <= 9


def test_a_long_sentence_is_cut_at_its_commas_then_at_spaces_then_anywhere() -> None:
    assert all(len(s) <= LONGEST_SENTENCE and s.endswith(",") for s in sentences("word, " * 300))
    assert all(set(s.split()) == {"word"} for s in sentences("word " * 300))
    assert list(map(len, sentences("a" * 1000))) == [400, 400, 200]


def test_a_feed_reports_a_sentence_as_soon_as_it_is_complete() -> None:
    feed = SentenceFeed()
    reported = [feed.push(piece) for piece in ("Hello", " there", ". How", " are you at 5 p.m", ". then", "? ")]
    assert reported == [[], [], ["Hello there."], [], [], []]
    assert feed.finish() == ["How are you at 5 p.m. then?"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Well, the truth of it is, we never knew. So, as they said, no.",
            ["Well, the truth of it is,", "we never knew.", "So, as they said, no."],
        ),
        ("It costs 1,000 or at 12:30 more, I think.", ["It costs 1,000 or at 12:30 more,", "I think."]),
        ("No. But, as the captain said, go.", ["No.", "But, as the captain said, go."]),
        ("Said at 5 p.m. yesterday, he said.", ["Said at 5 p.m. yesterday,", "he said."]),
        ("我们今天早上去了那里，然后回来。", ["我们今天早上去了那里，", "然后回来。"]),
        ("Yes, I do.", ["Yes, I do."]),
    ],
)
def test_an_eager_feed_begins_with_a_clause(text: str, expected: list[str]) -> None:
    feed = SentenceFeed(eager=True)
    assert feed.push(text) + feed.finish() == expected


def test_an_eager_feed_need_not_see_the_end_of_a_sentence() -> None:
    feed = SentenceFeed(eager=True)
    reported = [
        feed.push(piece)
        for piece in ("The truth", " of it is,", " we", " never knew. An", "d, as everybody knows,", " nobody")
    ]
    assert reported == [[], [], ["The truth of it is,"], ["we never knew."], [], []]


@pytest.mark.parametrize("eager", [False, True])
@given(text=TEXTS, data=st.data())
def test_any_pieces_give_the_same_sentences(eager: bool, text: str, data: st.DataObject) -> None:
    whole = SentenceFeed(eager=eager)
    feed, got, rest = SentenceFeed(eager=eager), list[str](), text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        got += feed.push(rest[:size])
        rest = rest[size:]
    assert got + feed.finish() == whole.push(text) + whole.finish()


@given(text=TEXTS)
def test_nothing_is_lost_but_space(text: str) -> None:
    cut = sentences(text)
    assert "".join("".join(cut).split()) == "".join(clean(text).split())
    assert all(0 < len(sentence) <= LONGEST_SENTENCE for sentence in cut)


@given(text=TEXTS)
def test_clean_text_has_no_controls_and_is_composed(text: str) -> None:
    cleaned = clean(text)
    assert not [c for c in cleaned if unicodedata.category(c) == "Cc" and c != "\n"]
    assert unicodedata.is_normalized("NFC", cleaned)
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "expected"), [("", False), ("?! …", False), ("😀", False), ("½ 7", True), ("дом", True), ("語", True)]
)
def test_something_to_say_is_a_letter_or_digit_of_any_script(text: str, expected: bool) -> None:
    assert has_something_to_say(text) is expected
