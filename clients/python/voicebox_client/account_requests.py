"""Builds requests about keys, limits and usage: pure functions that both clients share."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Literal, TypedDict, Unpack

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.accounts.v1 import accounts_pb2

from .requests import request_id, resource

Scope = Literal["speak", "hear", "read", "manage", "admin"]
UsageGroup = Literal["owner", "key", "day", "model", "kind"]


class LimitChanges(TypedDict, total=False):
    """Limits of an owner or a key; None is no limit."""

    requests_per_minute: Annotated[int | None, "requests in each minute"]
    concurrent_streams: Annotated[int | None, "pieces of speech and recognition at once"]
    characters_per_day: Annotated[int | None, "characters that are spoken in each day of UTC"]
    audio_seconds_per_day: Annotated[int | None, "seconds of audio that are recognised in each day of UTC"]
    stored_bytes: Annotated[int | None, "bytes of stored audio"]
    model_downloads_per_day: Annotated[int | None, "downloads of models in each day of UTC"]
    concurrent_jobs: Annotated[int | None, "jobs at once"]


def create_key(
    owner: str, scopes: Sequence[Scope], display_name: str, expire_time: Timestamp | None
) -> accounts_pb2.CreateKeyRequest:
    """Raises ValueError for an unknown scope."""
    key = accounts_pb2.Key(owner=owner, display_name=display_name, scopes=map(scope_number, scopes))
    if expire_time is not None:
        key.expire_time.CopyFrom(expire_time)
    return accounts_pb2.CreateKeyRequest(key=key, request_id=request_id())


def scope_number(name: str) -> "accounts_pb2.Scope.ValueType":
    """The contract's number of a scope. Raises ValueError when there is none."""
    return accounts_pb2.Scope.Value(f"SCOPE_{name.upper()}")


def scope_name(number: "accounts_pb2.Scope.ValueType") -> str:
    """A scope as people write it."""
    return accounts_pb2.Scope.Name(number).removeprefix("SCOPE_").lower()


def rotate_key(name: str, overlap_seconds: float) -> accounts_pb2.RotateKeyRequest:
    """The old key goes on for so long."""
    overlap = Duration()
    overlap.FromTimedelta(timedelta(seconds=overlap_seconds))
    return accounts_pb2.RotateKeyRequest(name=resource("keys", name), overlap=overlap, request_id=request_id())


def limits_name(owner: str, key: str) -> str:
    """The resource name of the limits of an owner or of a key."""
    return f"{resource('keys', key) if key else resource('owners', owner)}/limits"


def update_limits(name: str, **changes: Unpack[LimitChanges]) -> accounts_pb2.UpdateLimitsRequest:
    """Changes exactly the limits that are given."""
    given: Mapping[str, object] = changes
    limits = accounts_pb2.Limits(name=name)
    for field, value in given.items():
        if value is not None:
            setattr(limits, field, value)
    return accounts_pb2.UpdateLimitsRequest(limits=limits, update_mask=FieldMask(paths=sorted(given)))


def usage(owner: str, key: str, from_day: str, to_day: str, by: Sequence[UsageGroup]) -> accounts_pb2.GetUsageRequest:
    """Raises ValueError for an unknown group."""
    groups = [accounts_pb2.UsageGroup.Value(f"USAGE_GROUP_{name.upper()}") for name in by]
    return accounts_pb2.GetUsageRequest(
        owner=owner, key=key.removeprefix("keys/"), from_day=from_day, to_day=to_day, group_by=groups
    )
