"""The RPCs of jobs."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_blobs.blobs import Blobs
from voicebox_kit import call_log, principal
from voicebox_kit.errors import InvalidField
from voicebox_models.device_leases.settings import Sharing
from voicebox_sql.paging import from_token, page_size, to_token

from voicebox_jobs.datasets.clips import CLIP, Clip
from voicebox_jobs.datasets.selection import rejudged
from voicebox_jobs.job_type import Types
from voicebox_jobs.peers.accounts import Accounts
from voicebox_jobs.state import State
from voicebox_jobs.store import filters
from voicebox_jobs.store.jobs import JobStore, JobView
from voicebox_jobs.store.tables import Job

from . import checks
from .messages import to_item, to_job

LIGHT = "light"
MAX_TRANSCRIPT = 5000


class Jobs:
    """Each method answers one RPC for the owner that calls. `nudge` is called when there is a new job."""

    def __init__(
        self,
        store: JobStore,
        blobs: Blobs,
        types: Types,
        devices: Sequence[str],
        sharing: Sharing,
        accounts: Accounts | None,
        retention_us: int,
        nudge: Callable[[], None],
    ) -> None:
        self._store, self._blobs, self._types, self._devices = store, blobs, types, devices
        self._sharing = sharing
        self._accounts, self._retention_us, self._nudge = accounts, retention_us, nudge

    async def create(self, request: pb.CreateJobRequest, owner: str) -> pb.Job:
        given = request.job
        request_id = checks.request_id(request.request_id)
        name, asked = _work(given)
        kind = self._types.get(name)
        if kind is None:
            raise InvalidField("job", f"This server does not run {name}.")
        principal.require(kind.scopes)
        inputs = kind.inputs(asked)
        device = await self._store.least_busy(self._devices) if kind.needs_device else ""
        job = Job(
            key=0,
            place=0,
            id=str(uuid.uuid4()),
            owner=owner,
            request_id=request_id,
            type=name,
            request=dict(asked),
            labels=checks.labels(given.labels, "job.labels"),
            principal=_principal(),
            steps=[step.name for step in kind.steps],
            priority=checks.priority(given.priority),
            timeout_us=checks.timeout_us(given.timeout if given.HasField("timeout") else None),
            device=device,
            queue=device or LIGHT,
            **self._of_device(given, device),
            state=State.QUEUED,
        )
        maximum = await self._accounts.max_jobs(owner) if self._accounts else None
        created = await self._store.create(job, inputs, maximum, principal.stored_limit())
        self._nudge()
        call_log.note("job", created.id)
        if created.id != job.id:
            return await self._view(owner, created.id)
        return to_job(JobView(created, queue_place=await self._store.place_of(created)), self._retention_us)

    async def get(self, request: pb.GetJobRequest, owner: str) -> pb.Job:
        return await self._view(owner, checks.identity("jobs", request.name))

    async def list(self, request: pb.ListJobsRequest, owner: str) -> pb.ListJobsResponse:
        size, query = page_size(request.page_size), ("jobs", owner, request.filter)
        conditions = filters.conditions(request.filter)
        rows = await self._store.page(owner, conditions, from_token(request.page_token, *query), size + 1)
        more = to_token(rows[size - 1].job.key, *query) if len(rows) > size else ""
        jobs = [to_job(row, self._retention_us) for row in rows[:size]]
        return pb.ListJobsResponse(jobs=jobs, next_page_token=more)

    async def cancel(self, request: pb.CancelJobRequest, owner: str) -> pb.Job:
        job_id = checks.identity("jobs", request.name)
        await self._store.cancel(owner, job_id)
        return await self._view(owner, job_id)

    async def retry(self, request: pb.RetryJobRequest, owner: str) -> pb.Job:
        job_id = checks.identity("jobs", request.name)
        if kind := self._types.get((await self._store.view(owner, job_id)).job.type):
            principal.require(kind.scopes)
        blobs = await self._store.retry(owner, job_id, request.from_step)
        self._nudge()
        await self._blobs.delete(*blobs)
        return await self._view(owner, job_id)

    async def delete(self, request: pb.DeleteJobRequest, owner: str) -> Empty:
        deleted = await self._store.delete(owner, checks.identity("jobs", request.name))
        await self._blobs.delete(*deleted.blobs)
        return Empty()

    async def items(self, request: pb.ListJobItemsRequest, owner: str) -> pb.ListJobItemsResponse:
        job_id, size = checks.identity("jobs", request.parent, "parent"), page_size(request.page_size)
        query = ("items", owner, job_id)
        after = from_token(request.page_token, *query)
        rows = await self._store.items(owner, job_id, -1 if after is None else after, size + 1)
        more = to_token(rows[size - 1].number, *query) if len(rows) > size else ""
        return pb.ListJobItemsResponse(items=map(to_item, rows[:size]), next_page_token=more)

    async def update_segment(self, request: pb.UpdateSegmentRequest, owner: str) -> pb.JobItem:
        job_id, number = checks.item(request.name)
        transcript = request.transcript if request.HasField("transcript") else None
        kept = request.kept if request.HasField("kept") else None
        if transcript is None and kept is None:
            raise InvalidField("transcript", "Either transcript or kept must be set.")
        if transcript is not None and len(transcript) > MAX_TRANSCRIPT:
            raise InvalidField("transcript", f"transcript must have at most {MAX_TRANSCRIPT} characters.")

        def change(fields: Mapping[str, Any]) -> Mapping[str, Any]:
            if CLIP not in fields:
                raise InvalidField("name", "name must be that of a segment of a data set.")
            clip = Clip.from_json(fields[CLIP]).corrected(transcript, kept)
            return {**fields, CLIP: rejudged(clip).to_json()}

        return to_item(await self._store.update_item(owner, job_id, number, change))

    def _of_device(self, given: pb.Job, device: str) -> dict[str, Any]:
        """How much of its device a job asks for, where that can be looked at."""
        asked = checks.device_memory_bytes(given.device_memory_bytes)
        if asked and not (device and self._sharing.leases(device)):
            why = f"{device} is not shared here" if device else "this work needs no device of its own"
            return {"warnings": [f"device_memory_bytes is ignored: {why}."]}
        return {"device_memory_bytes": asked}

    async def _view(self, owner: str, job_id: str) -> pb.Job:
        return to_job(await self._store.view(owner, job_id), self._retention_us)


def _work(job: pb.Job) -> tuple[str, Mapping[str, Any]]:
    """The field of `work` that is set, and its message as JSON with the contract's names."""
    name = job.WhichOneof("work")
    if name is None:
        raise InvalidField("job", "job must say what is to be done, such as synthesize_batch.")
    return name, MessageToDict(getattr(job, name), preserving_proto_field_name=True)


def _principal() -> dict[str, Any]:
    """Who calls, as the job's calls to other services will say. It lasts longer than a token."""
    caller = principal.current.get()
    if caller is None:
        return {}
    return {**asdict(caller), "scopes": sorted(caller.scopes), "expires_at": None}
