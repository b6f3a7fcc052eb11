"""Writes the grammar that the decoder searches: the caller's, and beside it a loop of phones for all other speech."""

import re

from voicebox_kit.errors import InvalidField

from voicebox_asr.engine import Jsgf, Phrases

TOP_RULE = "voicebox_top"
PHONES = (
    *(
        "AA",
        "AE",
        "AH",
        "AO",
        "AW",
        "AY",
        "B",
        "CH",
        "D",
        "DH",
        "EH",
        "ER",
        "EY",
        "F",
        "G",
        "HH",
        "IH",
        "IY",
        "JH",
        "K",
    ),
    *("L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH"),
)
"""The phones of the CMU dictionary."""

PHONE_WORDS = {f"_{phone}_": phone for phone in PHONES}
"""Words of one phone each. Without a loop of them, any speech is recognised as the nearest sentence of the grammar."""

LOOP_WEIGHT = "1e-20"
"""With 1, 1e-10, 1e-20 and 1e-30 (which is 0 to the decoder), of 24 commands in four synthetic voices 24 are right in
silence, and 15, 17, 17 and 24 in white noise 20 dB below. Of 40 other sentences, most of them near to a command, 27,
25, 25 and 14 are rejected.
"""

_FIELD = {Jsgf: "config.grammar.jsgf", Phrases: "config.grammar.phrases.phrases"}
# What is not closed goes on to the end: a text of nothing but beginnings is read once.
_LEXEME = re.compile(
    r'//[^\n]*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\])*+(?:"|\\?\Z)|\{(?:\\.|[^}\\])*+(?:\}|\\?\Z)', re.DOTALL
)
_PUBLIC_RULE = re.compile(r"\bpublic\s*<\s*([^<>\s]+)\s*>\s*=")
_NAME = re.compile(r"\bgrammar\s+([^\s;]+)\s*;")
_IMPORT = re.compile(r"\bimport\s*<")
_REFERENCE_OR_WEIGHT = re.compile(r"<[^>]*+(?:>|\Z)|/[\d.eE+-]*+/")
_WORD = re.compile(r"[^\s;=|*+<>()\[\]{}/\"]+")
_PUNCTUATION = ".,;:!?…¿¡"


def field(grammar: Jsgf | Phrases) -> str:
    """The path of the request's field that holds it."""
    return _FIELD[type(grammar)]


def searched(grammar: Jsgf | Phrases) -> str:
    """The JSGF whose rule `{name}.TOP_RULE` is to be searched; InvalidField where the grammar is visibly wrong."""
    text = grammar.text if isinstance(grammar, Jsgf) else _alternatives(grammar.phrases)
    plain = _LEXEME.sub(" ", text)
    if not text.startswith("#JSGF"):
        raise _broken("A JSGF grammar begins with `#JSGF V1.0;`.")
    if not _NAME.search(plain):
        raise _broken("The grammar has no name: `grammar commands;` comes after its first line.")
    if _IMPORT.search(plain):
        raise _broken("A grammar cannot import another: write all rules into one text.")
    rules = _PUBLIC_RULE.findall(plain)
    if not rules:
        raise _broken("The grammar has no public rule.")
    sentences = " | ".join(f"<{rule}>" for rule in rules)
    return f"{text}\npublic <{TOP_RULE}> = /1/ ({sentences}) | /{LOOP_WEIGHT}/ ({' | '.join(PHONE_WORDS)})+;\n"


def top_rule(jsgf: str) -> str:
    """The full name of the rule to search."""
    name = _NAME.search(_LEXEME.sub(" ", jsgf))
    assert name
    return f"{name[1]}.{TOP_RULE}"


def words(jsgf: str) -> set[str]:
    """What may be words in a grammar: all of them, and keywords."""
    return set(_WORD.findall(_REFERENCE_OR_WEIGHT.sub(" ", _LEXEME.sub(" ", jsgf))))


def _alternatives(phrases: tuple[str, ...]) -> str:
    sentences = " | ".join(_sentence(index, phrase) for index, phrase in enumerate(phrases))
    return f"#JSGF V1.0;\ngrammar phrases;\npublic <phrase> = {sentences};"


def _sentence(index: int, phrase: str) -> str:
    """The words of a phrase as they are spoken: without punctuation, "e-mail" as two words."""
    spoken = [
        word.strip(_PUNCTUATION)
        for word in _WORD.findall(re.sub(r"[-\u2010-\u2015]", " ", phrase.replace("\u2019", "'")))
    ]
    if not any(spoken):
        raise InvalidField(f"{_FIELD[Phrases]}[{index}]", f"The phrase {phrase!r} has no word in it.", "PHRASE_EMPTY")
    return " ".join(word for word in spoken if word)


def _broken(sentence: str) -> InvalidField:
    return InvalidField(_FIELD[Jsgf], sentence, "GRAMMAR_BROKEN")
