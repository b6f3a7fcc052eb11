"""OpenAI's batches of requests for speech, transcriptions and translations: each is a job.

OpenAI's own batches have no audio; theirs of images show how bytes stand in an answer: `{"b64_json"}`.
https://platform.openai.com/docs/api-reference/batch
"""

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField

from . import files, lists
from .bodies import json_body
from .errors import ApiError, Refused, answering
from .services import metadata
from .values import as_object, text

CALL_SECONDS = 30.0
WINDOW = "24h"
WINDOW_SECONDS = 24 * 3600
FIELDS = ("input_file_id", "endpoint", "completion_window", "metadata")
MAX_METADATA = 16
TIMEOUT = "JOB_TIMEOUT"
"""The reason of a job that took longer than the window."""
_ID = re.compile(r"batch_([0-9a-f-]{36})")
STATUSES = {
    pb.JOB_STATE_QUEUED: "validating",
    pb.JOB_STATE_PREPARING: "validating",
    pb.JOB_STATE_RUNNING: "in_progress",
    pb.JOB_STATE_PUBLISHING: "finalizing",
    pb.JOB_STATE_SUCCEEDED: "completed",
    pb.JOB_STATE_FAILED: "failed",
    pb.JOB_STATE_CANCELLED: "cancelled",
    pb.JOB_STATE_DEAD: "failed",
}


@answering
async def create(request: Request) -> Response:
    """POST /v1/batches."""
    given = as_object(await json_body(request), "body")
    window = text(given, "completion_window", "body") or WINDOW
    if window != WINDOW:
        raise InvalidField("completion_window", f"completion_window must be {WINDOW}.")
    work = pb.OpenAiBatch(
        input=files.input_name(text(given, "input_file_id", "body")), endpoint=text(given, "endpoint", "body")
    )
    job = pb.Job(openai_batch=work, labels=_labels(given), timeout=Duration(seconds=WINDOW_SECONDS))
    made = await request.app.state.services.jobs.CreateJob(
        pb.CreateJobRequest(job=job), timeout=CALL_SECONDS, metadata=metadata(request.headers)
    )
    return JSONResponse(batch_object(made), headers=_ignored(given))


@answering
async def list_batches(request: Request) -> Response:
    """GET /v1/batches, the newest first."""
    stub, caller = request.app.state.services.jobs, metadata(request.headers)

    async def page(token: str) -> tuple[list[Mapping[str, Any]], str]:
        asked = pb.ListJobsRequest(page_size=lists.PAGE, page_token=token, filter='type = "openai_batch"')
        answer = await stub.ListJobs(asked, timeout=CALL_SECONDS, metadata=caller)
        return [batch_object(each) for each in answer.jobs], answer.next_page_token

    return await lists.answer(request, page)


@answering
async def get(request: Request) -> Response:
    """GET /v1/batches/{id}."""
    job = await request.app.state.services.jobs.GetJob(
        pb.GetJobRequest(name=_name(request)), timeout=CALL_SECONDS, metadata=metadata(request.headers)
    )
    return JSONResponse(batch_object(job))


@answering
async def cancel(request: Request) -> Response:
    """POST /v1/batches/{id}/cancel."""
    job = await request.app.state.services.jobs.CancelJob(
        pb.CancelJobRequest(name=_name(request)), timeout=CALL_SECONDS, metadata=metadata(request.headers)
    )
    return JSONResponse(batch_object(job, is_cancelling=True))


def _name(request: Request) -> str:
    """The `jobs/{job}` that a client names. Refused for another id."""
    found = _ID.fullmatch(request.path_params["batch"])
    if not found:
        sentence = f"There is no batch {request.path_params['batch'][:100]!r}."
        raise Refused(ApiError(404, sentence, "batch_not_found", "batch_id"))
    return f"jobs/{found[1]}"


def _ignored(given: Mapping[str, Any]) -> Mapping[str, str]:
    """The headers that name the fields that are not followed."""
    diagnostics = Diagnostics()
    for name in given.keys() - set(FIELDS):
        diagnostics.ignore_unknown(name, FIELDS)
    return dict(diagnostics.metadata)


def _labels(given: Mapping[str, Any]) -> Mapping[str, str]:
    labels = as_object(given.get("metadata") or {}, "metadata")
    if len(labels) > MAX_METADATA:
        raise InvalidField("metadata", f"metadata must have at most {MAX_METADATA} pairs.")
    return {key: text(labels, key, "metadata") for key in labels}


def batch_object(job: pb.Job, *, is_cancelling: bool = False) -> Mapping[str, Any]:
    """A job as OpenAI has it; one that runs and `is_cancelling` is cancelled by its worker soon."""
    status, results = _status(job, is_cancelling), {each.name.rpartition("/")[2] for each in job.results}
    made = {each: files.id_of(job.name, each) if name in results else None for each, name in files.RESULTS.items()}
    ended: dict[str, int | None] = {f"{each}_at": None for each in ("completed", "failed", "cancelled", "expired")}
    if job.HasField("end_time"):
        ended[f"{status}_at"] = _seconds(job.end_time)
    return {
        "id": f"batch_{job.name.partition('/')[2]}",
        "object": "batch",
        "endpoint": job.openai_batch.endpoint,
        "errors": _errors(job),
        "input_file_id": files.id_of(job.openai_batch.input),
        "completion_window": WINDOW,
        "status": status,
        "output_file_id": made[files.OUTPUT],
        "error_file_id": made[files.ERRORS],
        "created_at": _seconds(job.create_time),
        "in_progress_at": _seconds(job.start_time),
        "expires_at": job.create_time.seconds + WINDOW_SECONDS,
        "finalizing_at": None,
        "cancelling_at": ended["cancelled_at"],
        **ended,
        "request_counts": {"total": job.item_count, "completed": job.items_done, "failed": job.items_failed},
        "metadata": dict(job.labels) or None,
    }


def _status(job: pb.Job, is_cancelling: bool) -> str:
    if job.error.info.reason == TIMEOUT:
        return "expired"
    return "cancelling" if is_cancelling and not job.HasField("end_time") else STATUSES[job.state]


def _errors(job: pb.Job) -> Mapping[str, Any] | None:
    if not job.HasField("error"):
        return None
    code = job.error.info.reason.lower()
    return {"object": "list", "data": [{"code": code, "message": job.error.message, "param": None, "line": None}]}


def _seconds(time: Timestamp) -> int | None:
    return time.seconds or None
