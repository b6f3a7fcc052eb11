"""Amounts with their currencies and units, fractions and powers, in the words of a language."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from .language import Forms, Language

_NUMBER = r"(?:\d{1,3}(?: \d{3}){1,4}|\d{1,15})(?:[.,]\d{1,15}){0,6}"
"""Thousands may be set apart by a space where a unit or a currency follows."""
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", "0123456789+-=()")
_POWER = re.compile(
    r"(?P<base>[^\W\d_]{0,40}|\d{0,15}|\))(?:(?P<raised>[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]{1,15})|\^\(?(?P<caret>[-−]?\d{1,9}|[a-z])\)?)"
)
_SUBSCRIPT = re.compile(r"[₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎]{1,15}")
_VULGAR = re.compile(r"(?:(?P<whole>\d{1,15})\s?)?(?P<vulgar>[¼-¾⅐-⅞])")
_MIXED = re.compile(r"(?<![\d/.,\w])(?:(?P<whole>\d{1,9}) )?(?P<over>\d{1,2})[/⁄](?P<under>\d{1,2})(?![\d/⁄\w])")
_NEGATIVE = re.compile(r"(?:(?<=^)|(?<=[\s(\[]))[-–](?=[^\w\s]{0,2}\d)")
_RANGE = re.compile(r"(?<=\d)\s?–\s?(?=[^\w\s]?\d)")
_ORDINAL_AS_DEGREE = re.compile(r"(?<=\d)\s?º(?=\s?[CF]\b)")
_GREEK_MICRO = re.compile(r"(?<=\d)\s?μ(?=[A-Za-z])")
_PERCENT_BEHIND = re.compile(rf"(?<![\w.,])(?P<number>{_NUMBER})\s?%")
_LONGEST_FOOTNOTED = 3
_MINOR = {"$": ("cent", "cents"), "US$": ("cent", "cents"), "€": ("cent", "cents"), "£": ("penny", "pence")}


class Quantities:
    """Says quantities in one language."""

    def __init__(self, language: Language) -> None:
        self._language = language
        unit = rf"(?!(?<=\d)[sK](?!\w))(?:{_any(language.units)})"  # "the 1980s" are no seconds, "4K" no kelvins
        currency = _any(language.currencies)
        magnitude = _any(language.magnitudes) if language.magnitudes else r"(?!)"
        words = "|".join(sorted(set(language.magnitudes.values()))) or "(?!)"
        size = rf"(?:(?P<size>{magnitude})(?![\w$€£])|\s(?P<word>{words})\b)?"
        self._before = re.compile(rf"(?<![\w.])(?P<currency>{currency})\s?(?P<number>{_NUMBER}){size}(?![\d])")
        self._after = re.compile(rf"(?<![\w.,])(?P<number>{_NUMBER}){size}\s?(?P<currency>{currency})(?![\w$€£])")
        exponent = r"(?P<exponent>[²³]|\^[23])?"
        self._unit = re.compile(
            rf"(?<![\w.,])(?P<number>{_NUMBER})[\s\u00a0]?(?P<unit>{unit}){exponent}(?:\s?/\s?(?P<per_number>\d{{1,6}}\s?)?(?P<per>{unit})(?P<per_exponent>[²³]|\^[23])?)?(?![\w²³^°])(?:(?<=[A-Za-z])\.(?=\s+[a-z\d]))?"
        )

    def spoken(self, sentence: str) -> str:
        """The sentence with its quantities in words; the numbers stay digits."""
        minus = self._language.signs["−"]
        sentence = _RANGE.sub(f" {self._language.to} ", _NEGATIVE.sub(f"{minus} ", sentence))
        sentence = (
            sentence.replace("º", "°")
            if re.search(r"\dº ?[CF]", sentence)
            else sentence.replace("μ", "µ")
            if re.search(r"\d\s?μ", sentence)
            else sentence
        )
        if self._language.is_percent_first:
            sentence = _PERCENT_BEHIND.sub(r"%\g<number>", sentence)
        sentence = self._after.sub(self._amount, self._before.sub(self._amount, sentence))
        sentence = _MIXED.sub(self._mixed, _VULGAR.sub(self._vulgar, sentence))
        sentence = self._unit.sub(self._measure, sentence)
        return _SUBSCRIPT.sub(_lowered, _POWER.sub(self._raised, sentence))

    def _amount(self, match: re.Match[str]) -> str:
        number, sign = match["number"].replace(" ", ""), match["currency"]
        forms = self._language.currencies[sign]
        size = match["word"] or self._language.magnitudes.get(match["size"] or "", "")
        if size:
            return f"{number} {size} {forms[-1]}"
        whole, point, cents = number.rpartition(".")
        if point and len(cents) == 2 and sign in _MINOR and self._language.point == "point":
            return _cents(whole, cents, forms, _MINOR[sign])
        return self._language.counted(number, forms)

    def _measure(self, match: re.Match[str]) -> str:
        forms, number = self._language.units[match["unit"]], match["number"].replace(" ", "")
        text = f"{number} {self._shaped(number, forms, match['exponent'])}"
        if match["per"]:
            many = (match["per_number"] or "").strip()
            per = self._shaped(many or "1", self._language.units[match["per"]], match["per_exponent"])
            text += f" {self._language.per} {many} {per}" if many else f" {self._language.per} {per}"
        return text

    def _shaped(self, number: str, forms: Forms, exponent: str | None) -> str:
        unit = self._language.form(number, forms)
        if not exponent:
            return unit
        shapes = self._language.square if exponent[-1] in "2²" else self._language.cubic
        return self._language.form(number, shapes).format(unit=unit, joined=unit.lower())

    def _vulgar(self, match: re.Match[str]) -> str:
        return (
            self._fraction(match["whole"], unicodedata.normalize("NFKC", match["vulgar"]).replace("⁄", "/")) or match[0]
        )

    def _mixed(self, match: re.Match[str]) -> str:
        return self._fraction(match["whole"], f"{match['over']}/{match['under']}") or match[0]

    def _fraction(self, whole: str | None, key: str) -> str:
        if key not in self._language.fractions:
            return ""
        name = self._language.fractions[key]
        return f"{whole} {self._language.half} {name}" if whole else name

    def _raised(self, match: re.Match[str]) -> str:
        base, raised = match["base"], (match["raised"] or match["caret"]).translate(_SUPERSCRIPTS).replace("−", "-")
        if base.isalpha() and len(base) > _LONGEST_FOOTNOTED:
            return f"{base} {raised}"
        named = {"2": self._language.squared, "3": self._language.cubed}.get(raised)
        power = raised.replace("-", f"{self._language.signs['−']} ")
        return f"{base} {named or f'{self._language.power} {power}'}"


@lru_cache(maxsize=16)
def quantities(language: Language) -> Quantities:
    """Compiled once for each language."""
    return Quantities(language)


def _cents(whole: str, cents: str, unit: Forms, minor: Forms) -> str:
    of_whole = f"{whole} {unit[-(whole != '1')]}"
    if int(cents) == 0:
        return of_whole
    of_cents = f"{int(cents)} {minor[int(cents) != 1]}"
    return of_cents if whole in ("", "0") else f"{of_whole} and {of_cents}"


def _lowered(match: re.Match[str]) -> str:
    return f" {match[0].translate(_SUBSCRIPTS)} "


def _any(keys: Iterable[str]) -> str:
    """A pattern for any of the keys, the longest first."""
    return "|".join(map(re.escape, sorted(keys, key=len, reverse=True)))
