"""Reads SSML: a subset of it, where anything else is an error, or all of it, where the rest is named and left out.

https://www.w3.org/TR/speech-synthesis11/
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from voicebox_compat.openai import Diagnostics
from voicebox_kit import languages
from voicebox_kit.errors import InvalidField
from voicebox_lexicon import ipa, xsampa

from voicebox_tts.engine import GivenPhonemes, Stretch
from voicebox_tts.job import (
    MAX_OVERRIDES,
    MAX_PAUSE_SECONDS,
    MAX_SEMITONES,
    MAX_SPEED,
    MAX_TEXT_CHARACTERS,
    MIN_SPEED,
    NO_OVERRIDE,
    BuiltIn,
    StoredProfile,
    VoiceOverride,
)

from . import given as placeholders
from .directions import Directed, Direction, Mark, Passage, Pause, Turn
from .names import PROFILE_NAME
from .pauses import check_pauses, seconds

MAX_CHARACTERS = 100_000
"""Ten times the longest text: tags are not spoken."""
MAX_DEPTH = 32
MAX_MARK_CHARACTERS = 200
MOST_SHOWN = 40
"""Characters of what a client wrote, in an error."""

ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "speak": frozenset({"version", "xml:lang", "xml:base", "xsi:schemalocation"}),
    "p": frozenset({"xml:lang", "xml:id"}),
    "s": frozenset({"xml:lang", "xml:id"}),
    "break": frozenset({"time", "strength"}),
    "prosody": frozenset({"rate", "pitch"}),
    "say-as": frozenset({"interpret-as", "format", "detail"}),
    "sub": frozenset({"alias"}),
    "phoneme": frozenset({"alphabet", "ph"}),
    "voice": frozenset({"name", "xml:lang"}),
    "lang": frozenset({"xml:lang", "onlangfailure"}),
    "mark": frozenset({"name"}),
}
"""The elements that are followed, and their attributes."""
REQUIRED = {"mark": "name", "lang": "xml:lang", "sub": "alias", "say-as": "interpret-as", "phoneme": "ph"}
EMPTY = frozenset({"break", "mark"})
OTHER_NAMES = {"paragraph": "p", "sentence": "s"}
"""Names that SSML had before its recommendation, and that Google takes."""
BOUNDED = frozenset({"p", "s", "div"})
"""Elements whose ends are the ends of a sentence."""
CLOSING = frozenset(".,;:!?…)]}»”’。、！？")
"""Signs that belong to the passage before, also where the prosody changes between them."""
ALPHABETS = frozenset({"ipa", "x-sampa"})
MAX_PHONEMES = 200
"""Characters of one <phoneme>."""
UNSPOKEN = frozenset({"desc", "metadata", "meta", "lexicon", "lookup"})

BREAKS_SECONDS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.3, "x-fast": 1.6}
PITCHES = {"x-low": -6.0, "low": -3.0, "medium": 0.0, "default": 0.0, "high": 3.0, "x-high": 6.0}
SPELLED = frozenset({"characters", "spell-out", "verbatim", "digits", "telephone"})
READ_ANYWAY = frozenset(
    {"cardinal", "number", "date", "time", "currency", "unit", "measure", "fraction", "address", "name"}
)
"""What the preparation of a text, or the engine, reads as such without being told."""

_NO_ELEMENTS = expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]
_UNCLOSED_TOKEN = expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]
_RATE = re.compile(r"(?P<sign>[+-]?)(?P<number>\d{1,6}(?:\.\d{1,6})?)(?P<percent>%?)")
_PITCH = re.compile(r"(?P<number>[+-]?\d{1,6}(?:\.\d{1,6})?)(?P<unit>st|%)")


@dataclass(frozen=True)
class Known:
    """Names of voices, and BCP 47 languages, that somebody here speaks in."""

    voices: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()


NOBODY = Known()


def is_ssml(text: str) -> bool:
    """Whether a text is SSML, where an API has one field for both."""
    start = text.lstrip()[:200]
    return start.startswith(("<speak>", "<speak ")) or (start.startswith("<?xml") and "<speak" in text)


def read(document: str, name: str) -> Directed:
    """What a document of the subset directs.

    Raises InvalidField(`name`), which says the line and the column, when it is not well-formed, or holds anything else
    than the subset.
    """
    return _read(document, _Reader(name, is_strict=True))


def names_speakers(document: str) -> bool:
    """Whether a document may ask for voices or languages."""
    return "<voice" in document or "xml:lang" in document


def subset(document: str, name: str, diagnostics: Diagnostics, known: Known = NOBODY) -> str:
    """Any SSML as a document of the subset. What is not followed is noted, and the text within it spoken plainly; so
    are voices and languages that are not known.

    Raises InvalidField(`name`), which says the line and the column, when it is not well-formed.
    """
    reader = _Reader(name, is_strict=False, known=known)
    directed = _read(document, reader)
    for unfollowed in reader.unfollowed:
        diagnostics.ignore(f"{name}.{unfollowed}")
    diagnostics.warn(directed.warnings)
    return written(directed)


def written(directed: Directed) -> str:
    """Directions as a document of the subset, from which they can be read again."""
    parts, override = list[str](), NO_OVERRIDE
    for each in directed.directions:
        if isinstance(each, Passage) and each.override != override:
            parts += [_closing(override), _opening(each.override)]
            override = each.override
        parts.append(_written(each, directed.given))
    return "".join(["<speak>", *parts, _closing(override), "</speak>"])


def _read(document: str, reader: "_Reader") -> Directed:
    field = reader.path
    if len(document) > MAX_CHARACTERS:
        sentence = f"{field} may have {MAX_CHARACTERS} characters, not {len(document)}."
        raise InvalidField(field, sentence, "TEXT_TOO_LONG")
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = lambda *_: reader.refuse_document_type()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.say
    reader.parser = parser
    try:
        parser.Parse(document.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        place = f"line {error.lineno}, column {error.offset + 1}"
        problem = reader.unclosed() or expat.ErrorString(error.code)
        raise InvalidField(
            field, f"{field}, {place}: this is not well-formed SSML: {problem}.", "SSML_INVALID"
        ) from error
    directed = reader.directed()
    check_pauses(directed.directions, field)
    if len(directed.text) > MAX_TEXT_CHARACTERS:
        sentence = (
            f"{len(directed.text)} characters of {field} are spoken; at most {MAX_TEXT_CHARACTERS} are in one call."
        )
        raise InvalidField(field, sentence, "TEXT_TOO_LONG")
    return directed


@dataclass(frozen=True)
class _Open:
    """An element that is open."""

    name: str
    override: VoiceOverride
    is_silent: bool
    """Whether its text is not spoken."""
    is_spelled: bool = False


@dataclass
class _Reader:
    """The handlers of a parser, and what was read so far. One that is not strict notes what it does not follow."""

    path: str
    is_strict: bool
    known: Known | None = None
    unfollowed: dict[str, None] = field(default_factory=dict)
    _directions: list[Direction] = field(default_factory=list)
    _words: list[str] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _deliveries: set[VoiceOverride] = field(default_factory=set)
    _given: list[GivenPhonemes] = field(default_factory=list)
    _phonemes: str = ""
    """Of the <phoneme> that is open; empty where they are not followed."""
    _phonemes_from: int = 0
    parser: expat.XMLParserType = field(init=False)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        name = _local(tag)
        name = OTHER_NAMES.get(name, name)
        given = {_attribute(key): value.strip() for key, value in attributes.items() if not key.startswith("xmlns")}
        self._check(name, given)
        outer = self._open[-1] if self._open else _Open("", NO_OVERRIDE, is_silent=False)
        if self._phonemes:
            self._note("phoneme", "<phoneme> must hold nothing but text")
            self._phonemes = ""
        if name in BOUNDED:
            self._end_passage(outer)
        override = self._delivery(name, given, outer.override)
        if override != outer.override:
            self._end_passage(outer)
        self._directed(name, given, outer)
        self._open.append(
            _Open(
                name,
                override,
                is_silent=outer.is_silent or name in UNSPOKEN or (name == "sub" and "alias" in given),
                is_spelled=name == "say-as" and given.get("interpret-as", "").lower() in SPELLED,
            )
        )

    def end(self, tag: str) -> None:
        """An element ends."""
        inner = self._open.pop()
        if inner.name == "phoneme" and self._phonemes:
            self._give(self._phonemes)
        if inner.name in BOUNDED or not self._open or inner.override != self._open[-1].override:
            self._end_passage(inner)

    def say(self, text: str) -> None:
        """Text within the innermost element."""
        inner = self._open[-1]
        if inner.name in EMPTY and text.strip():
            self._note(inner.name, f"<{inner.name}> must be empty")
        if not inner.is_silent:
            self._words.append((placeholders.spelled if inner.is_spelled else placeholders.without_placeholders)(text))

    def refuse_document_type(self) -> None:
        """No entity is declared, and none grows."""
        raise self._wrong("there must be no document type: write the characters themselves")

    def unclosed(self) -> str:
        """What to say of an element that is open where the document ends; empty where it does not end there."""
        is_end = self.parser.ErrorCode in (_NO_ELEMENTS, _UNCLOSED_TOKEN)
        return f"<{self._open[-1].name}> is not closed" if is_end and self._open else ""

    def directed(self) -> Directed:
        """All that was read."""
        named = ", ".join(self.unfollowed)
        warning = f"These parts of {self.path} are not followed, and the text within them is spoken plainly: "
        warnings = (f"{warning}{named[:500]}.",) if named else ()
        return Directed(tuple(self._directions), warnings, tuple(self._given))

    def _check(self, name: str, given: Mapping[str, str]) -> None:
        """That the element may stand here, with these attributes."""
        if not self._open and name != "speak":
            raise self._wrong("the root must be <speak>")
        if len(self._open) == MAX_DEPTH:
            raise self._wrong(f"elements may be {MAX_DEPTH} deep within each other")
        if name not in ATTRIBUTES:
            self._note(name, f"there is no element <{name}> here; there are {', '.join(ATTRIBUTES)}")
            return
        if self._open and name == "speak":
            self._note(name, "<speak> is the root and nothing else")
        for key in given.keys() - ATTRIBUTES[name]:
            self._note(f"{name}.{key}", f"<{name}> has no attribute {key!r} here")
        if REQUIRED.get(name, "") not in {"", *given}:
            self._note(name, f"<{name}> needs the attribute {REQUIRED[name]!r}")

    def _delivery(self, name: str, given: Mapping[str, str], outer: VoiceOverride) -> VoiceOverride:
        """How the text within an element is spoken."""
        override = outer
        if name == "voice" and "name" in given:
            override = self._in_voice(given["name"], override)
        elif name == "voice" and "xml:lang" not in given:
            self._note("voice", "<voice> needs the attribute 'name' or 'xml:lang'")
        if "xml:lang" in given and name in ("speak", "p", "s", "voice", "lang"):
            override = replace(override, language=self._language(given["xml:lang"], name))
        if name == "prosody":
            override = self._in_manner(given, override)
        if override == outer:
            return outer
        override = replace(override, place=self._place())
        self._deliveries.add(override)
        if len(self._deliveries) > MAX_OVERRIDES:
            raise self._wrong(f"voice, language, rate and pitch may be set in {MAX_OVERRIDES} different ways")
        return override

    def _in_voice(self, name: str, override: VoiceOverride) -> VoiceOverride:
        """In a voice, which speaks its own language unless another is asked for within."""
        if PROFILE_NAME.fullmatch(name):
            return replace(override, source=StoredProfile(name), language="")
        if self.known is None or name in self.known.voices:
            return replace(override, source=BuiltIn(name), language="")
        self._note("voice", "")
        return override

    def _language(self, given: str, name: str) -> str:
        tag = languages.understood(given)
        if tag is None:
            self._note(f"{name}.xml:lang", f"{given[:MOST_SHOWN]!r} is not a language tag such as en-US")
        if tag in (None, languages.MULTILINGUAL):
            return ""
        if self.known and not any(languages.covers(tag, own) for own in self.known.languages):
            self._note(f"{name}.xml:lang", "")
            return ""
        return tag

    def _in_manner(self, given: Mapping[str, str], override: VoiceOverride) -> VoiceOverride:
        speed, pitch = _rate(given.get("rate", "default")), _pitch(given.get("pitch", "default"))
        if speed is None or not MIN_SPEED <= override.speed * speed <= MAX_SPEED:
            wanted = (
                f"must be x-slow to x-fast, or 25% to 400%, also within another, not {given['rate'][:MOST_SHOWN]!r}"
            )
            self._note("prosody.rate", f"the rate of <prosody> {wanted}")
            speed = 1.0
        if pitch is None or not abs(override.pitch_semitones + pitch) <= MAX_SEMITONES:
            wanted = f"must be x-low to x-high, or like +2st or -10%, not {given['pitch'][:MOST_SHOWN]!r}"
            self._note("prosody.pitch", f"the pitch of <prosody> {wanted}")
            pitch = 0.0
        return replace(
            override,
            speed=round(override.speed * speed, 6),
            pitch_semitones=round(override.pitch_semitones + pitch, 6),
        )

    def _directed(self, name: str, given: Mapping[str, str], outer: _Open) -> None:
        """What an element directs besides how its text is spoken."""
        if outer.is_silent:
            return
        match name:
            case "break":
                self._pause(given, outer)
            case "mark" if "name" in given:
                if not 0 < len(given["name"]) <= MAX_MARK_CHARACTERS:
                    raise self._wrong(f"the name of a <mark> may have 1 to {MAX_MARK_CHARACTERS} characters")
                self._end_passage(outer)
                self._directions.append(Mark(given["name"]))
            case "sub" if "alias" in given:
                self._words.append(placeholders.without_placeholders(given["alias"]))
            case "phoneme" if "ph" in given:
                self._phonemes, self._phonemes_from = self._in_ipa(given), len(self._words)
            case "say-as":
                self._check_reading(given)

    def _in_ipa(self, given: Mapping[str, str]) -> str:
        """The phonemes of a <phoneme>; empty where they are not followed."""
        alphabet, phonemes = given.get("alphabet", "ipa").lower(), given["ph"]
        if alphabet not in ALPHABETS:
            wanted = f"must be ipa or x-sampa, not {alphabet[:MOST_SHOWN]!r}"
            self._note("phoneme.alphabet", f"the alphabet of <phoneme> {wanted}")
            return ""
        if len(phonemes) > MAX_PHONEMES:
            self._note("phoneme.ph", f"the phonemes of <phoneme> may have {MAX_PHONEMES} characters")
            return ""
        try:
            phonemes = ipa.normalized(phonemes if alphabet == "ipa" else xsampa.to_ipa(phonemes))
        except xsampa.NotXSampa as error:
            self._note("phoneme.ph", f"<phoneme> has {error.symbol!r}, which is no symbol of X-SAMPA")
            return ""
        if unknown := ipa.unknown(phonemes):
            self._note("phoneme.ph", f"<phoneme> has {' '.join(unknown[:MOST_SHOWN])}, which is no symbol of IPA")
            return ""
        if not ipa.has_sound(phonemes):
            self._note("phoneme.ph", "<phoneme> needs a vowel or a consonant")
            return ""
        return phonemes

    def _give(self, phonemes: str) -> None:
        """Put a placeholder for what was said since the <phoneme> began."""
        text = " ".join("".join(self._words[self._phonemes_from :]).split())
        self._words[self._phonemes_from :] = [placeholders.placeholder(len(self._given))]
        self._given.append(GivenPhonemes(text or phonemes, phonemes))
        self._phonemes = ""

    def _pause(self, given: Mapping[str, str], outer: _Open) -> None:
        length = seconds(given["time"]) if "time" in given else BREAKS_SECONDS.get(given.get("strength", "medium"))
        if length is None:
            shown = given.get("time", given.get("strength", ""))[:MOST_SHOWN]
            strengths = ", ".join(BREAKS_SECONDS)
            self._note("break", f"a <break> has a time like 400ms or 1.5s, or one of {strengths}, not {shown!r}")
            length = BREAKS_SECONDS["medium"]
        if length > MAX_PAUSE_SECONDS:
            self._note("break.time", f"a <break> may be {MAX_PAUSE_SECONDS:g} s long, not {length:g} s")
            length = MAX_PAUSE_SECONDS
        if length:
            self._end_passage(outer)
            self._directions.append(Pause(length))
        else:
            self._words.append(" ")

    def _check_reading(self, given: Mapping[str, str]) -> None:
        reading = given.get("interpret-as", "").lower()
        if reading not in SPELLED | READ_ANYWAY:
            known = ", ".join(sorted(SPELLED | READ_ANYWAY))
            self._note("say-as", f"<say-as> reads a text as {known}, not as {reading[:MOST_SHOWN]!r}")
        for key in {"format", "detail"} & given.keys():
            self.unfollowed[f"say-as.{key}"] = None

    def _end_passage(self, inner: _Open) -> None:
        text = placeholders.with_joined_spelling(" ".join("".join(self._words).split()))
        self._words.clear()
        last = self._directions[-1] if self._directions else None
        if isinstance(last, Passage) and CLOSING.issuperset(text):
            self._directions[-1] = replace(last, text=last.text + text)
        elif text:
            self._directions.append(Passage(text, inner.override))

    def _note(self, part: str, problem: str) -> None:
        """What is not followed: an error, or a note of it."""
        if self.is_strict:
            raise self._wrong(problem)
        self.unfollowed[part[: 2 * MOST_SHOWN]] = None

    def _wrong(self, problem: str) -> InvalidField:
        return InvalidField(self.path, f"{self._place()}: {problem}.", "SSML_INVALID")

    def _place(self) -> str:
        return f"{self.path}, line {self.parser.CurrentLineNumber}, column {self.parser.CurrentColumnNumber + 1}"


def _local(tag: str) -> str:
    return tag.rpartition(":")[2].lower()[:MOST_SHOWN]


def _attribute(key: str) -> str:
    return key.lower()[:MOST_SHOWN]


def _rate(given: str) -> float | None:
    """The factor that a rate is; None when it is none."""
    if given in RATES:
        return RATES[given]
    match = _RATE.fullmatch(given)
    if match is None or (match["sign"] and not match["percent"]):
        return None
    factor = float(match["number"]) / (100 if match["percent"] else 1)
    return {"+": 1 + factor, "-": 1 - factor}.get(match["sign"], factor)


def _pitch(given: str) -> float | None:
    """The semitones that a pitch is above the voice's own; None when it is not relative."""
    if given in PITCHES:
        return PITCHES[given]
    match = _PITCH.fullmatch(given)
    if match is None or (match["unit"] == "%" and match["number"][0] not in "+-"):
        return None
    number = float(match["number"])
    if match["unit"] == "st":
        return number
    return 12 * math.log2(1 + number / 100) if number > -100 else None


def _written(direction: Direction, given: Sequence[GivenPhonemes]) -> str:
    match direction:
        case Passage():
            return f"<s>{''.join(map(_stretch, placeholders.split(direction.text, given)))}</s>"
        case Pause():
            return f'<break time="{direction.seconds:.6f}s"/>'
        case Mark():
            return f"<mark name={quoteattr(direction.name)}/>"
        case Turn():
            return ""


def _stretch(stretch: Stretch) -> str:
    if isinstance(stretch, GivenPhonemes):
        return f"<phoneme ph={quoteattr(stretch.ipa)}>{escape(stretch.text)}</phoneme>"
    return "".join(
        f'<say-as interpret-as="characters">{escape(part)}</say-as>' if is_spelled else escape(part)
        for part, is_spelled in placeholders.spelled_parts(stretch)
    )


def _opening(override: VoiceOverride) -> str:
    voice = f"<voice name={quoteattr(override.source.name)}>" if override.source else ""
    language = f"<lang xml:lang={quoteattr(override.language)}>" if override.language else ""
    prosody = f'<prosody rate="{override.speed:.6f}" pitch="{override.pitch_semitones:.6f}st">'
    return voice + language + (prosody if _has_prosody(override) else "")


def _closing(override: VoiceOverride) -> str:
    prosody = "</prosody>" if _has_prosody(override) else ""
    return prosody + ("</lang>" if override.language else "") + ("</voice>" if override.source else "")


def _has_prosody(override: VoiceOverride) -> bool:
    return override.speed != 1.0 or override.pitch_semitones != 0.0
