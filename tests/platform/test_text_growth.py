"""Hostile texts cost time in proportion to their length, in every function that reads what a stranger wrote."""

import contextlib
import time
from collections.abc import Callable

import pytest
from voicebox_asr.engines.pocketsphinx import grammar
from voicebox_catalog.lexicons import csv_file, pls
from voicebox_catalog.store import filters
from voicebox_kit.errors import VoiceboxError
from voicebox_sql import search
from voicebox_tts.lexicons.lexicon import Entry, Lexicon, found
from voicebox_tts.normalization.preparation import Preparation
from voicebox_tts.text import pauses, sentences, ssml
from voicebox_tts.text.word_errors import word_error_rate

pytestmark = pytest.mark.unit

UNITS = {
    "marks": "\u0301\u0323",
    "letters with marks": "a" + "\u0301" * 9,
    "dots": ".",
    "questions": "!?",
    "ellipses": "…",
    "stops and closers": '."',
    "stops and openers": '. ("',
    "abbreviations": "Mr. ",
    "initials": "A.",
    "spaces": " ",
    "line breaks": "\r\n",
    "cells": "|    ",
    "headings": "#    ",
    "CJK": "漢字",
    "CJK sentences": "漢字。",
    "joiners": "a\u200d",
    "syllables in parts": "\u1100\u1161",
    "ligatures": "\ufdfa",
    "emoji": "👩\u200d👩\u200d👧",
    "open brackets": "(",
    "links": "[a](",
    "tags": "<a ",
    "pauses": "[pause:",
    "entities": "&lt;",
    "digits": "1",
    "commas in digits": "1,",
    "times": "1:",
    "stars": "*a",
    "dashes": "-",
    "addresses": "a@",
    "URLs": "http://a.",
    "controls": "\x01",
    "comments": "/* ",
    "quotation marks": '\\"',
    "braces": "{\\",
    "weights": "/1",
}


TRIES = 5
"""Other processes share caches and processors, and make one of two costs larger; what is quadratic fails each time."""


def fed(text: str) -> None:
    feed = sentences.SentenceFeed(eager=True)
    for character in text:
        feed.push(character)
    feed.finish()


FORMS = [Entry(unit * length, "b", "") for unit in "a.(" for length in (1, 2, 50)]
LEXICON = Lexicon.of("lexicons/a", "1", "en", FORMS, case_sensitive=False)
LEXEME = "<lexicon><lexeme><grapheme>{}</grapheme></lexeme></lexicon>"
READERS: dict[str, tuple[Callable[[str], object], int]] = {
    "search words": (search.tokens_of, 5_000),
    "sentences": (sentences.sentences, 10_000),
    "sentences, a character a message": (fed, 1_000),
    "pauses": (lambda text: pauses.with_pauses(text, "text"), 10_000),
    "SSML": (lambda text: ssml.read(f"<speak>{text}</speak>", "ssml"), 10_000),
    "word error rate": (lambda text: word_error_rate(text, "a"), 10_000),
    "grammar": (grammar.words, 10_000),
    "filter": (filters.parse, 1_000),
    "PLS": (lambda text: pls.read_pls(LEXEME.format(text).encode()), 10_000),
    "CSV": (lambda text: csv_file.read_csv(text.encode()), 10_000),
    "lexicon": (lambda text: [*found(text, [LEXICON])], 10_000),
    "normalisation": (Preparation("en-US").prepare, 1_000),
    "normalisation in German": (Preparation("de").prepare, 1_000),
}


def cost_seconds(read: Callable[[str], object], text: str) -> float:
    """The processor time of this thread, the least of three; what refuses a text has read it, too."""
    costs = []
    for _ in range(3):
        began = time.thread_time()
        with contextlib.suppress(VoiceboxError):
            read(text)
        costs.append(time.thread_time() - began)
    return min(costs)


def written(unit: str, length: int) -> str:
    return ("a" + unit * length)[:length]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("reader", READERS)
def test_four_times_the_text_cost_less_than_eight_times_the_time(reader: str, unit: str) -> None:
    read, length = READERS[reader]
    assert any(_is_proportional(read, UNITS[unit], length) for _ in range(TRIES))


def _is_proportional(read: Callable[[str], object], unit: str, length: int) -> bool:
    once, more = (cost_seconds(read, written(unit, length * factor)) for factor in (1, 4))
    return more <= 8 * once + 0.005  # sixteen times would be quadratic


@pytest.mark.parametrize("unit", UNITS)
def test_a_character_a_message_costs_little_more_than_letters(unit: str) -> None:
    assert any(
        cost_seconds(fed, written(UNITS[unit], 2_000)) <= 30 * cost_seconds(fed, "a" * 2_000) for _ in range(TRIES)
    )
