"""Lexicons as messages and as rows."""

from collections.abc import Iterable
from typing import Any

from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_sql.keys import time_us_of

from voicebox_catalog.lexicons.entries import Entry
from voicebox_catalog.store.tables import Lexicon

from . import checks
from .times import to_timestamp

LEXICON_FIELDS = ("display_name", "language", "case_sensitive", "entries")
"""What a caller may set in a lexicon."""


def to_lexicon(row: Lexicon, *, with_entries: bool = True) -> pb.Lexicon:
    """The message of a lexicon."""
    return pb.Lexicon(
        name=f"lexicons/{row.id}",
        display_name=row.display_name,
        language=row.language,
        case_sensitive=row.case_sensitive,
        entries=map(_to_entry, entries_of(row)) if with_entries else (),
        entry_count=row.entry_count,
        create_time=to_timestamp(time_us_of(row.key)),
        update_time=to_timestamp(row.update_time_us),
        etag=row.etag,
        owner=row.owner,
    )


def plain_columns(message: pb.Lexicon, fields: Iterable[str]) -> dict[str, Any]:
    """The checked values of those fields that stand for themselves, by the names of their columns."""
    columns = dict[str, Any]()
    if "display_name" in fields:
        columns["display_name"] = checks.display_name(message.display_name, "lexicon.display_name")
    if "language" in fields:
        columns["language"] = checks.language(message.language, "lexicon.language")
    if "case_sensitive" in fields:
        columns["case_sensitive"] = message.case_sensitive
    return columns


def given_entries(message: pb.Lexicon) -> list[Entry]:
    """The entries of a message, not checked yet."""
    return [
        Entry(entry.written, entry.alias, entry.phoneme, f"lexicon.entries[{number}]")
        for number, entry in enumerate(message.entries)
    ]


def entries_of(row: Lexicon) -> list[Entry]:
    """The entries of a row."""
    return [
        Entry(written, alias, phoneme, f"lexicon.entries[{number}]")
        for number, (written, alias, phoneme) in enumerate(row.entries)
    ]


def entry_columns(entries: list[Entry]) -> dict[str, Any]:
    """Checked entries, by the names of their columns."""
    stored = [[entry.written, entry.alias, entry.phoneme] for entry in entries]
    return {"entries": stored, "entry_count": len(stored)}


def _to_entry(entry: Entry) -> pb.LexiconEntry:
    return pb.LexiconEntry(written=entry.written, alias=entry.alias, phoneme=entry.phoneme)
