"""The RPCs about limits, and those by which services reserve work."""

from collections.abc import Callable, Mapping
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox.accounts.v1 import accounts_pb2_grpc
from voicebox_kit import principal, request_id
from voicebox_kit.errors import InvalidField, NotFound
from voicebox_kit.principal import Principal

from voicebox_accounts.effective_limits import NAMES
from voicebox_accounts.limits.ledger import LIFETIME_SECONDS, Ledger
from voicebox_accounts.store.keys import KeyStore
from voicebox_accounts.store.limits import LimitStore
from voicebox_accounts.store.work import KINDS, Used

from .key_messages import checked_owner
from .keys import visible_owner

MAX_AMOUNT = 1 << 50
MAX_ID_CHARACTERS = 128
SUFFIX = "/limits"

Context = grpc.aio.ServicerContext[Any, Any]


class LimitServicer(accounts_pb2_grpc.LimitServiceServicer):
    """The voicebox.accounts.v1.LimitService. `changed` is called after each change."""

    def __init__(self, limits: LimitStore, keys: KeyStore, ledger: Ledger, changed: Callable[[], None]) -> None:
        self._limits, self._keys, self._ledger, self._changed = limits, keys, ledger, changed

    async def GetLimits(self, request: pb.GetLimitsRequest, context: Context) -> pb.Limits:
        subject = await self._subject(request.name, "name", context)
        found = await self._limits.of([subject])
        return _message(subject, found.get(subject, {}))

    async def UpdateLimits(self, request: pb.UpdateLimitsRequest, context: Context) -> pb.Limits:
        subject = await self._subject(request.limits.name, "limits.name", context)
        changes = {name: _value(request.limits, name) for name in _changed_names(request)}
        done = await self._limits.change(subject, changes)
        self._changed()
        return _message(subject, done)

    async def ReserveWork(self, request: pb.ReserveWorkRequest, context: Context) -> pb.ReserveWorkResponse:
        work_id = checked_id(request.work_id, "work_id")
        if request.kind not in KINDS:
            raise InvalidField("kind", f"There is no kind of work {request.kind}.")
        amounts = to_used(request.amounts, "amounts")
        await self._ledger.reserve(work_id, caller(context), request.kind, amounts, request_id.current.get())
        return _lifetime()

    async def RenewWork(self, request: pb.RenewWorkRequest, context: Context) -> pb.ReserveWorkResponse:
        work_id = checked_id(request.work_id, "work_id")
        amounts, used = to_used(request.amounts, "amounts"), to_used(request.used, "used")
        await self._ledger.renew(work_id, caller(context), amounts, used)
        return _lifetime()

    async def _subject(self, name: str, field: str, context: Context) -> str:
        """`owners/{owner}` or `keys/{key}`. NotFound for a key that there is not, or that the caller may not see."""
        collection, _, rest = name.removesuffix(SUFFIX).partition("/")
        if not name.endswith(SUFFIX) or collection not in ("owners", "keys") or not rest or "/" in rest:
            raise InvalidField(field, f"{field} must be owners/OWNER/limits or keys/KEY/limits, not {name[:100]!r}.")
        visible = visible_owner("", context)
        if collection == "owners":
            owner = checked_owner(rest, field)
            if visible not in ("", owner):
                raise NotFound("owner", f"owners/{owner}")
            return f"owners/{owner}"
        key = await self._keys.get(rest)
        if key is None or visible not in ("", key.owner):
            raise NotFound("key", f"keys/{rest}")
        return f"keys/{key.id}"


def caller(context: Context) -> Principal:
    """For whom a service works; without authentication, the owner in the metadata."""
    return principal.current.get() or Principal(principal.owner(context))


def checked_id(given: str, field: str) -> str:
    """The name of a piece of work. InvalidField when it is none."""
    if not 0 < len(given) <= MAX_ID_CHARACTERS or not given.isprintable():
        raise InvalidField(field, f"{field} must have 1 to {MAX_ID_CHARACTERS} printable characters.")
    return given


def to_used(amounts: pb.Amounts, field: str) -> Used:
    """Amounts. InvalidField when they cannot be."""
    for name in ("characters", "audio_ms", "compute_ms"):
        if not 0 <= getattr(amounts, name) <= MAX_AMOUNT:
            raise InvalidField(f"{field}.{name}", f"{field}.{name} must be 0 to {MAX_AMOUNT}.")
    return Used(amounts.characters, amounts.audio_ms, amounts.compute_ms)


def _changed_names(request: pb.UpdateLimitsRequest) -> list[str]:
    paths = list(request.update_mask.paths)
    if unknown := set(paths) - set(NAMES):
        raise InvalidField("update_mask", f"There is no limit {sorted(unknown)[0][:100]!r}.")
    return paths or list(NAMES)


def _value(limits: pb.Limits, name: str) -> int | None:
    if not limits.HasField(name):  # type: ignore[arg-type]  # one of NAMES
        return None
    value: int = getattr(limits, name)
    if not 0 <= value <= MAX_AMOUNT:
        raise InvalidField(f"limits.{name}", f"limits.{name} must be 0 to {MAX_AMOUNT}.")
    return value


def _message(subject: str, limits: Mapping[str, int]) -> pb.Limits:
    message = pb.Limits(name=f"{subject}{SUFFIX}")
    for name, value in limits.items():
        setattr(message, name, value)
    return message


def _lifetime() -> pb.ReserveWorkResponse:
    return pb.ReserveWorkResponse(lifetime=Duration(seconds=round(LIFETIME_SECONDS)))
