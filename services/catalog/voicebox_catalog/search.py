"""Full-text search in generations: the one place with SQL of a single database, SQLite's FTS5.

The index has a row per generation, numbered by the generation's creation key: it answers in time order, and a common word costs no
more than a rare one, since nothing is sorted. Beside the words stand scope tokens, one for the owner and one for each value that
a filter may compare with `=`, so that "this word, of this profile" is one intersection inside the index too.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from sqlalchemy import ColumnElement, column, table
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import text as sql
from voicebox_kit.errors import InvalidField

from .filters import Condition, Field, Operator
from .tables import Generation

MAX_CHARACTERS = 500
MAX_WORDS = 32

# Vowel signs (Mc, Mn) belong to the words of Indian scripts. The prefixes of 1 to 3 characters have an index of their own:
# "a*" would otherwise merge thousands of words.
CREATE = sql("""
CREATE VIRTUAL TABLE IF NOT EXISTS generation_search
USING fts5(scope, words, tokenize="unicode61 remove_diacritics 2 categories 'L* N* Co Mc Mn'", prefix='1 2 3')
""")

INDEX = table("generation_search", column("rowid"), column("generation_search"))
_INSERT = sql("INSERT INTO generation_search(rowid, scope, words) VALUES (:key, :scope, :words)")
_DELETE = sql("DELETE FROM generation_search WHERE rowid = :key")

# Chinese, Japanese, Thai, Lao, Khmer and Burmese write no spaces: each of their letters is a word of its own in the index.
_UNSPACED = re.compile("([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")


def row_of(generation: Generation) -> dict[str, int | str]:
    """What the index keeps of a generation."""
    scope = [
        scope_token("owner", generation.owner),
        scope_token(Field.PROFILE, generation.profile),
        scope_token(Field.VOICE, generation.voice),
        scope_token(Field.ENGINE, generation.engine),
        scope_token(Field.LANGUAGE, generation.language),
        scope_token(Field.STATUS, generation.status),
    ]
    return {"key": generation.key, "scope": " ".join(scope), "words": _spaced(generation.text)}


async def add(session: AsyncSession, rows: Iterable[Generation]) -> None:
    """Index generations, in the transaction that stores them."""
    await session.execute(_INSERT, [row_of(row) for row in rows])


async def remove(session: AsyncSession, key: int) -> None:
    """Forget a generation, in the transaction that deletes it."""
    await session.execute(_DELETE, {"key": key})


def words_of(search: str) -> tuple[str, ...]:
    """The words that are looked for. InvalidField("search") when there are too many."""
    if len(search) > MAX_CHARACTERS or "\0" in search:
        raise InvalidField("search", f"search must have at most {MAX_CHARACTERS} characters, and no NUL.")
    words = tuple(word for word in search.split() if any(unicodedata.category(letter)[0] in "LN" for letter in word))
    if len(words) > MAX_WORDS:
        raise InvalidField("search", f"search must have at most {MAX_WORDS} words.")
    return words


def matches(owner: str, equalities: Iterable[Condition], words: tuple[str, ...]) -> ColumnElement[bool]:
    """True for the rows of INDEX of this owner with these values, whose text has all words, the last of them perhaps only begun."""
    scope = [scope_token("owner", owner), *(scope_token(condition.field, condition.value) for condition in equalities)]
    phrases = ['"' + _spaced(word).replace('"', '""') + '"' for word in words]
    terms = [*(f'scope : "{token}"' for token in scope), *(f"words : {phrase}" for phrase in phrases)]
    expression = " AND ".join(terms) + (" *" if words else "")
    return INDEX.c.generation_search.bool_op("MATCH")(expression)


def scope_token(field: str, value: str | int) -> str:
    """One word that stands for `field = value`, whatever characters the value has."""
    return "x" + hashlib.sha256(f"{field}={value}".encode()).hexdigest()[:20]


def is_equality(condition: Condition) -> bool:
    """Whether scope tokens can answer the condition."""
    return condition.operator is Operator.EQUAL and condition.field not in (Field.CREATE_TIME, Field.DURATION)


def _spaced(text: str) -> str:
    return _UNSPACED.sub(r" \1 ", unicodedata.normalize("NFKC", text))
