"""Extracts the text of SSML, and finds the elements that are not followed.

https://www.w3.org/TR/speech-synthesis11/
"""

from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField

MAX_CHARACTERS = 100_000
"""Ten times the longest text: tags are not spoken."""

PAUSES = frozenset({"p", "s", "paragraph", "sentence", "div"})
"""Elements that are separated from the text around them."""

FOLLOWED = frozenset({"speak", "sub", "say-as", "break", *PAUSES})
UNSPOKEN = frozenset({"desc", "metadata", "meta", "lexicon"})
NO_BREAKS = ("none", "x-weak")
LETTERS = ("characters", "spell-out", "verbatim", "digits", "telephone")


@dataclass
class Reading:
    """The text so far, and the names of the elements that are not followed."""

    parts: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    unspoken: int = 0
    open_elements: list[Element] = field(default_factory=list)


def is_ssml(text: str) -> bool:
    """Whether a text is SSML, where an API has one field for both."""
    start = text.lstrip()[:200]
    return start.startswith(("<speak>", "<speak ")) or (start.startswith("<?xml") and "<speak" in text)


def plain(ssml: str, field: str, diagnostics: Diagnostics) -> str:
    """The text that is spoken: the parts of an SSML document, with a line's end for each pause. What is not followed is
    noted.

    Raises InvalidField(`field`) when it is not well-formed, or declares entities.
    """
    if len(ssml) > MAX_CHARACTERS:
        raise InvalidField(field, f"{field} may have {MAX_CHARACTERS} characters, not {len(ssml)}.", "TEXT_TOO_LONG")
    if "<!DOCTYPE" in ssml or "<!ENTITY" in ssml:
        raise InvalidField(
            field, f"{field} must not have a document type: write the characters themselves.", "SSML_INVALID"
        )
    reading = Reading()
    parser: Any = XMLPullParser(("start", "end"))  # its type is generic in the stubs only
    try:
        parser.feed(ssml)
        parser.close()
        for event, element in parser.read_events():
            if event == "start":
                _start(reading, element)
            else:
                _end(reading, element)
    except (ParseError, ValueError) as error:
        raise InvalidField(field, f"{field} is not well-formed SSML: {error}.", "SSML_INVALID") from error
    for name in dict.fromkeys(reading.dropped):
        diagnostics.ignore(f"{field}.{name}")
    if reading.dropped:
        named = ", ".join(dict.fromkeys(reading.dropped))
        diagnostics.warn(
            [f"These parts of {field} are not followed, and the text within them is spoken plainly: {named[:500]}."]
        )
    return "".join(reading.parts)


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2].rpartition(":")[2].lower()[:40]


def _start(reading: Reading, element: Element) -> None:
    name = _name(element)
    if not reading.open_elements and name != "speak":
        raise ValueError("its root must be speak")
    reading.open_elements.append(element)
    if name not in FOLLOWED:
        reading.dropped.append(name)
    if name in PAUSES:
        _say(reading, "\n")
    if name == "break":
        _say(reading, _pause(reading, element))
    if name == "sub" and "alias" in element.attrib:
        _say(reading, element.attrib["alias"])
    if _is_silent(element):
        reading.unspoken += 1
    elif element.text:
        _say(reading, _spelled(reading, element))


def _end(reading: Reading, element: Element) -> None:
    reading.open_elements.pop()
    if _is_silent(element):
        reading.unspoken -= 1
    if _name(element) in PAUSES:
        _say(reading, "\n")
    if element.tail:
        _say(reading, element.tail)


def _is_silent(element: Element) -> bool:
    name = _name(element)
    return name in UNSPOKEN or (name == "sub" and "alias" in element.attrib)


def _say(reading: Reading, text: str) -> None:
    if not reading.unspoken:
        reading.parts.append(text)


def _pause(reading: Reading, element: Element) -> str:
    """A line's end, whose pause is the voice's own; its length is not followed."""
    time = element.get("time", "")
    if time:
        reading.dropped.append("break.time")
    is_none = element.get("strength") in NO_BREAKS or bool(time and not time.strip().rstrip("ms").strip("0."))
    return " " if is_none else "\n"


def _spelled(reading: Reading, element: Element) -> str:
    """The text of an element; letter by letter with `say-as`."""
    text = element.text or ""
    if _name(element) != "say-as":
        return text
    if element.get("interpret-as", "").lower() in LETTERS:
        return " ".join(mark for mark in text if not mark.isspace())
    reading.dropped.append("say-as")
    return text
