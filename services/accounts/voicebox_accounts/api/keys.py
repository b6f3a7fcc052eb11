"""The RPCs about keys."""

from collections.abc import Callable
from typing import Any

import grpc
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox.accounts.v1 import accounts_pb2_grpc
from voicebox_kit import principal
from voicebox_kit.errors import AlreadyExists, InvalidField, NotFound
from voicebox_sql.clock import Clock
from voicebox_sql.paging import from_token, page_size, to_token

from voicebox_accounts.keys.creation import NewKey, new_key
from voicebox_accounts.store.keys import KeyStore
from voicebox_accounts.store.tables import Key

from .key_messages import (
    checked_display_name,
    checked_owner,
    checked_request_id,
    checked_scopes,
    key_id,
    to_key,
)

MAX_OVERLAP_SECONDS = 30 * 86_400
MAX_ASKED = 10_000
US = 1_000_000

Context = grpc.aio.ServicerContext[Any, Any]


class KeyServicer(accounts_pb2_grpc.KeyServiceServicer):
    """The voicebox.accounts.v1.KeyService. `changed` is called after each change."""

    def __init__(self, keys: KeyStore, clock_us: Clock, changed: Callable[[], None]) -> None:
        self._keys, self._clock_us, self._changed = keys, clock_us, changed

    async def CreateKey(self, request: pb.CreateKeyRequest, context: Context) -> pb.CreateKeyResponse:
        given, expire_us = request.key, None
        if given.HasField("expire_time"):
            expire_us = given.expire_time.ToMicroseconds()
            if expire_us <= self._clock_us():
                raise InvalidField("key.expire_time", "key.expire_time is in the past.")
        owner = checked_owner(given.owner, "key.owner")
        name = checked_display_name(given.display_name)
        scopes, request_id = checked_scopes(given.scopes), checked_request_id(request.request_id)
        return await self._stored(new_key(owner, scopes, name, expire_us, request_id))

    async def ListKeys(self, request: pb.ListKeysRequest, context: Context) -> pb.ListKeysResponse:
        owner, size = visible_owner(request.owner, context), page_size(request.page_size)
        rows = await self._keys.page(owner, from_token(request.page_token, "keys", owner), size + 1)
        next_token = to_token(rows[size - 1].row, "keys", owner) if len(rows) > size else ""
        return pb.ListKeysResponse(keys=map(to_key, rows[:size]), next_page_token=next_token)

    async def GetKey(self, request: pb.GetKeyRequest, context: Context) -> pb.Key:
        return to_key(await self._found(request.name, context))

    async def RevokeKey(self, request: pb.RevokeKeyRequest, context: Context) -> pb.Key:
        key = await self._found(request.name, context)
        await self._keys.revoke(key.id, self._clock_us())
        self._changed()
        return to_key(await self._found(request.name, context))

    async def RotateKey(self, request: pb.RotateKeyRequest, context: Context) -> pb.CreateKeyResponse:
        overlap_us = request.overlap.ToMicroseconds()
        if not 0 <= overlap_us <= MAX_OVERLAP_SECONDS * US:
            raise InvalidField("overlap", "overlap must be 0 to 30 days.")
        old = await self._found(request.name, context)
        request_id = checked_request_id(request.request_id)
        rotation = f"{old.id} {request_id}" if request_id else ""
        new = new_key(old.owner, old.scopes, old.display_name, old.expire_us, rotation)
        try:
            made = await self._stored(new)
        except AlreadyExists:  # by the same request, which may have been cut off before the old key was to end
            await self._end(old, overlap_us)
            raise
        await self._end(old, overlap_us)
        return made

    async def FindInvalidKeys(self, request: pb.FindInvalidKeysRequest, context: Context) -> pb.FindInvalidKeysResponse:
        if len(request.keys) > MAX_ASKED:
            raise InvalidField("keys", f"keys may have {MAX_ASKED} ids.")
        valid = await self._keys.valid(request.keys, self._clock_us())
        return pb.FindInvalidKeysResponse(keys=sorted(set(request.keys) - valid))

    async def _end(self, key: Key, overlap_us: int) -> None:
        await self._keys.expire(key.id, self._clock_us() + overlap_us)
        self._changed()

    async def _stored(self, new: NewKey) -> pb.CreateKeyResponse:
        row = await self._keys.add(new.key, self._clock_us())
        return pb.CreateKeyResponse(key=to_key(row), secret=new.secret)

    async def _found(self, name: str, context: Context) -> Key:
        """NotFound, too, for a key of another owner that the caller may not see."""
        key = await self._keys.get(key_id(name))
        visible = visible_owner("", context)
        if key is None or visible not in ("", key.owner):
            raise NotFound("key", name)
        return key


def visible_owner(asked: str, context: Context) -> str:
    """The owner whose rows a caller sees: what it asked for, empty for all of them, where it may see everybody's; else
    its own.
    """
    caller = principal.current.get()
    return asked if caller is None or caller.is_admin else principal.owner(context)
