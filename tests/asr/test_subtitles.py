"""Subtitles that any player reads: each limit holds, whatever was said."""

import io
import random
from itertools import pairwise

import pytest
import webvtt
from voicebox_asr.documents import writers
from voicebox_asr.documents.subtitles import Cue, Layout, cues
from voicebox_asr.engine import Hypothesis, Word
from voicebox_asr.results import word_boundaries
from voicebox_asr.results.utterance import Utterance
from voicebox_asr.results.warnings import RecognitionWarning, WarningReason

pytestmark = pytest.mark.unit

ENGLISH = (
    "Printing, in the only sense with which we are at present concerned, differs from most if not from all the arts "
    "and crafts represented in the Exhibition. In being comparatively modern. For although the Chinese took "
    "impressions from wood blocks."
)
JAPANESE = "これは日本語の字幕です。長い文は、単語の間に空白がなくても、行に分けられます。句読点は行の頭に来ません。"
ARABIC = "هذا نص عربي طويل، يكتب من اليمين إلى اليسار، ويجب أن يبقى كما هو في الترجمة."
THAI = "สวัสดีครับวันนี้อากาศดีมากเราไปเดินเล่นกันที่สวนสาธารณะดีไหม"
ENDLESS = "Donau" * 60
LAYOUTS = [
    Layout(),
    Layout(max_line_length=10, max_line_count=1),
    Layout(max_line_length=30),
    Layout(max_words_per_cue=1),
    Layout(max_words_per_cue=3, max_cue_seconds=0.5),
    Layout(max_line_length=200, max_line_count=10, max_cue_seconds=60.0),
]


def utterance(
    text: str, start: float = 0.0, end: float = 20.0, *, timed: bool = True, speaker: str = "", channel: int = 0
) -> Utterance:
    pieces = text.split() if timed else []
    step = (end - start) / max(1, len(pieces))
    words = tuple(Word(word, start + at * step, start + (at + 1) * step, 0.9) for at, word in enumerate(pieces))
    return Utterance(0, Hypothesis(text, 0.9, words, "en"), start, end, channel, speaker)


def shown(cue: Cue) -> list[str]:
    return [
        "".join(word.text if at == 0 else word.space + word.text for at, word in enumerate(line)) for line in cue.lines
    ]


def written(found: tuple[Cue, ...]) -> str:
    return "".join("".join(shown(cue)) for cue in found).replace(" ", "")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("text", [ENGLISH, JAPANESE, ARABIC, THAI, ENDLESS, "a", "x " * 400, "é" * 90, "👩‍👩‍👧 ok"])
@pytest.mark.parametrize("timed", [True, False])
def test_every_limit_holds_and_no_character_is_lost(layout: Layout, text: str, timed: bool) -> None:
    found = cues([utterance(text, timed=timed)], layout)
    assert written(found) == "".join(text.split())
    for cue in found:
        assert 1 <= len(cue.lines) <= layout.max_line_count
        assert all(word_boundaries.width(line) <= layout.max_line_length for line in shown(cue))
        assert 0 < cue.end_ms - cue.start_ms <= 1000 * layout.max_cue_seconds
        if layout.max_words_per_cue:
            assert sum(map(len, cue.lines)) <= layout.max_words_per_cue
    assert all(before.end_ms < after.start_ms for before, after in pairwise(found))


def test_words_are_shown_when_they_are_reported() -> None:
    for cue in cues([utterance(ENGLISH)], Layout()):
        first, last = cue.lines[0][0], cue.lines[-1][-1]
        assert cue.start_ms == first.start_ms
        assert last.end_ms - 100 <= cue.end_ms <= max(last.end_ms, cue.start_ms + 1000)


def test_a_cue_ends_where_a_sentence_does_and_its_lines_are_even() -> None:
    found = cues([utterance(ENGLISH)], Layout())
    assert any(shown(cue)[-1].endswith("Exhibition.") for cue in found)
    for cue in found:
        if len(cue.lines) == 2:
            first, second = map(len, shown(cue))
            assert abs(first - second) < 25


def test_no_cue_lasts_over_a_silence() -> None:
    words = (Word("before", 0.0, 0.4, None), Word("after", 5.0, 5.4, None))
    found = cues([Utterance(0, Hypothesis("before after", None, words), 0.0, 5.4)], Layout())
    assert [(cue.start_ms, cue.end_ms) for cue in found] == [(0, 1000), (5000, 6000)]


def test_people_who_speak_at_once_are_shown_one_after_the_other() -> None:
    generator = random.Random(7)
    starts = sorted(generator.uniform(0, 20) for _ in range(60))
    found = cues(
        [utterance("so they said", at, at + 2.0, channel=index % 2 + 1) for index, at in enumerate(starts)], Layout()
    )
    assert len(found) == 60
    assert all(before.start_ms < before.end_ms < after.start_ms for before, after in pairwise(found))


def test_punctuation_begins_no_line_in_japanese() -> None:
    for cue in cues([utterance(JAPANESE, timed=False)], Layout(max_line_length=20)):
        assert all(line[0] not in word_boundaries.CLOSING for line in shown(cue))


def test_words_that_lack_the_marks_of_the_text_still_give_all_of_it() -> None:
    words = tuple(Word(word, at, at + 1.0, None) for at, word in enumerate(["Well", "hello", "there"]))
    found = cues([Utterance(0, Hypothesis("Well – hello, there!", None, words), 0.0, 3.0)], Layout())
    assert shown(found[0]) == ["Well – hello, there!"]


NASTY = "if a<b & c>d --> <i>then</i>\nnew\tline &amp; 00:00:01.000 --> 00:00:02.000"


@pytest.mark.parametrize("speaker", ["", "speaker-1"])
def test_srt_is_read_back(speaker: str) -> None:
    utterances = [utterance(ENGLISH, speaker=speaker), utterance(NASTY, 20.0, 30.0), utterance(ARABIC, 3600.0, 3610.0)]
    read = webvtt.from_buffer(io.StringIO(writers.srt(utterances, Layout())), format="srt")
    prefix = f"{speaker}: " if speaker else ""
    first = [cue.text.removeprefix(prefix) for cue in read.captions if cue.start < "00:00:20"]
    assert " ".join(" ".join(first).split()) == ENGLISH
    assert all(cue.text.startswith(prefix) for cue in read.captions if cue.start < "00:00:20")
    assert all(len(line) <= 42 for cue in read.captions for line in cue.text.splitlines())
    assert " ".join(cue.text for cue in read.captions if "00:00:20" <= cue.start < "01:00:00").replace(
        "\n", " "
    ) == " ".join(NASTY.replace("<", "‹").replace(">", "›").split())
    assert read[-1].end == "01:00:10.000"


def test_vtt_is_read_back_with_its_voices() -> None:
    utterances = [utterance(ENGLISH, speaker="speaker-2"), utterance(NASTY, 20.0, 30.0)]
    document = writers.vtt(utterances, Layout())
    read = webvtt.from_buffer(io.StringIO(document))
    assert all(cue.voice == "speaker-2" for cue in read.captions if cue.start < "00:00:20")
    assert " ".join(" ".join(cue.text.split()) for cue in read.captions if cue.start < "00:00:20") == ENGLISH
    assert document.count("-->") == len(read)
    nasty = document[document.index("00:00:20.000") :]
    assert "a&lt;b &amp; c&gt;d --&gt;" in nasty.replace("\n", " ")


def test_vtt_reports_each_words_time() -> None:
    document = writers.vtt([utterance("one two three four", end=4.0)], Layout(highlight_words=True))
    assert "one<00:00:01.000> two<00:00:02.000> three<00:00:03.000> four" in document
    assert webvtt.from_buffer(io.StringIO(document))[0].text == "one two three four"


def test_vtt_reports_its_notices_in_comments() -> None:
    notices = [
        RecognitionWarning(WarningReason.REPETITION, "'a --> b\n\nc' came 9 times in a row.", 61.5, 70.0),
        RecognitionWarning(WarningReason.NOT_STORED, "It was not kept."),
    ]
    document = writers.vtt([utterance(ENGLISH)], Layout(), notices)
    assert "\n\nNOTE REPETITION at 00:01:01.500: 'a -> b c' came 9 times in a row.\n\n" in document
    assert "\n\nNOTE NOT_STORED: It was not kept.\n\n" in document
    assert [cue.text for cue in webvtt.from_buffer(io.StringIO(document)).captions] == [
        cue.text for cue in webvtt.from_buffer(io.StringIO(writers.vtt([utterance(ENGLISH)], Layout()))).captions
    ]


def test_nothing_recognised_is_an_empty_document() -> None:
    assert writers.srt([], Layout()) == ""
    assert len(webvtt.from_buffer(io.StringIO(writers.vtt([], Layout())))) == 0
    assert writers.text([]) == ""
    assert writers.tsv([]) == "start\tend\ttext\n"


def test_a_table_has_three_columns_in_every_row() -> None:
    table = writers.tsv([utterance(NASTY, 1.2345, 2.0, speaker="speaker-1"), utterance("b", 2.0, 3.0, channel=2)])
    rows = [line.split("\t") for line in table.splitlines()]
    assert rows[0] == ["start", "end", "text"]
    assert [row[:2] for row in rows[1:]] == [["1234", "2000"], ["2000", "3000"]]
    assert rows[2][2] == "channel-2: b"


def test_text_has_a_line_for_each_utterance() -> None:
    assert writers.text([utterance("a\nb"), utterance("c", speaker="speaker-2")]) == "a b\nspeaker-2: c\n"
