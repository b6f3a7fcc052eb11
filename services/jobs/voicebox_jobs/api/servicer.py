"""The gRPC service of jobs: each RPC goes to the part that answers it."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox.jobs.v1 import jobs_pb2_grpc
from voicebox_blobs.blobs import Blobs
from voicebox_kit.principal import owner

from voicebox_jobs.store.jobs import JobStore

from . import checks
from .downloads import Download, StoredFile, open_download
from .inputs import Inputs
from .jobs import Jobs
from .owners import Owners
from .watching import Watching

Context = grpc.aio.ServicerContext[Any, Any]


class JobServicer(jobs_pb2_grpc.JobServiceServicer):
    """Finds out who calls; the parts do the rest, and know no gRPC."""

    def __init__(
        self, jobs: Jobs, inputs: Inputs, watching: Watching, owners: Owners, store: JobStore, blobs: Blobs
    ) -> None:
        self._jobs, self._inputs, self._watching, self._owners = jobs, inputs, watching, owners
        self._store, self._blobs = store, blobs

    async def CreateJob(self, request: pb.CreateJobRequest, context: Context) -> pb.Job:
        return await self._jobs.create(request, owner(context))

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.Job:
        return await self._jobs.get(request, owner(context))

    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        return await self._jobs.list(request, owner(context))

    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.Job:
        return await self._jobs.cancel(request, owner(context))

    async def RetryJob(self, request: pb.RetryJobRequest, context: Context) -> pb.Job:
        return await self._jobs.retry(request, owner(context))

    async def DeleteJob(self, request: pb.DeleteJobRequest, context: Context) -> Empty:
        return await self._jobs.delete(request, owner(context))

    async def ListJobItems(self, request: pb.ListJobItemsRequest, context: Context) -> pb.ListJobItemsResponse:
        return await self._jobs.items(request, owner(context))

    async def UpdateSegment(self, request: pb.UpdateSegmentRequest, context: Context) -> pb.JobItem:
        return await self._jobs.update_segment(request, owner(context))

    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> AsyncIterator[pb.JobEvent]:
        async with aclosing(self._watching.job(request, owner(context))) as events:  # type: ignore[type-var]
            async for event in events:
                yield event

    async def WatchJobs(self, request: pb.WatchJobsRequest, context: Context) -> AsyncIterator[pb.JobEvent]:
        async with aclosing(self._watching.all(request, owner(context))) as events:  # type: ignore[type-var]
            async for event in events:
                yield event

    async def DownloadResult(
        self, request: pb.DownloadResultRequest, context: Context
    ) -> AsyncIterator[pb.DownloadResultResponse]:
        job_id, name = checks.result(request.name)
        row = await self._store.result(owner(context), job_id, name)
        file = StoredFile("result", request.name, row.blob, row.size_bytes, row.content_type)
        async for body in _begun(context, await open_download(self._blobs, file, _range(context))):
            yield pb.DownloadResultResponse(body=body)

    async def UploadInput(self, request_iterator: AsyncIterator[pb.UploadInputRequest], context: Context) -> pb.Input:
        return await self._inputs.upload(request_iterator, owner(context))

    async def GetInput(self, request: pb.GetInputRequest, context: Context) -> pb.Input:
        return await self._inputs.get(request, owner(context))

    async def ListInputs(self, request: pb.ListInputsRequest, context: Context) -> pb.ListInputsResponse:
        return await self._inputs.list(request, owner(context))

    async def ValidateInput(self, request: pb.ValidateInputRequest, context: Context) -> pb.ValidateInputResponse:
        return await self._inputs.validate(request, owner(context))

    async def DownloadInput(
        self, request: pb.DownloadInputRequest, context: Context
    ) -> AsyncIterator[pb.DownloadInputResponse]:
        download = await self._inputs.download(request, owner(context), _range(context))
        async for body in _begun(context, download):
            yield pb.DownloadInputResponse(body=body)

    async def DeleteInput(self, request: pb.DeleteInputRequest, context: Context) -> Empty:
        return await self._inputs.delete(request, owner(context))

    async def MoveOwner(self, request: pb.MoveOwnerRequest, context: Context) -> pb.OwnedJobs:
        return await self._owners.move(request)

    async def DeleteOwner(self, request: pb.DeleteOwnerRequest, context: Context) -> pb.OwnedJobs:
        return await self._owners.delete(request)


def _range(context: Context) -> str:
    """The HTTP header `range`, which the gateway hands on."""
    return next((str(value) for key, value in context.invocation_metadata() or () if key == "range"), "")


async def _begun(context: Context, download: Download) -> AsyncIterator[HttpBody]:
    await context.send_initial_metadata(download.headers)
    async for body in download.bodies:
        yield body
