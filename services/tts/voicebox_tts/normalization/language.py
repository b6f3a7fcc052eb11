"""A language's words for signs, units, currencies and abbreviations."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

Forms = tuple[str, ...]
"""Of one, and of several; in Slavic languages of two to four in the middle, and of a broken number at the end."""

CODES = frozenset({"en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr", "ru", "el"})
"""The languages that are known, by the primary subtag of BCP 47."""


@dataclass(frozen=True, eq=False)
class Language:
    """The words of a language.

    Keys of `signs` and `addresses` are characters; of the last four, what is written, in lower case, with its dots.
    `titles` stand before a name, `numbered` before a number, `magnitudes` behind an amount of money.
    """

    code: str
    per: str
    square: Forms
    """With {unit} for the unit, or {joined} for the unit as the end of a word."""
    cubic: Forms
    power: str
    squared: str
    cubed: str
    point: str
    to: str
    over: str
    """Between the numbers of a fraction that has no name."""
    date: str
    """How a date is spoken, with {day}, {month} and {year}."""
    months: Sequence[str]
    half: str
    """Between a whole number and a fraction."""
    signs: Mapping[str, str]
    units: Mapping[str, Forms]
    currencies: Mapping[str, Forms]
    addresses: Mapping[str, str]
    fractions: Mapping[str, str]
    abbreviations: Mapping[str, str]
    titles: Mapping[str, str]
    numbered: Mapping[str, str]
    magnitudes: Mapping[str, str]

    def form(self, number: str, forms: Forms) -> str:
        """The form of a word behind a number, which has digits, a point or a comma."""
        return forms[_slavic(self.code, number, len(forms))] if self.code in _SLAVIC else forms[-(number != "1")]

    def counted(self, number: str, forms: Forms) -> str:
        """The number with that form."""
        return f"{number} {self.form(number, forms)}"

    @property
    def is_percent_first(self) -> bool:
        """Whether a reader says "percent" before the number."""
        return self.code == "tr"

    @property
    def is_english(self) -> bool:
        """Whether the rules hold that only English has here: streets, dates, initials."""
        return self.code == "en"


_SLAVIC = frozenset({"pl", "ru"})


def _slavic(code: str, number: str, count: int) -> int:
    """Which of `count` forms: one, few, many, or that of a broken number, which Russian shares with few."""
    if not number.isdigit():
        return 1 if code == "ru" else count - 1
    last, is_teen = int(number) % 10, int(number) % 100 in range(11, 15)
    if number == "1" or (code == "ru" and last == 1 and not is_teen):
        return 0
    return min(1 if last in (2, 3, 4) and not is_teen else 2, count - 1)


@cache
def language(code: str) -> Language:
    """One of CODES, read from its file once."""
    tables = tomllib.loads((resources.files(__package__) / "languages" / f"{code}.toml").read_text("utf-8"))
    forms = {name: {sign: tuple(words) for sign, words in tables.pop(name).items()} for name in ("units", "currencies")}
    areas = {name: tuple(tables.pop(name)) for name in ("square", "cubic")}
    return Language(code=code, **{"magnitudes": {}, **tables, **forms, **areas})
