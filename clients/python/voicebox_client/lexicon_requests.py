"""Builds requests about lexicons: pure functions that both clients share."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, TypedDict, Unpack

from google.api import httpbody_pb2
from google.protobuf import field_mask_pb2
from voicebox.catalog.v1 import catalog_pb2

from .requests import request_id, resource

LexiconFormat = Literal["pls", "csv"]
FORMATS: "dict[str, catalog_pb2.LexiconFormat.ValueType]" = {
    "": catalog_pb2.LEXICON_FORMAT_UNSPECIFIED,
    "pls": catalog_pb2.LEXICON_FORMAT_PLS,
    "csv": catalog_pb2.LEXICON_FORMAT_CSV,
}

Entry = tuple[str, str] | tuple[str, str, str]
"""A written form, its alias, and its phonemes in IPA; an alias may be empty where there are phonemes."""


class LexiconDetails(TypedDict, total=False):
    """The fields of a lexicon besides its name and entries."""

    display_name: Annotated[str, "its name for people"]
    language: Annotated[str, "BCP 47, of the texts that it is for; default en-US"]
    case_sensitive: Annotated[bool, "True: capital and small letters matter"]


class LexiconChanges(LexiconDetails, total=False):
    """The fields of a lexicon that can change."""

    entries: Annotated[Iterable[Entry], "all entries, in place of those before"]


class LexiconFileDetails(LexiconDetails, total=False):
    """What is said of a lexicon's file; the rest is found in it."""

    format: Annotated[LexiconFormat, "how it is written"]


def create_lexicon(
    entries: Iterable[Entry], lexicon_id: str, **details: Unpack[LexiconDetails]
) -> catalog_pb2.CreateLexiconRequest:
    """With a fresh request id."""
    lexicon = catalog_pb2.Lexicon(entries=map(_entry, entries), **details)
    return catalog_pb2.CreateLexiconRequest(lexicon=lexicon, lexicon_id=lexicon_id, request_id=request_id())


def update_lexicon(name: str, etag: str, **changes: Unpack[LexiconChanges]) -> catalog_pb2.UpdateLexiconRequest:
    """Changes exactly the fields that are given, also to empty values."""
    fields: dict[str, Any] = dict(changes)
    if "entries" in fields:
        fields["entries"] = map(_entry, fields["entries"])
    lexicon = catalog_pb2.Lexicon(name=resource("lexicons", name), etag=etag, **fields)
    return catalog_pb2.UpdateLexiconRequest(lexicon=lexicon, update_mask=field_mask_pb2.FieldMask(paths=sorted(fields)))


def import_lexicon(
    lexicon_id: str, id_: str, details: LexiconFileDetails, pieces: Iterator[bytes]
) -> Iterator[catalog_pb2.ImportLexiconRequest]:
    """The messages of an upload; the first one has all but the rest of the file. Raises ValueError for an unknown
    format.
    """
    yield catalog_pb2.ImportLexiconRequest(
        lexicon_id=lexicon_id,
        request_id=id_,
        display_name=details.get("display_name", ""),
        language=details.get("language", ""),
        case_sensitive=details.get("case_sensitive"),
        format=form_of(details.get("format", "")),
        file=httpbody_pb2.HttpBody(data=next(pieces, b"")),
    )
    for piece in pieces:
        yield catalog_pb2.ImportLexiconRequest(file=httpbody_pb2.HttpBody(data=piece))


def form_of(name: str) -> "catalog_pb2.LexiconFormat.ValueType":
    """The format of that name; raises ValueError."""
    if name not in FORMATS:
        raise ValueError(f"There is no format {name!r} of lexicons: choose pls or csv.")
    return FORMATS[name]


def _entry(entry: Entry) -> catalog_pb2.LexiconEntry:
    written, alias, phoneme = entry if len(entry) == 3 else (*entry, "")
    return catalog_pb2.LexiconEntry(written=written, alias=alias, phoneme=phoneme)
