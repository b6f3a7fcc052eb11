"""The RPCs that watch jobs."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_kit.errors import InvalidField

from voicebox_jobs.state import ENDED
from voicebox_jobs.store.events import EventStore
from voicebox_jobs.store.jobs import JobStore

from . import checks
from .messages import to_event
from .watchers import Watchers


class Watching:
    """Each method answers one RPC for the owner that calls. A number that no event has yet stands for the newest one:
    whoever saw it saw it before a backup was restored.
    """

    def __init__(self, jobs: JobStore, events: EventStore, watchers: Watchers) -> None:
        self._jobs, self._events, self._watchers = jobs, events, watchers

    async def job(self, request: pb.WatchJobRequest, owner: str) -> AsyncIterator[pb.JobEvent]:
        """The events of one job, to the one with which it ends."""
        job_id, after = checks.identity("jobs", request.name), _sequence(request.after_sequence)
        job = (await self._jobs.view(owner, job_id)).job
        after = min(after, job.sequence)
        if job.state in ENDED and job.sequence <= after:
            return
        events = self._watchers.watch(after, lambda event: event.job_key == job.key, job_key=job.key)
        async with aclosing(events):  # type: ignore[type-var]
            async for event in events:
                yield to_event(event)
                if event.state in ENDED and (await self._jobs.view(owner, job_id)).job.sequence <= event.sequence:
                    return

    async def all(self, request: pb.WatchJobsRequest, owner: str) -> AsyncIterator[pb.JobEvent]:
        """The events of all jobs of the owner."""
        after = _sequence(request.after_sequence) if request.HasField("after_sequence") else None
        if after is not None:
            after = min(after, await self._events.newest())
        events = self._watchers.watch(after, lambda event: event.owner == owner, owner=owner)
        async with aclosing(events):  # type: ignore[type-var]
            async for event in events:
                yield to_event(event)


def _sequence(value: int) -> int:
    if value < 0:
        raise InvalidField("after_sequence", "after_sequence must not be negative.")
    return value
