"""Keys as messages, and what is checked of those that come in."""

import re
import uuid
from collections.abc import Mapping, Sequence

from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox_kit.errors import InvalidField
from voicebox_kit.principal import PLATFORM
from voicebox_sql.keys import time_us_of

from voicebox_accounts.keys.scopes import Scope
from voicebox_accounts.store.tables import Key

OWNER = re.compile("[a-z0-9][a-z0-9._-]{0,63}")
RESERVED = (PLATFORM,)
MAX_NAME_CHARACTERS = 100

SCOPES: Mapping[int, Scope] = {
    pb.SCOPE_SPEAK: Scope.SPEAK,
    pb.SCOPE_HEAR: Scope.HEAR,
    pb.SCOPE_READ: Scope.READ,
    pb.SCOPE_MANAGE: Scope.MANAGE,
    pb.SCOPE_ADMIN: Scope.ADMIN,
}
NUMBERS: Mapping[Scope, pb.Scope.ValueType] = {Scope(scope): pb.Scope.Value(f"SCOPE_{scope.name}") for scope in Scope}


def to_key(row: Key) -> pb.Key:
    """The message of a key."""
    message = pb.Key(
        name=f"keys/{row.id}",
        owner=row.owner,
        display_name=row.display_name,
        scopes=[NUMBERS[Scope(name)] for name in row.scopes.split()],
        create_time=_time(time_us_of(row.row)),
        prefix=row.prefix,
    )
    if row.expire_us is not None:
        message.expire_time.CopyFrom(_time(row.expire_us))
    if row.revoke_us is not None:
        message.revoke_time.CopyFrom(_time(row.revoke_us))
    return message


def checked_owner(owner: str, field: str) -> str:
    """An owner's name. InvalidField when it is none."""
    if not OWNER.fullmatch(owner) or owner in RESERVED:
        raise InvalidField(
            field, f"{field} must be 1 to 64 of a to z, 0 to 9, dots, dashes and underscores, not {owner[:64]!r}."
        )
    return owner


def checked_request_id(value: str) -> str:
    """A UUID in lower case; empty when none is given. InvalidField when it is none."""
    try:
        return str(uuid.UUID(value)) if value else ""
    except ValueError:
        raise InvalidField("request_id", "request_id must be a UUID4.") from None


def checked_scopes(numbers: Sequence[int]) -> str:
    """Scopes as they are stored. InvalidField when there are none, or unknown ones."""
    if not numbers or not set(numbers) <= set(SCOPES):
        raise InvalidField("key.scopes", "key.scopes must have at least one of speak, hear, read, manage and admin.")
    chosen = {SCOPES[number] for number in numbers}
    return " ".join(scope for scope in Scope if scope in chosen)


def checked_display_name(name: str) -> str:
    """What a person calls a key. InvalidField when it is too long, or cannot be shown."""
    if len(name) > MAX_NAME_CHARACTERS or not (name.isprintable()):
        raise InvalidField(
            "key.display_name", f"key.display_name must have at most {MAX_NAME_CHARACTERS} printable characters."
        )
    return name


def key_id(name: str) -> str:
    """The id in `keys/{key}`. InvalidField when it is no such name."""
    collection, _, found = name.partition("/")
    if collection != "keys" or not found or "/" in found:
        raise InvalidField("name", f"name must be keys/KEY, not {name[:100]!r}.")
    return found


def _time(time_us: int) -> Timestamp:
    message = Timestamp()
    message.FromMicroseconds(time_us)
    return message
