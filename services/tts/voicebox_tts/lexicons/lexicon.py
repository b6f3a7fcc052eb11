"""A lexicon, ready to be looked up in, and several of them that a text is read with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from voicebox_kit.languages import covers
from voicebox_lexicon.matching import WrittenForms


@dataclass(frozen=True)
class Entry:
    """What is said for a written form: an alias, phonemes in IPA, or both; empty for none."""

    written: str
    alias: str
    phoneme: str


@dataclass(frozen=True)
class Lexicon:
    """`name` is `lexicons/{lexicon}`, `language` BCP 47, `size` how many characters it holds, for bounded caches."""

    name: str
    etag: str
    language: str
    entries: tuple[Entry, ...] = field(repr=False)
    forms: WrittenForms = field(repr=False, compare=False)
    size: int

    @classmethod
    def of(cls, name: str, etag: str, language: str, entries: Sequence[Entry], *, case_sensitive: bool) -> "Lexicon":
        """One with these entries: ten thousand take some hundredths of a second."""
        forms = WrittenForms([entry.written for entry in entries], case_sensitive=case_sensitive)
        size = sum(len(entry.written) + len(entry.alias) + len(entry.phoneme) for entry in entries)
        return cls(name, etag, language, tuple(entries), forms, size)

    def suits(self, language: str) -> bool:
        """Whether it is for texts in a language."""
        return covers(self.language, language) or covers(language, self.language)


@dataclass(frozen=True)
class Found:
    """An entry of a lexicon, and where in a text its written form stands."""

    begin: int
    end: int
    entry: Entry
    lexicon: str


def found(text: str, lexicons: Sequence[Lexicon]) -> Iterator[Found]:
    """The entries in a text, none within another: of those that begin at a place the longest, of equal ones that of the
    first lexicon.
    """
    keys = [lexicon.forms.key(text) for lexicon in lexicons]
    at = 0
    while at < len(text):
        best: Found | None = None
        for lexicon, key in zip(lexicons, keys, strict=True):
            match = lexicon.forms.at(key, at)
            if match and (best is None or match.end > best.end):
                best = Found(at, match.end, lexicon.entries[match.index], lexicon.name)
        if best:
            yield best
        at = best.end if best else at + 1
