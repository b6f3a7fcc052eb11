"""How well speech was recognised: the text spoken, the word error rate, and the highest rate that counts as heard."""

import string

import jiwer

TEXT = "The old man walked slowly to the market. He bought bread and milk for his family."

WER = 0.45
"""
The highest word error rate of audio that arrived whole. pocketsphinx has up to 0.31 with a synthetic voice, and the
same audio gives other words on other processors; audio in the wrong encoding or at the wrong rate has about 1.
"""


def word_error_rate(heard: str, spoken: str = TEXT) -> float:
    """Case and punctuation do not count."""
    return jiwer.wer(_plain(spoken), _plain(heard) or "nothing")


def _plain(text: str) -> str:
    return text.lower().translate(str.maketrans("", "", string.punctuation)).strip()
