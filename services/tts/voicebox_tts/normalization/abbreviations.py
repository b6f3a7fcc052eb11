"""What abbreviations, titles and initials stand for."""

import re
from functools import lru_cache

from .language import Language

_INITIALS = re.compile(r"\b(?:[A-Z]\.){2,8}(?:[A-Z]\b)?")
_INITIAL = re.compile(r"\b([A-Z])\.(?=\s+[A-Z])")
_STREETS = {"st.": "Street", "dr.": "Drive"}
_BEFORE_STREET = re.compile(
    r"(?:\d+\w{0,2}|on|at|in|near|to|from|along|down|up|of|off|the)\s+(?:[A-Z][\w'’-]{0,30}\s+){1,3}$"
)
_MERIDIEM = re.compile(r"(?<=\d)\s?([ap])\.?m\b\.?", re.IGNORECASE)
_SMALL_TITLE = re.compile(r"\b(?:mr|mrs|ms|prof|dr)\.(?=\s+[a-z])")
"""Written in small letters, before a name that is, too."""
_LOOK_BACK = 120
"""Characters: a street's name and what stands before it."""


class Abbreviations:
    """Writes out the abbreviations of one language."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._plain = _pattern(list(language.abbreviations))
        self._title = _pattern(list(language.titles), r"(?=\s*[^\W\d_a-zà-ÿ])") if language.titles else None
        self._numbered = _pattern(list(language.numbered), r"(?=\s*[\dIVXLC])") if language.numbered else None

    def spoken(self, sentence: str) -> str:
        """The sentence, written out. A full stop that ends it stays."""
        if self._language.is_english:
            sentence = self._streets(_MERIDIEM.sub(_meridiem, sentence))
            sentence = _SMALL_TITLE.sub(lambda match: self._language.titles[match[0]], sentence)
        if self._title:
            sentence = self._title.sub(lambda match: self._language.titles[_key(match[0])] + _space(match), sentence)
        if self._numbered:
            sentence = self._numbered.sub(
                lambda match: self._language.numbered[_key(match[0])] + _space(match), sentence
            )
        sentence = self._plain.sub(self._whole, sentence)
        return _INITIAL.sub(r"\1", _INITIALS.sub(_letters, sentence)) if self._language.is_english else sentence

    def _whole(self, match: re.Match[str]) -> str:
        return self._language.abbreviations[_key(match[0])] + (_stop(match) or _space(match))

    def _streets(self, sentence: str) -> str:
        """ "Elm St." is a street, and "St. Paul" is a saint."""

        def street(match: re.Match[str]) -> str:
            before = sentence[max(0, match.start() - _LOOK_BACK) : match.start()]
            is_name = re.match(r"\s+[A-Z]", sentence[match.end() : match.end() + 8]) is not None
            is_street = before.rstrip()[-1:].isalnum() and (not is_name or _BEFORE_STREET.search(before) is not None)
            return _STREETS[match[0].lower()] + _stop(match) if is_street else match[0]

        return re.sub(r"\b(?:St|Dr)\.", street, sentence)


@lru_cache(maxsize=16)
def abbreviations(language: Language) -> Abbreviations:
    """Compiled once for each language."""
    return Abbreviations(language)


def _pattern(keys: list[str], following: str = "") -> re.Pattern[str]:
    """Any of the keys as a word, in lower case or with a capital; a key without a dot has none behind it."""
    forms = [
        re.escape(key).replace(r"\ ", r"\s?") + ("" if key.endswith(".") else r"(?![\w.])")
        for key in sorted(keys, key=len, reverse=True)
    ]
    return re.compile(rf"(?<![\w.])(?i:{'|'.join(forms) or '(?!)'}){following}")


def _key(written: str) -> str:
    return " ".join(written.lower().split())


def _stop(match: re.Match[str]) -> str:
    """The full stop of a sentence that ends with an abbreviation."""
    return "." if match[0].endswith(".") and not match.string[match.end() :].strip(" \"'”’)") else ""


def _space(match: re.Match[str]) -> str:
    """A space, where the next word follows without one."""
    return " " if match.string[match.end() : match.end() + 1].isalnum() else ""


def _meridiem(match: re.Match[str]) -> str:
    return f" {match[1].upper()} M" + _stop(match)


def _letters(match: re.Match[str]) -> str:
    return " ".join(match[0].replace(".", "")) + _stop(match)
