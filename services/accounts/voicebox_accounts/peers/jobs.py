"""A client of jobs, for the jobs and inputs of one owner."""

import grpc
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox.jobs.v1 import jobs_pb2_grpc

from .optional import LONGEST_SECONDS, Counts, metadata, unreachable

JOBS, INPUTS = "jobs", "inputs of jobs"


class Jobs:
    """As OptionalService. A channel to jobs, made in the event loop that uses it."""

    name, kinds = "jobs", (JOBS, INPUTS)
    export = "They are not part of this archive: fetch inputs with DownloadInput, and results with DownloadResult."

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: jobs_pb2_grpc.JobServiceAsyncStub = jobs_pb2_grpc.JobServiceStub(channel)  # type: ignore[assignment]

    async def move(self, owner: str, new_owner: str) -> Counts:
        request = pb.MoveOwnerRequest(owner=owner, new_owner=new_owner)
        try:
            answer = await self._stub.MoveOwner(request, timeout=LONGEST_SECONDS, metadata=metadata(owner))
        except grpc.aio.AioRpcError as error:
            raise unreachable(self.name, error) from error
        return {JOBS: answer.jobs, INPUTS: answer.inputs}

    async def delete(self, owner: str, *, force: bool) -> Counts:
        request = pb.DeleteOwnerRequest(owner=owner, force=force)
        try:
            answer = await self._stub.DeleteOwner(request, timeout=LONGEST_SECONDS, metadata=metadata(owner))
        except grpc.aio.AioRpcError as error:
            raise unreachable(self.name, error) from error
        return {JOBS: answer.jobs, INPUTS: answer.inputs}
