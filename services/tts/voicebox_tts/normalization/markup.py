"""Marks that say how a text looks: Markdown, and the HTML that stands in it. Works on a sentence, which begins at a
line's start.
"""

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
_TAG = re.compile(
    r"</?(?:b|i|u|s|em|strong|del|ins|mark|small|br|hr|p|span|div|a|code|pre|sub|sup|h[1-6]|ul|ol|li|img)(?:\s[^<>]{0,500})?/?>",
    re.I,
)
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&#39;": "'", "&nbsp;": " "}
_ENTITY = re.compile("|".join(map(re.escape, _ENTITIES)))
_CODE = re.compile(r"`+")
_STARS = re.compile(r"(?<![*\s\d])\*+|\*+(?![*\s\d])|\*{2,}")
_UNDERSCORES = re.compile(r"(?<!\w)_+|_+(?!\w)")
_STRUCK = re.compile(r"~~+")


def unmarked(sentence: str) -> str:
    """The sentence without its marks; empty where it is nothing else."""
    if _RULE.match(sentence) or _TABLE_RULE.match(sentence):
        return ""
    for mark in (_FENCE, _QUOTE, _HEADING, _BULLET):
        sentence = mark.sub("", sentence)
    if "[" in sentence:
        sentence = _REFERENCE.sub(r"\1", _LINK.sub(r"\1", sentence))
    if "<" in sentence:
        sentence = _TAG.sub(" ", _AUTOLINK.sub(r"\1", sentence))
    if "&" in sentence:
        sentence = _ENTITY.sub(lambda entity: _ENTITIES[entity[0]], sentence)
    if sentence.startswith("|") or sentence.endswith("|"):
        sentence = re.sub(r"\s*\|\s*", ", ", sentence.strip("| "))
    for mark in (_CLOSING_HEADING, _CODE, _STRUCK, _STARS, _UNDERSCORES):
        sentence = mark.sub("", sentence)
    return " ".join(sentence.split())
