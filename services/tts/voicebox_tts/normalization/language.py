"""A language's words for signs, units, currencies and abbreviations."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

Forms = tuple[str, str]
"""Of one, and of several."""

CODES = frozenset({"en", "de", "fr", "es", "it", "pt"})
"""The languages that are known, by the primary subtag of BCP 47."""


@dataclass(frozen=True, eq=False)
class Language:
    """The words of a language.

    Keys of `signs` and `addresses` are characters; of the last four, what is written, in lower case, with its dots.
    `titles` stand before a name, `numbered` before a number, `magnitudes` behind an amount of money.
    """

    code: str
    per: str
    square: str
    cubic: str
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

    @property
    def is_english(self) -> bool:
        """Whether the rules hold that only English has here: streets, dates, initials."""
        return self.code == "en"


@cache
def language(code: str) -> Language:
    """One of CODES, read from its file once."""
    tables = tomllib.loads((resources.files(__package__) / "languages" / f"{code}.toml").read_text("utf-8"))
    forms = {
        name: {sign: (words[0], words[-1]) for sign, words in tables.pop(name).items()}
        for name in ("units", "currencies")
    }
    return Language(code=code, **{"magnitudes": {}, **tables, **forms})
