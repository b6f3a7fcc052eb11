"""What is written becomes what is said, by language; nothing that has a sound is lost, and no text takes long."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_tts.normalization.language import CODES, language
from voicebox_tts.normalization.preparation import Preparation

ENGLISH = {
    "Dr. Smith is here.": "Doctor Smith is here.",
    "Mr. Jones, Mrs. Brown and Ms. Lee": "Mister Jones, Missus Brown and Miz Lee",
    "Prof. Lee met Gen. Grant and Sgt. Pepper.": "Professor Lee met General Grant and Sergeant Pepper.",
    "He lives on Elm St. near St. Paul's.": "He lives on Elm Street near Saint Paul's.",
    "Turn into 12 Oak Dr. now": "Turn into 12 Oak Drive now",
    "Fruit, e.g. apples, i.e. food, etc.": "Fruit, for example apples, that is food, et cetera.",
    "No. 5, Vol. 2, p. 7 and pp. 8": "number 5, volume 2, page 7 and pages 8",
    "I said no. Then I left.": "I said no. Then I left.",
    "at 5 a.m. or 6:30pm": "at 5 A M or 6:30 P M",
    "See you at 5 p.m.": "See you at 5 P M.",
    "J. R. R. Tolkien of the U.S. and the U.K.": "J R R Tolkien of the U S and the U K.",
    "−5 and 7 − 2": "minus 5 and 7 minus 2",
    "-5 °C, 20°F and 90°": "minus 5 degrees Celsius, 20 degrees Fahrenheit and 90 degrees",
    "20℃": "20 degrees Celsius",
    "5 µg of it": "5 micrograms of it",
    "5 μg of it": "5 micrograms of it",
    "1 kg, 2 kg and 3.5 km": "1 kilogram, 2 kilograms and 3.5 kilometers",
    "60 km/h, 3 m², 9.8 m/s²": "60 kilometers per hour, 3 square meters, 9.8 meters per square second",
    "5 min. later": "5 minutes later",
    "20% and 5‰": "20 percent and 5 per mille",
    "€20, 20 €, 20€": "20 euros, 20 euros, 20 euros",
    "$1.50, £1, ¥500, $0.99": "1 dollar and 50 cents, 1 pound, 500 yen, 99 cents",
    "$3.5 million, £2bn, €5m": "3.5 million dollars, 2 billion pounds, 5 million euros",
    "-$5": "minus 5 dollars",
    "3×4, 3x4, ±5, 6 ÷ 2 = 3": "3 times 4, 3 by 4, plus or minus 5, 6 divided by 2 equals 3",
    "x² + y³": "x squared plus y cubed",
    "10⁻³ and 2^8": "10 to the power of minus 3 and 2 to the power of 8",
    "H₂O": "H 2 O",
    "½, 2½, 3/4, 1 1/2": "one half, 2 and one half, three quarters, 1 and one half",
    "5–6": "5 to 6",
    "2026-11-30": "November 30, 2026",
    "1.2.3": "1 point 2 point 3",
    "ＡＢＣ １２３": "ABC 123",
    "ﬁne ﬂour, 𝐛𝐨𝐥𝐝, ①": "fine flour, bold, 1",
    "**Bold**, *it*, __b__, _i_, `code`, ~~no~~": "Bold, it, b, i, code, no",
    "# Title": "Title",
    "> quoted": "quoted",
    "- [x] done": "done",
    "[a link](https://example.com/x) ![alt](y.png)": "a link alt",
    "***": "",
    "| a | b |": "a, b",
    "<b>so</b> &amp; so": "so and so",
    "See https://www.example.com/a_b?c=1.": "See example dot com slash a underscore b question mark c equals 1.",
    "Mail bob.lee@example.co.uk!": "Mail bob dot lee at example dot co dot uk!",
    "node.js, main.py": "node dot js, main dot py",
    "AT&T, C#, #1, @bob": "AT and T, C sharp, number 1, at bob",
    "a <= b != c": "a is at most b is not equal to c",
    "2 * 3": "2 times 3",
    "snake_case": "snake case",
    "the 1980s and the 20s": "the 1980s and the 20s",
    "A$5, CA$2.50 and 50¢": "5 Australian dollars, 2.50 Canadian dollars and 50 cents",
    "5\u201110 and 12 ㎡, № 5": "5-10 and 12 square meters, number 5",
    "5 ft. 3 in. tall": "5 feet 3 inches tall",
    "dr. smith and mr. jones": "Doctor smith and Mister jones",
    "tea w/ milk, a.k.a. white": "tea with milk, also known as white",
    "6'2\" tall": "6 feet 2 inches tall",
    "© 2020 ™ §5": "copyright 2020 trademark section 5",
}  # fmt: skip

OTHERS = [
    (
        "de",
        "z. B. 20 %, −5 °C, 20 €, Dr. Müller, Nr. 5",
        "zum Beispiel 20 Prozent, minus 5 Grad Celsius, 20 Euro, Doktor Müller, Nummer 5",
    ),
    ("de-AT", "3×4 = 12, 5 µg", "3 mal 4 gleich 12, 5 Mikrogramm"),
    ("fr", "M. Dupont, 20 €, 1 kg et 2 kg", "Monsieur Dupont, 20 euros, 1 kilogramme et 2 kilogrammes"),
    ("es", "la Sra. López, 5 km/h", "la señora López, 5 kilómetros por hora"),
    ("it", "il dott. Rossi, 20%", "il dottor Rossi, 20 per cento"),
    ("pt-BR", "o Dr. Silva, ½", "o doutor Silva, um meio"),
    ("ja", "ＡＢＣ **５** kg", "ABC 5 kg"),
]


@pytest.mark.parametrize(("written", "said"), ENGLISH.items())
def test_english(written: str, said: str) -> None:
    assert Preparation("en-US").prepare(written) == said


@pytest.mark.parametrize(("tag", "written", "said"), OTHERS)
def test_other_languages(tag: str, written: str, said: str) -> None:
    assert Preparation(tag).prepare(written) == said


@pytest.mark.parametrize("hidden", ["\u00ad", "\u200b", "\u2060", "\ufeff", "\u200e", "\u202e", "\u2066"])
def test_invisible_characters_split_no_word(hidden: str) -> None:
    for reads_itself in (True, False):
        assert Preparation("en", reads_itself).prepare(f"wor{hidden}ld") == "world"


def test_an_engine_that_reads_by_itself_keeps_its_numbers_and_abbreviations() -> None:
    given = "Dr. Smith paid **$5** for ５ ﬁgs at 20 °C."
    assert Preparation("en", reads_itself=True).prepare(given) == "Dr. Smith paid $5 for 5 figs at 20 degrees C."


def test_a_long_address_is_told_in_part_and_that_is_said() -> None:
    preparation = Preparation("en")
    assert preparation.prepare(f"Go to https://example.com/{'x' * 100}.") == "Go to example dot com."
    assert len(preparation.warnings) == 1


def test_every_language_knows_the_same_signs() -> None:
    common = set(language("de").signs)
    for code in CODES:
        assert common <= language(code).signs.keys() | {"%", "°"}, code
        assert language(code).abbreviations


PIECES = st.sampled_from(
    [
        *"$€£%°±×½²³−–-*_#~`|\\/^&@<>[](){}.,;:!?'\" \u00a0\u2060",
        "Dr. ",
        "St. ",
        "e.g.",
        "5",
        "10.5",
        "km",
        "a",
        "Elm",
        "www.",
        ".com",
        "http://",
        "x²",
        "μg",
    ]
)


@given(st.lists(PIECES, max_size=60).map("".join) | st.text(max_size=300), st.sampled_from(["en", "de", "ja"]))
def test_any_text_can_be_prepared_and_letters_stay(text: str, tag: str) -> None:
    """Words may be added; a letter of the text itself is lost only with an address, a tag, a link's target or an
    abbreviation.
    """
    said = Preparation(tag).prepare(text)
    assert said == " ".join(said.split())
    if re.fullmatch(r"[^\W\d_ ]{0,1}(?:[^\W\d_]| (?! ))*", text) and text.isascii() and text.strip():
        assert said.replace(" ", "").lower() == text.replace(" ", "").lower() or re.search(
            r"\b[a-z]{1,4}\b", text, re.IGNORECASE
        )


ADVERSE = [
    ".",
    "7",
    "A.",
    "a@",
    "a/",
    "[",
    "[a](",
    "*",
    "_",
    "<b ",
    "1/2 ",
    "x²",
    "-",
    "$",
    "Elm ",
    "#",
    "|",
    "1,",
    "\u0301",
    "http://",
    "a.",
    "Dr. ",
    "e\u0301",
    "(",
    "`",
    "~",
    "&",
    "5 ",
    "1 000",
]


@pytest.mark.parametrize("unit", ADVERSE)
def test_no_sentence_takes_long(unit: str, processor_seconds) -> None:
    """Twice the text takes at most about twice the time: sixteen times the text, not 256 times."""
    preparation = Preparation("en")
    short, long = unit * (400 // len(unit)), unit * (6_400 // len(unit))
    preparation.prepare(short)
    assert processor_seconds(lambda: preparation.prepare(long)) < 100 * max(
        processor_seconds(lambda: preparation.prepare(short)), 1e-3
    )
