"""Numbers of several parts, in the words of a language: thousands set apart, ranges, dates, telephone numbers, lengths
and angles.
"""

import re
from functools import lru_cache

from .language import Language

_GROUPED = re.compile(r"(?<![\w.,:/+-])(?<!\d )[1-9]\d{0,2}(?: \d{3}){1,4}(?![\w/-]|[.,:]?\d| \d)")
_ISO_DATE = re.compile(
    r"(?<![\d-])(?P<year>\d{4})([-/.])(?P<month>0?[1-9]|1[0-2])\2(?P<day>0?[1-9]|[12]\d|3[01])(?![\d-])(?:T(?=\d))?"
)
_DATE = re.compile(
    r"(?<![\w/.-])(?P<first>0?[1-9]|[12]\d|3[01])([-/.])(?P<second>0?[1-9]|[12]\d|3[01])\2(?P<year>\d{4})(?![\d/-])"
)
_TELEPHONE = re.compile(
    r"(?<![\w.,:/-])(?<!\d )(?:"
    r"\+\d{1,15}(?:[ ./-]?\(\d{1,5}\)\d{0,11}|[ ./-]\d{1,11}){0,6}"
    r"|\(\d{2,5}\)[ ]?\d{2,8}(?:[ .-]\d{2,8}){0,3}"
    r"|0\d{1,4}(?:[ ./-]\d{2,8}){1,5}"
    r"|\d{3}[-.]\d{3}[-.]\d{4}|1-\d{3}-\d{3}-\d{4}|[2-9]\d\d-\d{4}(?<!00)"
    r")(?![\w/-]|[.,:]\d| \d)"
)
_FEWEST_DIGITS, _MAX_DIGITS = 7, 15
"""Of a telephone number (E.164)."""
_HEXADECIMAL = re.compile(r"\b0[xX](?P<digits>[0-9A-Fa-f]{1,16})\b")
_EVERY_DAY = re.compile(r"(?<![\w/.,-])24/7(?P<year>/365)?(?![\w/-]|\.\d)")
_RATIO = re.compile(r"(?<![\w/.,:-])(\d{1,4})/(\d{1,4})(?![\w/⁄:-]|[.,]\d)")
_ANGLE = re.compile(
    r"(?<=\d)°\s?(?P<minutes>\d{1,2})\s?[′'’](?:\s?(?P<seconds>\d{1,2}(?:[.,]\d{1,4})?)\s?(?:″|\"|''))?"
)
_HEIGHT = re.compile(r"\b(?P<feet>\d{1,2})\s?['’′]\s?(?P<inches>\d{1,2}(?:[.,]\d)?)\s?(?:[\"”″]|'')")
_STRAIGHT_INCHES = re.compile(r"(?<=\d)\"")
_SIGN_BEHIND = re.compile(r"(?P<sign>[$€£¥₹])\s?[-−](?=\d)")
_ORDINAL = r"(?:st|nd|rd|th)?"
_TWO_AMOUNTS = re.compile(
    r"(?P<sign>[$€£¥₹])(?P<low>\d(?:[\d.,]{0,20}\d)?)\s?[-–]\s?(?P=sign)?(?=\d[\d.,]{0,20}(?!-\d))"
)
_SUBTRACTION = re.compile(r"(?<=\d) ?[-–] ?(?=\d[\d.,]{0,20}\s?=)")
_NUMBER = r"\d{1,9}(?:[.,:]\d{1,9}){0,4}"
_NUMBERS = re.compile(rf"(?<![\w.,:/])(?<![\w.]-)(?P<low>{_NUMBER}{_ORDINAL}) ?- ?(?=(?P<high>{_NUMBER})(?!-\w|\d))")
_TIMES = re.compile(r"(?<=\d)(\s?[ap]\.?m\.?)\s?[-–]\s?(?=\d)", re.IGNORECASE)


class Figures:
    """Says the numbers of one language. `is_day_first` says how a date such as 3/4/2026 is meant where it may be
    either.
    """

    def __init__(self, language: Language, *, is_day_first: bool) -> None:
        self._language, self._is_day_first = language, is_day_first
        units = "|".join(map(re.escape, sorted(language.units, key=len, reverse=True)))
        self._measures = re.compile(rf"(\d\s?(?:{units}))-(?=\d)")

    def spoken(self, sentence: str) -> str:
        """The sentence with these numbers in words; a number that stays one number stays digits."""
        if not any(map(str.isdigit, sentence)):
            return sentence
        sentence = _HEXADECIMAL.sub(lambda found: f"0 X {' '.join(found['digits'].upper())}", sentence)
        sentence = _DATE.sub(self._date, _ISO_DATE.sub(self._iso_date, sentence))
        sentence = _TELEPHONE.sub(_telephone, sentence)
        sentence = _GROUPED.sub(self._joined, sentence)
        sentence = self._ranges(_EVERY_DAY.sub(_every_day, self._lengths(sentence)))
        return _RATIO.sub(self._ratio, sentence)

    def _ranges(self, sentence: str) -> str:
        to, minus = f" {self._language.to} ", f" {self._language.signs['−']} "
        sentence = _SIGN_BEHIND.sub(r"-\g<sign>", sentence)
        sentence = _TWO_AMOUNTS.sub(rf"\g<low>{to}\g<sign>", sentence)
        sentence = _SUBTRACTION.sub(minus, sentence)
        sentence = self._measures.sub(rf"\1{to}", _TIMES.sub(rf"\1{to}", sentence))
        return _NUMBERS.sub(lambda found: f"{found['low']}{_between(found, to, minus)}", sentence)

    def _lengths(self, sentence: str) -> str:
        units = self._language.units
        sentence = _ANGLE.sub(self._angle, sentence)
        sentence = _HEIGHT.sub(
            lambda found: (
                f"{self._language.counted(found['feet'], units['′'])} "
                f"{self._language.counted(found['inches'], units['″'])}"
            ),
            sentence,
        )
        return _STRAIGHT_INCHES.sub("″", sentence) if sentence.count('"') == 1 else sentence

    def _angle(self, found: re.Match[str]) -> str:
        units = self._language.units
        seconds = f" {self._language.counted(found['seconds'], units['s'])}" if found["seconds"] else ""
        return f"° {self._language.counted(found['minutes'], units['min'])}{seconds}"

    def _joined(self, found: re.Match[str]) -> str:
        """Three digits and three more may be two numbers, as in "rooms 101 102", in languages that set thousands apart
        by commas.
        """
        first, *rest = found[0].split(" ")
        may_be_several = len(first) == len(rest[0]) and (self._language.is_english or len(rest) > 1)
        return found[0] if may_be_several and "000" not in rest else first + "".join(rest)

    def _iso_date(self, found: re.Match[str]) -> str:
        time = " " if found[0].endswith("T") else ""
        return self._named(found["day"], found["month"], found["year"]) + time

    def _date(self, found: re.Match[str]) -> str:
        first, second = int(found["first"]), int(found["second"])
        is_day_first = first > len(self._language.months) or (
            second <= len(self._language.months) and self._is_day_first
        )
        day, month = (first, second) if is_day_first else (second, first)
        return self._named(day, month, found["year"]) if month <= len(self._language.months) else found[0]

    def _named(self, day: str | int, month: str | int, year: str) -> str:
        return self._language.date.format(day=int(day), month=self._language.months[int(month) - 1], year=year)

    def _ratio(self, found: re.Match[str]) -> str:
        key = f"{found[1]}/{found[2]}"
        return found[0] if key in self._language.fractions else f"{found[1]} {self._language.over} {found[2]}"


@lru_cache(maxsize=32)
def figures(language: Language, *, is_day_first: bool) -> Figures:
    """Compiled once for each language and order of dates."""
    return Figures(language, is_day_first=is_day_first)


def _telephone(found: re.Match[str]) -> str:
    """Digit by digit, with a pause between its groups; what has too few or too many digits is none."""
    groups: list[str] = re.findall(r"\d+", found[0])
    if not _FEWEST_DIGITS <= sum(map(len, groups)) <= _MAX_DIGITS:
        return found[0]
    return ("+" if found[0].startswith("+") else "") + ", ".join(map(" ".join, groups))


def _every_day(found: re.Match[str]) -> str:
    return "24 7 365" if found["year"] else "24 7"


def _between(found: re.Match[str], to: str, minus: str) -> str:
    """A hyphen with spaces around it before a smaller number is a minus."""
    is_spaced = " - " in found[0] + " "
    try:
        falls = float(found["low"].replace(",", "")) > float(found["high"].replace(",", ""))
    except ValueError:
        falls = False
    return minus if is_spaced and falls else to
