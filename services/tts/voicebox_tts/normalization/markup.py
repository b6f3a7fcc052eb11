"""Marks that say how a text looks: Markdown, and the HTML that stands in it. Works on a sentence, which begins at a
line's start.
"""

import html
import re

_FENCE = re.compile(r"^(?:```|~~~)[^\s`]{0,40}\s*")
_RULE = re.compile(r"^(?:[-*_=] ?){3,}$")
_TABLE_RULE = re.compile(r"^\|?(?:\s?:?-{3,}:?\s?\|?){1,50}$")
_HEADING = re.compile(r"^#{1,6}\s+")
_CLOSING_HEADING = re.compile(r"\s+#{1,6}$")
_QUOTE = re.compile(r"^(?:>\s?){1,10}")
_BULLET = re.compile(r"^[-*+•◦▪‣–]\s+(?:\[[ xX]\]\s+)?")
_LINK = re.compile(r"!?\[([^\[\]]{0,500})\]\([^()\s]{0,2000}(?:\s\"[^\"]{0,200}\")?\)")
_REFERENCE = re.compile(r"\[([^\[\]]{1,500})\]\[[^\[\]]{0,100}\]")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,2000})>")
_TAGS = """
    a abbr address article aside audio b big blockquote body br button center cite code dd del details dfn div dl dt
    em figcaption figure font footer form h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins kbd label li
    link main mark meta nav ol option p picture pre q rp rt ruby s samp section select small source span strike strong
    sub summary sup svg table tbody td textarea tfoot th thead time title tr tt u ul var video wbr
""".split()
_SSML_TAGS = "break emphasis lang phoneme prosody say-as speak voice".split()
"""Those that HTML does not have."""
_PAUSED = frozenset(
    """
    address article aside blockquote br dd div dl dt figcaption footer h1 h2 h3 h4 h5 h6 header hr li main nav ol
    option p pre section table td th title tr ul
    """.split()
)
"""A person makes a pause between two of these."""
_VALUE = r"(?:\"[^\"<>]{0,500}\"|'[^'<>]{0,500}'|[^\s\"'<>=]{1,500})"
_ATTRIBUTE = rf"(?:[A-Za-z_:@][\w:.-]{{0,60}}\s?=\s?{_VALUE}|async|checked|controls|defer|disabled|hidden|open)"
_OWN_TAG = r"[a-z][a-z0-9]{0,20}-[a-z0-9-]{1,40}"
_KNOWN_TAG = "|".join(sorted([*_TAGS, *_SSML_TAGS], key=len, reverse=True))
_TAG = rf"</?(?:{_KNOWN_TAG}|{_OWN_TAG})(?:\s+{_ATTRIBUTE}){{0,20}}\s?/?>|</[a-z]\w{{0,20}}>"
_SSML = re.compile(rf"</?(?:{'|'.join(_SSML_TAGS)})(?:\s+{_ATTRIBUTE}){{0,20}}\s?/?>", re.IGNORECASE)
_TAG_RUN = re.compile(rf"(?:(?:{_TAG})\s*){{1,50}}", re.IGNORECASE)
_TAG_NAME = re.compile(r"</?(\w+)")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_NOTE_MARK = re.compile(r"^\[\^[^\[\]\s]{1,60}\]:\s*|\[\^[^\[\]\s]{1,60}\]")
_NUMBERED = re.compile(r"^(?:\(?(?P<number>\d{1,3})[.)]{1,3}|\(?(?P<letter>[A-Za-z])\)[.:]?)\s+(?=[^\s\d])")
_BRACKETED = re.compile(r"^\(?(?:(?P<number>\d{1,3})|(?P<letter>[A-Za-z]))\)[.:]?\s+(?=\S)")
_CODE = re.compile(r"`+")
_STARS = re.compile(r"(?<![*\s\d])\*+|\*+(?![*\s\d])|\*{2,}")
_UNDERSCORES = re.compile(r"(?<!\w)_+|_+(?!\w)")
_STRUCK = re.compile(r"~~+")
_SPACES = re.compile(r"\s{2,}")


def unmarked(sentence: str) -> str:
    """The sentence without markup; empty where there is nothing else."""
    sentence = _SPACES.sub(" ", sentence)  # what follows may look at a run of them again from each of its characters
    if _RULE.match(sentence) or _TABLE_RULE.match(sentence):
        return ""
    for mark in (_FENCE, _QUOTE, _HEADING, _BULLET):
        sentence = mark.sub("", sentence)
    if "[" in sentence:
        sentence = _NOTE_MARK.sub("", sentence)
        sentence = _REFERENCE.sub(r"\1", _LINK.sub(r"\1", sentence))
    if "<" in sentence:
        sentence = _TAG_RUN.sub(_pause, _AUTOLINK.sub(r"\1", sentence))
    if "&" in sentence:
        sentence = _ENTITY.sub(lambda entity: html.unescape(entity[0]), sentence)
    if sentence.startswith("|") or sentence.endswith("|"):
        sentence = re.sub(r"\s*\|\s*", ", ", sentence.strip("| "))
    for mark in (_CLOSING_HEADING, _CODE, _STRUCK, _STARS, _UNDERSCORES):
        sentence = mark.sub("", sentence)
    return " ".join(sentence.split())


def holds_ssml(sentence: str) -> bool:
    """Whether a tag of SSML stands in it."""
    return "<" in sentence and _SSML.search(sentence) is not None


def enumerated(sentence: str, *, is_ordinal: bool) -> str:
    """The sentence with a comma behind the number of a list's item, with which it begins: a full stop would be the end
    of a sentence.

    In a language where a number with a full stop `is_ordinal` ("1. Mai") only brackets mark an item.
    """
    mark = _BRACKETED if is_ordinal else _NUMBERED
    return mark.sub(lambda item: f"{item['number'] or item['letter']}, ", sentence)


def _pause(tags: re.Match[str]) -> str:
    """The replacement of a run of tags: a comma where a reader would pause and there is no mark."""
    before, following = tags.string[: tags.start()].rstrip()[-1:], tags.string[tags.end() :][:1]
    is_paused = any(name.lower() in _PAUSED for name in _TAG_NAME.findall(tags[0]))
    return ", " if is_paused and before.isalnum() and following and following not in ".,;:!?" else " "
