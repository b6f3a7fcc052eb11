"""Language tags: reads every form that programs send, writes RFC 5646, and decides which language covers
which.

The tables of replaced, three-letter and valid subtags are those of langcodes (IANA's registry and CLDR). Its class
Language is not used: it keeps every tag that it has read, and anybody may send any number of them.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from langcodes.data_dicts import (
    ALL_SCRIPTS,
    LANGUAGE_REPLACEMENTS,
    NORMALIZED_MACROLANGUAGES,
    TERRITORY_REPLACEMENTS,
    VALIDITY,
)
from langcodes.tag_parser import LanguageTagError, parse_tag

from .errors import InvalidField
from .language_names import TAGS

MULTILINGUAL = "mul"
"""Several languages, by ISO 639-2."""

SEVERAL = frozenset({"mul", "multi", "multilingual"})
OPEN = frozenset({"", "auto", "automatic", "detect", "none", "null", "root", "und", "undetermined", "unknown"})
"""What people write who leave the language open."""

MAX_CHARACTERS = 64
MAX_CACHED = 2048

LOCALE = re.compile(r"(?P<tag>[A-Za-z0-9_ -]+)(?:\.[A-Za-z0-9_-]+)?(?:@(?P<modifier>[A-Za-z0-9_=-]+))?")
"""A POSIX locale, as `pt_BR.UTF-8` or `sr_RS@latin`."""

MODIFIERS = {"latin": "Latn", "cyrillic": "Cyrl", "devanagari": "Deva", "arabic": "Arab", "valencia": "valencia"}
"""The modifiers of locales that are about a language: a script or a variant. Others, as `euro`, are not."""

MACROLANGUAGES = {**NORMALIZED_MACROLANGUAGES, "nb": "no"}
"""The language that is usually meant by the name of a wider one, and the wider one: Mandarin for Chinese, Bokmål for
Norwegian.
"""

KEPT_AS_WRITTEN = frozenset({"nb", "tw"})
"""Languages that keep their own tags, although they are matched as the wider ones."""


def tag(given: str, field: str) -> str:
    """The tag as RFC 5646 writes it; empty where the language is left open, MULTILINGUAL where there are several.

    Raises InvalidField(`field`) when it is unclear which language is meant.
    """
    found = understood(given)
    if found is None:
        raise InvalidField(
            field, f"{field}: {given[:40]!r} is not a language tag such as en-US.", "LANGUAGE_TAG_INVALID"
        )
    return found


@lru_cache(MAX_CACHED)
def _understood(given: str) -> str | None:
    plain = given.strip(" ")
    if plain.lower() in OPEN:
        return ""
    if plain.lower() in SEVERAL:
        return MULTILINGUAL
    if name := TAGS.get(" ".join(re.split(r"[\s_(),-]+", plain.lower())).strip()):
        return name
    match = LOCALE.fullmatch(plain)
    if match is None:
        return None
    modifier = MODIFIERS.get((match["modifier"] or "").lower(), "")
    subtags = re.split(r"[_-]", match["tag"])
    if len(modifier) == 4:
        subtags.insert(1, modifier)
    elif modifier:
        subtags.append(modifier)
    return _canonical("-".join(subtags))


def understood(given: str) -> str | None:
    """As `tag`, and None where that raises."""
    return _understood(given) if len(given) <= MAX_CHARACTERS else None


def own(code: str) -> str:
    """The tag of an engine's own code for a language; what no tag has room for becomes private use: `en-us-nyc` is
    `en-US-x-nyc`.
    """
    subtags = code.replace("_", "-").split("-")
    for count in range(len(subtags), 0, -1):
        if found := understood("-".join(subtags[:count])):
            rest = [subtag.lower() for subtag in subtags[count:] if subtag.lower() != "x"]
            return "-".join([found, *(["x", *rest] if rest else [])])
    return "x-" + "-".join(subtags).lower()


def covers(requested: str, spoken: str) -> bool:
    """Whether a voice or model for one language will do for another: "en" covers "en-US", and a voice for "en" speaks
    "en-US".

    Scripts and private use, as in `en-x-foo`, count where both name one; extensions, as `u-ca-buddhist`, are not about
    speech.
    """
    (script, private, one), (other_script, other_private, other) = _parts(requested), _parts(spoken)
    if (script and other_script and script != other_script) or (private and other_private and private != other_private):
        return False
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def same(one: str, other: str) -> bool:
    """Whether two tags are one language, region and script."""
    return _parts(one) == _parts(other)


def best(requested: str, known: Iterable[str]) -> str | None:
    """Which of the known tags is meant: the same one, else the first that covers it."""
    among = [each for each in known if covers(requested, each)]
    return max(among, key=lambda each: (understood(each) == understood(requested), same(requested, each)), default=None)


def primary(given: str) -> str:
    """The language alone, without region or script: "en" of "en-US"; empty where it is open or cannot be understood."""
    return (understood(given) or "").partition("-")[0]


@lru_cache(MAX_CACHED)
def _split(known: str) -> tuple[str, str, tuple[str, ...]]:
    public, _, private = known.partition("-x-")
    subtags = public.split("-")
    if subtags[0] == "x":  # private use throughout: none of it is a script
        return "", "", tuple(subtag.lower() for subtag in known.split("-"))
    extensions = next((place for place, subtag in enumerate(subtags) if place and len(subtag) == 1), len(subtags))
    subtags = subtags[: max(extensions, 1)]
    script = next((subtag for subtag in subtags[1:2] if len(subtag) == 4 and subtag.isalpha()), "")
    rest = subtags[2:] if script else subtags[1:]
    return script, private.lower(), (MACROLANGUAGES.get(subtags[0], subtags[0]), *(subtag.lower() for subtag in rest))


def _parts(given: str) -> tuple[str, str, tuple[str, ...]]:
    """The script, private use, and the language with all that narrows it; a language of its own for what cannot be
    understood.
    """
    return _split(understood(given) or given[:MAX_CHARACTERS])


def _canonical(written: str) -> str | None:
    """A tag of RFC 5646, in its letter case, by today's subtags; None when it is none."""
    lower = written.lower()
    try:
        parsed: list[tuple[str, str]] = parse_tag(LANGUAGE_REPLACEMENTS.get(lower, lower))  # type: ignore[no-untyped-call]
    except LanguageTagError:
        return None
    subtags: dict[str, list[str]] = {}
    for kind, value in parsed:
        subtags.setdefault(kind, []).append(value)
    for value in subtags.pop("extlang", []):
        if not _extend(subtags, value):
            return None
    language = subtags["language"][0] if "language" in subtags else LANGUAGE_REPLACEMENTS.get(lower, "")
    return _written(language, subtags)


def _extend(subtags: dict[str, list[str]], value: str) -> bool:
    """An extended language stands for itself, as in zh-yue; a region may have three letters, as in pt-BRA."""
    language = subtags["language"][0]
    extended = LANGUAGE_REPLACEMENTS.get(f"{language}-{value}", "")
    if value in TERRITORY_REPLACEMENTS and not extended:
        subtags.setdefault("territory", []).append(TERRITORY_REPLACEMENTS[value])
        return True
    subtags["language"] = [extended or value]
    return bool(VALIDITY.match(value))


def _written(language: str, subtags: dict[str, list[str]]) -> str | None:
    """The language by its replacement, which may bring a script or a region, and the rest; None for subtags that are
    not assigned.
    """
    if language.startswith("x-"):
        return language
    first, *brought = LANGUAGE_REPLACEMENTS.get(language, language).split("-")
    scripts = [subtag for subtag in brought if len(subtag) == 4] if "script" not in subtags else subtags["script"]
    regions = [subtag for subtag in brought if len(subtag) == 2] if "territory" not in subtags else subtags["territory"]
    scripts = [script.title() for script in scripts]
    regions = [TERRITORY_REPLACEMENTS.get(region.lower(), region).upper() for region in regions]
    variants = [variant.lower() for variant in subtags.get("variant", [])]
    checked = [first, *regions, *variants]
    if not all(map(VALIDITY.match, checked)) or not all(
        script in ALL_SCRIPTS or VALIDITY.match(script) for script in scripts
    ):
        return None
    if first not in KEPT_AS_WRITTEN:
        first = NORMALIZED_MACROLANGUAGES.get(first, first)
    rest = [value.lower() for kind in ("extension", "private") for value in subtags.get(kind, [])]
    return "-".join([first, *scripts[:1], *regions[:1], *variants, *rest])
