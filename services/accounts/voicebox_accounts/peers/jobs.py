"""A client of jobs, for the jobs and inputs of one owner."""

from collections.abc import AsyncIterator

import grpc
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox.jobs.v1 import jobs_pb2_grpc
from voicebox_kit.peer_calls import metadata_for

from .optional import LONGEST_SECONDS, Counts, reaching

JOBS, INPUTS = "jobs", "inputs of jobs"


class Jobs:
    """As OptionalService. A channel to jobs, made in the event loop that uses it."""

    name, kinds = "jobs", (JOBS, INPUTS)
    export = "They are not part of this archive: fetch inputs with DownloadInput, and results with DownloadResult."

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: jobs_pb2_grpc.JobServiceAsyncStub = jobs_pb2_grpc.JobServiceStub(channel)  # type: ignore[assignment]

    async def files(self, owner: str) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """None: see `export`."""
        return
        yield

    async def move(self, owner: str, new_owner: str) -> Counts:
        request = pb.MoveOwnerRequest(owner=owner, new_owner=new_owner)
        with reaching(self.name):
            answer = await self._stub.MoveOwner(request, timeout=LONGEST_SECONDS, metadata=metadata_for(owner))
        return {JOBS: answer.jobs, INPUTS: answer.inputs}

    async def delete(self, owner: str, *, force: bool) -> Counts:
        request = pb.DeleteOwnerRequest(owner=owner, force=force)
        with reaching(self.name):
            answer = await self._stub.DeleteOwner(request, timeout=LONGEST_SECONDS, metadata=metadata_for(owner))
        return {JOBS: answer.jobs, INPUTS: answer.inputs}
