"""The RPCs of retention: how long an owner's history is kept. Nothing is ever deleted without a rule."""

import logging

from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_blobs.blobs import Blobs
from voicebox_kit.errors import InvalidField
from voicebox_sql.clock import Clock

from voicebox_catalog.store.filters import Condition, FilterField, Operator
from voicebox_catalog.store.generations import GenerationStore
from voicebox_catalog.store.history_query import Query
from voicebox_catalog.store.retention import RetentionStore
from voicebox_catalog.store.tables import RetentionRule
from voicebox_catalog.store.transcriptions import TranscriptionStore

from .history import delete_all
from .times import to_timestamp

log = logging.getLogger(__name__)

MAX_DAYS = 36_500
DAY_US = 86_400_000_000


class Retention:
    """Each method answers one RPC for the owner that calls."""

    def __init__(
        self,
        rules: RetentionStore,
        generations: GenerationStore,
        transcriptions: TranscriptionStore,
        blobs: Blobs,
        clock: Clock,
    ) -> None:
        self._rules = rules
        self._generations = generations
        self._transcriptions = transcriptions
        self._blobs = blobs
        self._clock = clock

    async def get(self, owner: str) -> pb.RetentionRule:
        return _to_rule(await self._rules.rule(owner))

    async def update(self, request: pb.UpdateRetentionRuleRequest, owner: str) -> pb.RetentionRule:
        rule = request.rule
        days = rule.keep_days if rule.HasField("keep_days") else None
        size = rule.keep_bytes if rule.HasField("keep_bytes") else None
        if days is not None and not 1 <= days <= MAX_DAYS:
            raise InvalidField("rule.keep_days", f"rule.keep_days must be 1 to {MAX_DAYS}.")
        if size is not None and size < 0:
            raise InvalidField("rule.keep_bytes", "rule.keep_bytes must not be negative.")
        row = RetentionRule(owner=owner, keep_days=days, keep_bytes=size, update_time_us=self._clock())
        return _to_rule(await self._rules.set_rule(row))

    async def apply(
        self, request: pb.ApplyRetentionRequest, owner: str, time_us: int | None = None
    ) -> pb.ApplyRetentionResponse:
        """Deletes, or counts, what the owner's rule no longer keeps at `time_us`, which is now by default."""
        rule = await self._rules.rule(owner)
        query = await self._beyond(rule, self._clock() if time_us is None else time_us) if rule else None
        if query is None:
            return pb.ApplyRetentionResponse()
        if not request.force:
            generations, transcriptions = (
                await self._generations.total(owner, query),
                await self._transcriptions.total(owner, query),
            )
        else:
            generations = await delete_all(self._generations, self._blobs, owner, query)
            transcriptions = await delete_all(self._transcriptions, self._blobs, owner, query)
            log.info(
                "retention deleted %d generations and %d transcriptions of %s",
                generations.count,
                transcriptions.count,
                owner,
            )
        return pb.ApplyRetentionResponse(
            generation_count=generations.count,
            transcription_count=transcriptions.count,
            size_bytes=generations.size_bytes + transcriptions.size_bytes,
        )

    async def owners(self) -> list[str]:
        """Everybody who has a rule that does not keep everything."""
        return [rule.owner for rule in await self._rules.rules()]

    async def _beyond(self, rule: RetentionRule, time_us: int) -> Query | None:
        """The rows that the rule no longer keeps; None when there are none. Favourites are always kept."""
        ends = []
        if rule.keep_days is not None:
            ends.append(time_us - rule.keep_days * DAY_US - 1)
        if rule.keep_bytes is not None:
            excess_us = await self._rules.excess_end_us(rule.owner, rule.keep_bytes)
            ends += [] if excess_us is None else [excess_us]
        if not ends:
            return None
        old = Condition(FilterField.CREATE_TIME, Operator.AT_MOST, max(ends))
        return Query((old, Condition(FilterField.FAVORITE, Operator.EQUAL, False)))


def _to_rule(row: RetentionRule | None) -> pb.RetentionRule:
    if row is None:
        return pb.RetentionRule()
    return pb.RetentionRule(
        keep_days=row.keep_days, keep_bytes=row.keep_bytes, update_time=to_timestamp(row.update_time_us)
    )
