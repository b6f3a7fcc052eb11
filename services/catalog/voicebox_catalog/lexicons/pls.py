"""Lexicons as PLS, the Pronunciation Lexicon Specification 1.0: https://www.w3.org/TR/pronunciation-lexicon/"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from voicebox_kit import languages
from voicebox_kit.errors import InvalidField
from voicebox_lexicon import xsampa

from .document import Document, refused
from .entries import MAX_ENTRIES, Entry

CONTENT_TYPE = "application/pls+xml"
NAMESPACE = "http://www.w3.org/2005/01/pronunciation-lexicon"
MAX_DEPTH = 16
MAX_FORMS = 64
"""Written forms, and pronunciations, of one lexeme."""
_CASE = "voicebox-case-sensitive"
"""The name of a <meta> that says whether capital and small letters matter. In PLS they always do."""
_SHOWN = 40
_TEXTS = frozenset({"grapheme", "phoneme", "alias"})
_PARENTS = {
    "lexicon": "",
    "meta": "lexicon",
    "metadata": "lexicon",
    "lexeme": "lexicon",
    "example": "lexeme",
    **dict.fromkeys(_TEXTS, "lexeme"),
}
"""Where each element stands."""


def read_pls(data: bytes) -> Document:
    """What a document says; InvalidField("file"), which names the line and the column, where it is no PLS.

    A lexeme of several graphemes is an entry for each. Of several pronunciations one is kept: the preferred, else the
    first.
    """
    reader = _Reader()
    parser = reader.parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = lambda *_: reader.refuse_document_type()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.say
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        place = f"line {error.lineno}, column {error.offset + 1}"
        raise refused(place, f"it is not well-formed XML: {expat.ErrorString(error.code)}") from error
    except (LookupError, UnicodeDecodeError) as error:
        raise refused("line 1", "it is in an encoding that is not known: write it in UTF-8") from error
    return reader.document()


def write_pls(entries: Iterable[Entry], language: str, *, case_sensitive: bool) -> bytes:
    """The document of some entries."""
    head = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<lexicon version="1.0" xmlns={quoteattr(NAMESPACE)} alphabet="ipa" '
        f"xml:lang={quoteattr(language)}>\n"
    )
    meta = f'  <meta name="{_CASE}" content="{str(case_sensitive).lower()}"/>\n'
    return "".join([head, meta, *map(_lexeme, entries), "</lexicon>\n"]).encode()


def _lexeme(entry: Entry) -> str:
    parts = {"grapheme": entry.written, "phoneme": entry.phoneme, "alias": entry.alias}
    inside = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in parts.items() if text)
    return f"  <lexeme>{inside}</lexeme>\n"


@dataclass
class _Said:
    """A grapheme, phoneme or alias: its words so far."""

    place: str
    alphabet: str = ""
    is_preferred: bool = False
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.words)


@dataclass
class _Reader:
    """The handlers of a parser, and what was read so far."""

    parser: expat.XMLParserType = field(init=False)
    _entries: list[Entry] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _language: str = ""
    _alphabet: str = ""
    _case_sensitive: bool = True
    _lexeme: dict[str, list[_Said]] = field(default_factory=dict)
    _said: _Said | None = None
    _left_out: dict[str, str] = field(default_factory=dict)
    """What was left out, and where it stands first."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        name = tag.rpartition(":")[2]
        if len(self._open) == MAX_DEPTH:
            raise self._wrong(f"elements may be {MAX_DEPTH} deep within each other")
        if "metadata" not in self._open:
            if _PARENTS.get(name) != (self._open[-1] if self._open else ""):
                raise self._wrong(f"<{name[:_SHOWN]}> must not stand here")
            self._begin(name, attributes)
        self._open.append(name)

    def end(self, _: str) -> None:
        """An element ends."""
        name = self._open.pop()
        if "metadata" in self._open:
            return
        if name == "lexeme":
            self._end_lexeme()
        self._said = None

    def say(self, text: str) -> None:
        """Text within the innermost element."""
        if self._said:
            self._said.words.append(text)
        elif text.strip() and not {"metadata", "example"} & set(self._open):
            raise self._wrong(f"there must be no text in <{self._open[-1]}>")

    def refuse_document_type(self) -> None:
        """No entity is declared, and none grows."""
        raise self._wrong("there must be no document type: write the characters themselves")

    def document(self) -> Document:
        """All that was read."""
        warnings = tuple(f"{what} are left out, first at {place}." for what, place in self._left_out.items())
        return Document(tuple(self._entries), self._language, self._case_sensitive, warnings)

    def _begin(self, name: str, given: dict[str, str]) -> None:
        match name:
            case "lexicon":
                self._begin_lexicon(given)
            case "meta" if given.get("name") == _CASE:
                self._case_sensitive = given.get("content") != "false"
            case "lexeme":
                self._lexeme = {each: [] for each in _TEXTS}
                if "role" in given:
                    self._left_out.setdefault("Roles of lexemes, such as parts of speech,", self._place())
            case "grapheme" | "phoneme" | "alias":
                is_preferred = given.get("prefer", "false") == "true"
                self._said = _Said(self._place(), given.get("alphabet", self._alphabet), is_preferred)
                if len(self._lexeme[name]) == MAX_FORMS:
                    raise self._wrong(f"a lexeme may have {MAX_FORMS} of <{name}>")
                self._lexeme[name].append(self._said)

    def _begin_lexicon(self, given: dict[str, str]) -> None:
        tag = given.get("xml:lang", "")
        language = languages.understood(tag)
        if language is None:
            raise self._wrong(f"{tag[:_SHOWN]!r} is not a language tag such as en-US")
        self._language, self._alphabet = language, given.get("alphabet", "ipa")

    def _end_lexeme(self) -> None:
        graphemes = self._lexeme["grapheme"]
        if not graphemes:
            raise self._wrong("the lexeme that ends here needs a <grapheme>")
        phoneme, alias = self._chosen("phoneme"), self._chosen("alias")
        ipa = self._in_ipa(phoneme) if phoneme else ""
        for grapheme in graphemes:
            if len(self._entries) == MAX_ENTRIES:
                raise self._wrong(f"a lexicon may have {MAX_ENTRIES} entries", "LEXICON_TOO_LARGE")
            self._entries.append(Entry(grapheme.text, alias.text if alias else "", ipa, grapheme.place))

    def _chosen(self, name: str) -> _Said | None:
        said = self._lexeme[name]
        if len(said) > 1:
            self._left_out.setdefault("Further pronunciations of a lexeme", said[1].place)
        return next((each for each in said if each.is_preferred), said[0] if said else None)

    def _in_ipa(self, said: _Said) -> str:
        match said.alphabet.lower():
            case "ipa":
                return said.text
            case "x-sampa" | "xsampa":
                try:
                    return xsampa.to_ipa(" ".join(said.text.split()))
                except xsampa.NotXSampa as error:
                    raise refused(said.place, f"{error.symbol!r} is no symbol of X-SAMPA") from error
        raise refused(said.place, f"the alphabet must be ipa or x-sampa, not {said.alphabet[:_SHOWN]!r}")

    def _place(self) -> str:
        return f"line {self.parser.CurrentLineNumber}, column {self.parser.CurrentColumnNumber + 1}"

    def _wrong(self, problem: str, reason: str = "LEXICON_FILE_INVALID") -> InvalidField:
        return refused(self._place(), problem, reason)
