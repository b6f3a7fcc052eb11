"""What is written becomes what is said, by language; nothing that has a sound is lost, and no text takes long."""

import re
from collections.abc import Iterator
from pathlib import Path

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
    "5\u201110 and 12 ㎡, № 5": "5 to 10 and 12 square meters, number 5",
    "5 ft. 3 in. tall": "5 feet 3 inches tall",
    "dr. smith and mr. jones": "Doctor smith and Mister jones",
    "tea w/ milk, a.k.a. white": "tea with milk, also known as white",
    "6'2\" tall": "6 feet 2 inches tall",
    "© 2020 ™ §5": "copyright 2020 trademark section 5",
}  # fmt: skip

KINDS = {
    "5 000 people, 12 345 678 and 1 000 000": "5000 people, 12345678 and 1000000",
    "5\u2009000, 5\u202f000 and 7\u00a0250": "5000, 5000 and 7250",
    "rooms 101 102 and 103": "rooms 101 102 and 103",
    "9-5, pages 3-7, 1990-2000": "9 to 5, pages 3 to 7, 1990 to 2000",
    "$5-10, €1.50-€2.50 and 5-10 kg": "5 to 10 dollars, 1.50 to 2 euros and 50 cents and 5 to 10 kilograms",
    "$5-10 million": "5 to 10 million dollars",
    "10:00-11:30 or 9am-5pm": "10 o'clock to 11:30 or 9 A M to 5 P M",
    "10%-20%, 5 °C-10 °C": "10 percent to 20 percent, 5 degrees Celsius to 10 degrees Celsius",
    "10%-20%, 3 km-5 km": "10 percent to 20 percent, 3 kilometers to 5 kilometers",
    "$-5, -$5 and $ -5": "minus 5 dollars, minus 5 dollars and minus 5 dollars",
    "3-2=1 and 10 - 3": "3 minus 2 equals 1 and 10 minus 3",
    "COVID-19, F-16, a 5-year-old, 12-34-56": "COVID-19, F-16, a 5-year-old, 12-34-56",
    "open 24/7, 3/4, 7/12 and 99/100": "open 24 7, three quarters, 7 over 12 and 99 over 100",
    "2026-11-30, 2026/11/30 and 30.11.2026": "November 30, 2026, November 30, 2026 and November 30, 2026",
    "11/30/2026": "November 30, 2026",
    "at 2026-11-30T10:15": "at November 30, 2026 10:15",
    "100 Mbit/s, 56 kbit/s": "100 megabits per second, 56 kilobits per second",
    "300 bps, 5 GB/s": "300 bits per second, 5 gigabytes per second",
    "1 tbsp, 2 tbsp. sugar, 3 tsp": "1 tablespoon, 2 tablespoons sugar, 3 teaspoons",
    "5㎏, 3㎞, 100 km/h, 20 kWh": "5 kilograms, 3 kilometers, 100 kilometers per hour, 20 kilowatt hours",
    "5 l/100 km": "5 liters per 100 kilometers",
    "6″, 6′, 5′10″ and 5'10\"": "6 inches, 6 feet, 5 feet 10 inches and 5 feet 10 inches",
    "a 6\" pipe": "a 6 inches pipe",
    "48°51′24″ N": "48 degrees 51 minutes 24 seconds N",
    "call +1 (555) 123-4567": "call plus 1, 5 5 5, 1 2 3, 4 5 6 7",
    "555-123-4567 or (555) 123-4567": "5 5 5, 1 2 3, 4 5 6 7 or 5 5 5, 1 2 3, 4 5 6 7",
    "030 1234567 and +49 30 1234567": "0 3 0, 1 2 3 4 5 6 7 and plus 4 9, 3 0, 1 2 3 4 5 6 7",
    "&#65;&#x42;C, caf&eacute; &amp; bar, wor&shy;ld": "ABC, café and bar, world",
    "a note[^1], another.[^long-name]": "a note, another.",
    "[^1]: The note": "The note",
    "1. one": "1, one",
    "2) two": "2, two",
    "(a) apples": "a, apples",
    "one<br>two, <span class=\"x\">three</span>": "one, two, three",
    "<td>a</td><td>b</td>": "a, b",
    "<my-tag x=1>so</my-tag>": "so",
    "a<b and c>d": "a is less than b and c is greater than d",
}  # fmt: skip
"""Several of each kind."""

RANGES = [("en", "5 to 10"), ("de", "5 bis 10"), ("fr", "5 à 10"), ("es", "5 a 10"), ("it", "5 a 10"), ("pt", "5 a 10")]
DATES = [
    ("en-GB", "March 4, 20 26"),
    ("de", "4. März 2026"),
    ("fr", "4 mars 2026"),
    ("es", "4 de marzo de 2026"),
    ("it", "4 marzo 2026"),
    ("pt", "4 de março de 2026"),
]
RATES = [
    ("de", "5 Megabit pro Sekunde, 20 Kilowattstunden, 3 Esslöffel"),
    ("fr", "5 mégabits par seconde, 20 kilowattheures, 3 cuillères à soupe"),
    ("es", "5 megabits por segundo, 20 kilovatios hora, 3 cucharadas"),
    ("it", "5 megabit al secondo, 20 chilowattora, 3 cucchiai"),
    ("pt", "5 megabits por segundo, 20 quilowatts-hora, 3 colheres de sopa"),
]

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


TABLES = Path(__file__).parents[1] / "data" / "normalization"


def rows() -> Iterator[tuple[str, str, str]]:
    """The language, what is written and what is said, of the table of each language."""
    for path in sorted(TABLES.glob("*.tsv")):
        for line in path.read_text("utf-8").splitlines()[1:]:
            yield path.stem, *line.split("\t")


@pytest.mark.parametrize(("tag", "written", "spoken"), list(rows()))
def test_tables(tag: str, written: str, spoken: str) -> None:
    assert Preparation(tag).prepare(written) == spoken


def test_every_language_has_a_table() -> None:
    assert {path.stem for path in TABLES.glob("*.tsv")} == CODES


@pytest.mark.parametrize("written", ["<speak>Hello</speak>", "<speak>Hello", "Hello <break time='1s'/>"])
def test_tags_of_ssml_in_a_plain_text_are_left_out_with_a_warning(written: str) -> None:
    for reads_itself in (True, False):
        preparation = Preparation("en", reads_itself)
        assert preparation.prepare(written) == "Hello"
        assert "SSML" in preparation.warnings[0]


@pytest.mark.parametrize(
    ("tag", "spoken"),
    [("en", "Hi party popper, grinning face"), ("nl", "Hi 🎉🎉😀"), ("ja", "Hi クラッカー, にっこり笑う")],
)
def test_a_run_of_the_same_emoji_is_named_once_in_languages_that_have_names(tag: str, spoken: str) -> None:
    assert Preparation(tag).prepare("Hi 🎉🎉😀") == spoken
    assert Preparation(tag, reads_itself=True).prepare("Hi 🎉🎉😀") == spoken


@pytest.mark.parametrize(("written", "spoken"), ENGLISH.items())
def test_english(written: str, spoken: str) -> None:
    assert Preparation("en-US").prepare(written) == spoken


@pytest.mark.parametrize(("written", "spoken"), KINDS.items())
def test_numbers_of_several_parts_and_pages(written: str, spoken: str) -> None:
    assert Preparation("en").prepare(written) == spoken


@pytest.mark.parametrize(("tag", "spoken"), RANGES)
def test_ranges_in_every_language(tag: str, spoken: str) -> None:
    assert Preparation(tag).prepare("5-10") == spoken
    assert Preparation(tag).prepare("5-10 km").startswith(spoken)
    assert Preparation(tag).prepare("€5-10").startswith(spoken)


@pytest.mark.parametrize(("tag", "spoken"), DATES)
def test_dates_in_every_language(tag: str, spoken: str) -> None:
    assert {Preparation(tag).prepare(written) for written in ("2026-03-04", "4/3/2026", "04.03.2026")} == {spoken}


@pytest.mark.parametrize(("tag", "spoken"), RATES)
def test_units_in_every_language(tag: str, spoken: str) -> None:
    assert Preparation(tag).prepare("5 Mbit/s, 20 kWh, 3 tbsp") == spoken


@pytest.mark.parametrize("tag", sorted(CODES))
@pytest.mark.parametrize(
    "written", ["5 000", "030 1234567", "6″", "&#65;", "x[^1]", "24/7", "5/6", "<i>x</i>", "5′ 10″", "12 345 678"]
)
def test_no_sign_of_a_number_is_left_in_any_language(tag: str, written: str) -> None:
    spoken = Preparation(tag).prepare(written)
    assert re.fullmatch(r"[\w ,]+", spoken)
    assert re.search(r"\d{3} \d{3}", spoken) is None


@pytest.mark.parametrize("sign", "♥∞°→←↑↓§¶±×÷=≠≈≤≥<√∑&@%‰©®™№★☆✓+−")
@pytest.mark.parametrize("tag", sorted(CODES))
def test_a_sign_that_stands_alone_has_a_word(tag: str, sign: str) -> None:
    assert re.search(r"\w", Preparation(tag).prepare(sign))


@pytest.mark.parametrize(
    ("lines", "spoken", "name"),
    [
        (["Hi <script>let a = 1;", "b < c", "</script> you"], ["Hi", "", "you"], "script"),
        (["<style>p {", "x }</style>"], ["", ""], "style"),
        (["a <!-- b", "c --> d"], ["a", "d"], "comment"),
    ],
)
def test_what_a_page_hides_is_not_read_over_several_sentences_and_that_is_reported(
    lines: list[str], spoken: list[str], name: str
) -> None:
    preparation = Preparation("en")
    assert [preparation.prepare(line) for line in lines] == spoken
    assert [name in warning for warning in preparation.warnings] == [True]


@pytest.mark.parametrize(("tag", "written", "spoken"), OTHERS)
def test_other_languages(tag: str, written: str, spoken: str) -> None:
    assert Preparation(tag).prepare(written) == spoken


@pytest.mark.parametrize("hidden", ["\u00ad", "\u200b", "\u2060", "\ufeff", "\u200e", "\u202e", "\u2066"])
def test_invisible_characters_split_no_word(hidden: str) -> None:
    for reads_itself in (True, False):
        assert Preparation("en", reads_itself).prepare(f"wor{hidden}ld") == "world"


def test_an_engine_that_reads_by_itself_keeps_its_numbers_and_abbreviations() -> None:
    given = "Dr. Smith paid **$5** for ５ ﬁgs at 20 °C."
    assert Preparation("en", reads_itself=True).prepare(given) == "Dr. Smith paid $5 for 5 figs at 20 degrees C."


def test_a_long_address_is_reported_in_part_and_that_is_reported() -> None:
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
    spoken = Preparation(tag).prepare(text)
    assert spoken == " ".join(spoken.split())
    if re.fullmatch(r"[^\W\d_ ]{0,1}(?:[^\W\d_]| (?! ))*", text) and text.isascii() and text.strip():
        assert spoken.replace(" ", "").lower() == text.replace(" ", "").lower() or re.search(
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
