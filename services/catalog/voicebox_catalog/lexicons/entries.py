"""The entries of a lexicon: what is right in them, together and each alone."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from voicebox_kit.errors import InvalidField
from voicebox_lexicon import ipa
from voicebox_lexicon.matching import WrittenForms

MAX_ENTRIES, MAX_CHARACTERS = 10_000, 1_000_000
MAX_WRITTEN, MAX_ALIAS, MAX_PHONEME = 200, 500, 200
MAX_NAMED = 5
"""Entries that one sentence names."""
_SHOWN = 40
"""Characters of an entry, in a sentence."""


@dataclass(frozen=True)
class Entry:
    """What is said for a written form: an alias, phonemes in IPA, or both; empty for none.

    `place` says where it was given: `lexicon.entries[2]` or `line 3`.
    """

    written: str
    alias: str = ""
    phoneme: str = ""
    place: str = ""

    @property
    def shown(self) -> str:
        """The written form, in a sentence."""
        return repr(self.written[:_SHOWN])


def checked(entries: Sequence[Entry], field: str, *, case_sensitive: bool) -> list[Entry]:
    """The entries in their normal form; InvalidField(`field`), which names the place, where one is wrong."""
    if len(entries) > MAX_ENTRIES:
        raise InvalidField(
            field, f"{entries[MAX_ENTRIES].place}: a lexicon may have {MAX_ENTRIES} entries.", "LEXICON_TOO_LARGE"
        )
    normal = [_normal(entry, field) for entry in entries]
    if sum(len(each.written) + len(each.alias) + len(each.phoneme) for each in normal) > MAX_CHARACTERS:
        sentence = f"The entries of a lexicon may have {MAX_CHARACTERS} characters in all."
        raise InvalidField(field, sentence, "LEXICON_TOO_LARGE")
    forms = WrittenForms([entry.written for entry in normal], case_sensitive=case_sensitive)
    for entry, first in repeated(normal, forms):
        sentence = f"{entry.place}: {entry.shown} is the written form of {first.place} too."
        raise InvalidField(field, sentence, "LEXICON_ENTRY_REPEATED")
    if loop := _loop(normal, forms):
        raise InvalidField(field, _loop_sentence(loop), "LEXICON_LOOP")
    return normal


def repeated(entries: Sequence[Entry], forms: WrittenForms) -> Iterator[tuple[Entry, Entry]]:
    """Those whose written form another has before them, and that one."""
    first = dict[str, Entry]()
    for entry in entries:
        known = first.setdefault(forms.key(entry.written), entry)
        if known is not entry:
            yield entry, known


def one_line(text: str) -> str:
    """A text as it stands in a sentence: NFC, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _normal(entry: Entry, field: str) -> Entry:
    for name, given, most in (
        ("written", entry.written, MAX_WRITTEN),
        ("alias", entry.alias, MAX_ALIAS),
        ("phoneme", entry.phoneme, MAX_PHONEME),
    ):
        if len(given) > most:
            raise _wrong(entry, field, f"{name} may have {most} characters, not {len(given)}")
    normal = replace(
        entry, written=one_line(entry.written), alias=one_line(entry.alias), phoneme=ipa.normalized(entry.phoneme)
    )
    if not any(map(_is_said, normal.written)):
        raise _wrong(entry, field, "written needs a letter, a digit or a sign")
    for name, given in (("written", normal.written), ("alias", normal.alias)):
        if any(unicodedata.category(each) in ("Cc", "Cs", "Co") or each in "\ufffe\uffff" for each in given):
            raise _wrong(entry, field, f"{name} must not contain control characters")
    if unknown := ipa.unknown(normal.phoneme):
        raise _wrong(entry, field, f"phoneme has {' '.join(unknown[:_SHOWN])}, which is no symbol of IPA")
    if normal.phoneme and not ipa.has_sound(normal.phoneme):
        raise _wrong(entry, field, "phoneme needs a vowel or a consonant")
    if not normal.alias and not normal.phoneme:
        raise _wrong(entry, field, f"{normal.shown} needs an alias or a phoneme")
    return normal


def _is_said(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNS" or character in "&@#%*§"


def _wrong(entry: Entry, field: str, problem: str) -> InvalidField:
    return InvalidField(field, f"{entry.place}: {problem}.", "LEXICON_ENTRY_INVALID")


def _loop(entries: Sequence[Entry], forms: WrittenForms) -> list[Entry]:
    """Entries of which each has the next one's written form in its alias, and the last has the first's; none where
    there are no such.
    """
    done, path = set[int](), dict[int, Iterator[int]]()
    for start in range(len(entries)):
        if start not in done:
            path[start] = _named_in(entries[start], forms)
        while path:
            last = next(reversed(path))
            following = next((number for number in path[last] if number not in done), None)
            if following is None:
                done.add(last)
                del path[last]
            elif following in path:
                numbers = list(path)
                return [entries[number] for number in numbers[numbers.index(following) :]]
            else:
                path[following] = _named_in(entries[following], forms)
    return []


def _named_in(entry: Entry, forms: WrittenForms) -> Iterator[int]:
    return (match.index for match in forms.found(entry.alias))


def _loop_sentence(loop: Sequence[Entry]) -> str:
    first = loop[0]
    if len(loop) == 1:
        return f"{first.place}: the alias of {first.shown} contains {first.shown} itself."
    named = ", ".join(f"{entry.shown} ({entry.place})" for entry in loop[:MAX_NAMED])
    more = f" and {len(loop) - MAX_NAMED} more" if len(loop) > MAX_NAMED else ""
    return f"{first.place}: aliases lead in a circle: {named}{more}, and back to {first.shown}."
