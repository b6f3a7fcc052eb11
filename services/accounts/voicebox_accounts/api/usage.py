"""The RPCs about usage."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox.accounts.v1 import accounts_pb2_grpc
from voicebox_kit.errors import InvalidField
from voicebox_sql.clock import Clock

from voicebox_accounts.limits.ledger import Ledger
from voicebox_accounts.store.work import KINDS, UsageQuery, UsageSum, WorkItem, WorkStore

from .key_messages import checked_owner
from .keys import visible_owner
from .limits import checked_id, to_used

USUAL_DAYS = 30
EPOCH = date(1970, 1, 1)
US = 1_000_000
MAX_CHARACTERS = 200
"""Of a model's name, and of a request id."""

Context = grpc.aio.ServicerContext[Any, Any]


class UsageServicer(accounts_pb2_grpc.UsageServiceServicer):
    """The voicebox.accounts.v1.UsageService."""

    def __init__(self, work: WorkStore, ledger: Ledger, clock_us: Clock) -> None:
        self._work, self._ledger, self._clock_us = work, ledger, clock_us

    async def GetUsage(self, request: pb.GetUsageRequest, context: Context) -> pb.GetUsageResponse:
        today = _date(datetime.fromtimestamp(self._clock_us() / US, UTC).date())
        query = UsageQuery(
            owner=visible_owner(request.owner, context),
            key=request.key,
            from_day=_day(request.from_day, "from_day", today - USUAL_DAYS),
            to_day=_day(request.to_day, "to_day", today),
            groups=[_group(number) for number in request.group_by],
        )
        return pb.GetUsageResponse(rows=map(_row, await self._work.usage(query)))

    async def RecordUsage(self, request: pb.RecordUsageRequest, context: Context) -> Empty:
        record = request.record
        if record.kind not in KINDS:
            raise InvalidField("record.kind", f"There is no kind of work {record.kind}.")
        item = WorkItem(
            checked_id(record.work_id, "record.work_id"),
            checked_owner(record.owner, "record.owner"),
            record.key[:MAX_CHARACTERS],
            record.kind,
            record.request_id[:MAX_CHARACTERS],
        )
        end_us = record.end_time.ToMicroseconds() if record.HasField("end_time") else self._clock_us()
        used = to_used(record.amounts, "record.amounts")
        await self._ledger.record(item, record.model[:MAX_CHARACTERS], used, end_us)
        return Empty()


def _group(number: "pb.UsageGroup.ValueType") -> str:
    if number not in pb.UsageGroup.values()[1:]:
        raise InvalidField("group_by", f"There is no group {number}.")
    return pb.UsageGroup.Name(number).removeprefix("USAGE_GROUP_").lower()


def _day(text: str, field: str, default: int) -> int:
    if not text:
        return default
    try:
        return _date(date.fromisoformat(text))
    except ValueError:
        raise InvalidField(field, f"{field} must be a day such as 2026-11-30, not {text[:20]!r}.") from None


def _date(day: date) -> int:
    return (day - EPOCH).days


def _row(found: UsageSum) -> pb.UsageRow:
    fields: dict[str, Any] = dict(found.group)
    if "day" in fields:
        fields["day"] = (EPOCH + timedelta(days=fields["day"])).isoformat()
    used = found.used
    amounts = pb.Amounts(characters=used.characters, audio_ms=used.audio_ms, compute_ms=used.compute_ms)
    return pb.UsageRow(**fields, work_count=found.work_count, amounts=amounts)
