"""Addresses of the web and of mail, read as a person would."""

import re
from collections.abc import Callable, Mapping

LONGEST_PATH = 60
"""Characters of what follows the host; a longer rest is not spelled out, since no listener can follow it."""

_URL = re.compile(r"\b(?:https?|ftp)://[^\s<>\"]{1,2000}|\bwww\.[^\s<>\"]{1,2000}", re.IGNORECASE)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_DOMAINS = (
    "com|org|net|edu|gov|io|ai|dev|app|info|co|me|tv|de|at|ch|fr|es|it|nl|uk|eu|us|ca|au|jp|cn|br|pl|pt|se|no|dk|fi|be"
)
_HOST = re.compile(
    rf"(?<![\w@.-])[a-z0-9-]{{1,63}}(?:\.[a-z0-9-]{{1,63}}){{0,3}}\.(?:{_DOMAINS})(?:/[^\s<>\"]{{0,2000}})?(?![\w-])",
    re.IGNORECASE,
)
_CLOSERS = ".,;:!?)]}'\"…"
_SCHEME = re.compile(r"^(?:[a-z]+://)?(?:www\.)?", re.IGNORECASE)
_SIGN = re.compile(r"[./:?&=#@_%+~-]")


def with_spoken_addresses(sentence: str, words: Mapping[str, str], warn: Callable[[str], None]) -> str:
    """The sentence with its addresses in words, `words` by sign."""
    if "." not in sentence and "://" not in sentence:
        return sentence

    def spoken(match: re.Match[str]) -> str:
        address = match[0].rstrip(_CLOSERS)
        return _spoken(address, words, warn) + match[0][len(address) :]

    sentence = _URL.sub(spoken, sentence)
    if "@" in sentence:
        sentence = _MAIL.sub(spoken, sentence)
    return _HOST.sub(spoken, sentence)


def _spoken(address: str, words: Mapping[str, str], warn: Callable[[str], None]) -> str:
    bare = _SCHEME.sub("", address).rstrip("/")
    host, slash, path = bare.partition("/")
    if len(path) > LONGEST_PATH:
        warn(f"Of the address {address[:100]} only the host is read.")
        slash = path = ""
    text = _SIGN.sub(lambda sign: f" {words.get(sign[0], ' ')} ", host + slash + path)
    return f"{' '.join(text.split())}"
