"""Tables on a terminal: as wide as it is, wide characters measured, ids short and still different."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_client.table import fitting, lines, wide

ONE, TWO = "generations/3f2a8c1e-0000-4000-8000-000000000001", "generations/3f2a8c1e-9999-4000-8000-000000000002"
HEADER = ("NAME", "VOICE", "TEXT")


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("你好", 4), ("e\u0301", 1), ("👍", 2), ("a\u200bb", 2), ("ﾊﾟ", 2), ("", 0), ("ﬁ", 1), ("한글", 4)],
)
def test_a_text_is_measured_as_a_terminal_shows_it(text, columns):
    assert wide(text) == columns


@given(st.text(max_size=30), st.integers(1, 20))
def test_what_is_cut_fits(text, columns):
    assert wide(fitting(text, columns)) <= columns
    assert wide(text) > columns or fitting(text, columns) == text


WORDS = st.text(alphabet="abc 你好e\u0301👍", max_size=60)


@given(
    st.lists(st.tuples(st.sampled_from(["flite/slt", "espeak/cmn"]), WORDS, WORDS), min_size=1, max_size=5),
    st.integers(40, 200),
)
def test_every_line_fits_the_terminal_and_columns_begin_at_one_place(rows, columns):
    shown = list(
        lines(HEADER, [(name, voice.strip() or "-", text.strip() or "-") for name, voice, text in rows], columns)
    )
    assert all(wide(line) <= columns for line in shown)
    assert len(shown) == len(rows) + 1


def test_columns_stay_aligned_behind_wide_characters():
    shown = list(lines(("NAME", "LANGUAGE"), [("你好吗", "zh"), ("Ann", "en"), ("é", "fr")], None))
    assert {wide(line[: line.rindex(" ")]) for line in shown} == {7}


@pytest.mark.parametrize("rows", [[(ONE, "v", "t" * 90)], [(ONE, "v", "t" * 90), (TWO, "v", "t" * 90)]])
def test_ids_are_cut_to_what_distinguishes_them(rows):
    shown = [line.split()[0] for line in lines(HEADER, rows, 80)][1:]
    assert len(set(shown)) == len(rows)
    assert all(full.startswith(short) for short, (full, *_) in zip(shown, rows, strict=True))
    assert all(re.fullmatch(r"generations/[0-9a-f]{8}(-9|-0)?", short) for short in shown)


@pytest.mark.parametrize("columns", [None, 400])
def test_where_there_is_room_nothing_is_cut(columns):
    assert list(lines(HEADER, [(ONE, "flite/slt", "t" * 90)], columns))[1] == f"{ONE}  flite/slt  {'t' * 90}"


def test_names_that_are_no_ids_are_never_cut():
    assert list(lines(HEADER, [("espeak/roa/an-very-long-name", "v" * 40, "t" * 40)], 40))[1].startswith(
        "espeak/roa/an-very-long-name "
    )
