"""OpenAI's files: what is uploaded for batches, and what they write.

A file `file-{input}` is an input of jobs; `file-{job}-output` and `file-{job}-errors` are results of a batch.
https://platform.openai.com/docs/api-reference/files
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from voicebox.jobs.v1 import jobs_pb2 as pb
from voicebox_compat.form import Field, Form
from voicebox_compat.openai import Diagnostics
from voicebox_kit.errors import InvalidField, Unavailable
from voicebox_kit.uploads import answer_of

from . import lists
from .errors import ApiError, Refused, answering
from .services import metadata

CALL_SECONDS, TRANSFER_SECONDS = 30.0, 3600.0
PIECE_BYTES = 64 * 1024
PURPOSES = ("batch", "user_data", "assistants", "evals", "fine-tune", "vision")
OUTPUT, ERRORS = "output", "errors"
RESULTS = {OUTPUT: "output.jsonl", ERRORS: "errors.jsonl"}
_ID = re.compile(r"file-([0-9a-f-]{36})(?:-(output|errors))?")


@answering
async def create(request: Request) -> Response:
    """POST /v1/files."""
    upload = _Upload(request)
    call = request.app.state.services.jobs.UploadInput(
        upload.messages(), timeout=TRANSFER_SECONDS, metadata=metadata(request.headers)
    )
    try:
        made = await answer_of(call)
        return JSONResponse(_of_input(made), headers=dict(upload.diagnostics.metadata))
    except (grpc.aio.AioRpcError, Unavailable) as error:
        raise upload.failure or error from error


@answering
async def list_files(request: Request) -> Response:
    """GET /v1/files: those that were uploaded, the newest first; those of one purpose where that is asked."""
    stub, caller = request.app.state.services.jobs, metadata(request.headers)
    purpose = request.query_params.get("purpose", "")

    async def page(token: str) -> tuple[list[Mapping[str, Any]], str]:
        asked = pb.ListInputsRequest(page_size=lists.PAGE, page_token=token)
        answer = await stub.ListInputs(asked, timeout=CALL_SECONDS, metadata=caller)
        found = map(_of_input, answer.inputs)
        return [each for each in found if purpose in ("", each["purpose"])], answer.next_page_token

    return await lists.answer(request, page)


@answering
async def get(request: Request) -> Response:
    """GET /v1/files/{id}."""
    stub, caller, (name, result) = request.app.state.services.jobs, metadata(request.headers), _parsed(request)
    if not result:
        asked = pb.GetInputRequest(name=f"inputs/{name}")
        return JSONResponse(_of_input(await stub.GetInput(asked, timeout=CALL_SECONDS, metadata=caller)))
    job = await stub.GetJob(pb.GetJobRequest(name=f"jobs/{name}"), timeout=CALL_SECONDS, metadata=caller)
    for each in job.results:
        if each.name == f"{job.name}/results/{RESULTS[result]}":
            found = _file(request.path_params["file"], each.size_bytes, RESULTS[result], job)
            return JSONResponse({**found, "purpose": "batch_output"})
    raise _missing(request)


@answering
async def content(request: Request) -> Response:
    """GET /v1/files/{id}/content."""
    stub, (name, result) = request.app.state.services.jobs, _parsed(request)
    sent: Any = {"timeout": TRANSFER_SECONDS, "metadata": metadata(request.headers)}
    if result:
        call = stub.DownloadResult(pb.DownloadResultRequest(name=f"jobs/{name}/results/{RESULTS[result]}"), **sent)
    else:
        call = stub.DownloadInput(pb.DownloadInputRequest(name=f"inputs/{name}"), **sent)
    parts = aiter(call)
    first = await anext(parts, None)  # an error is known before the answer begins

    async def blocks() -> AsyncIterator[bytes]:
        try:
            if first is not None:
                yield first.body.data
                async for part in parts:
                    yield part.body.data
        finally:
            call.cancel()  # the client may have gone

    return StreamingResponse(blocks(), media_type="application/jsonl" if result else _content_type(first))


@answering
async def delete(request: Request) -> Response:
    """DELETE /v1/files/{id}. What a batch wrote goes with its job."""
    name, result = _parsed(request)
    if result:
        sentence = f"The files of a batch are deleted with it: DELETE /v1/jobs/{name}."
        raise Refused(ApiError(400, sentence, "file_of_batch", "file_id"))
    await request.app.state.services.jobs.DeleteInput(
        pb.DeleteInputRequest(name=f"inputs/{name}"), timeout=CALL_SECONDS, metadata=metadata(request.headers)
    )
    return JSONResponse({"id": request.path_params["file"], "object": "file", "deleted": True})


def input_name(file_id: str) -> str:
    """The `inputs/{input}` that a client names. InvalidField for what is no uploaded file."""
    found = _ID.fullmatch(file_id)
    if not found or found[2]:
        raise InvalidField("input_file_id", f"There is no uploaded file {file_id[:100]!r}.", "FILE_NOT_FOUND")
    return f"inputs/{found[1]}"


def id_of(name: str, result: str = "") -> str:
    """The id of `inputs/{input}`, or of a result of `jobs/{job}`."""
    plain = name.partition("/")[2]
    return f"file-{plain}-{result}" if result else f"file-{plain}"


class _Upload:
    """A form that is passed on while it arrives. `failure` says what is wrong with it, `diagnostics` which of its
    fields are ignored.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self.failure: InvalidField | None = None
        self.diagnostics = Diagnostics()

    async def messages(self) -> AsyncIterator[pb.UploadInputRequest]:
        """What UploadInput is sent."""
        try:
            async for message in self._messages():
                yield message
        except InvalidField as error:
            self.failure = error
            raise

    async def _messages(self) -> AsyncIterator[pb.UploadInputRequest]:
        form, is_first = Form(self._request.headers.get("content-type", "")), True
        async for piece in self._request.stream():
            for found in form.push(piece):
                if isinstance(found, Field):
                    self._check(found)
                    continue
                for start in range(0, len(found), PIECE_BYTES):
                    body, name = HttpBody(data=found[start : start + PIECE_BYTES]), form.file_name if is_first else ""
                    yield pb.UploadInputRequest(file_name=name, content=body)
                    is_first = False
        form.finish()
        if is_first:
            raise InvalidField("file", "The form holds no file, or an empty one.", "MISSING_REQUIRED_PARAMETER")

    def _check(self, field: Field) -> None:
        if field.name != "purpose":
            self.diagnostics.ignore(field.name)
        elif field.value not in PURPOSES:
            raise InvalidField("purpose", f"purpose must be one of {', '.join(PURPOSES)}.")


def _parsed(request: Request) -> tuple[str, str]:
    """The id of the input or the job, and the result that is meant, if any."""
    found = _ID.fullmatch(request.path_params["file"])
    if not found:
        raise _missing(request)
    return found[1], found[2] or ""


def _missing(request: Request) -> Refused:
    sentence = f"There is no file {request.path_params['file'][:100]!r}."
    return Refused(ApiError(404, sentence, "file_not_found", "file_id"))


def _content_type(first: pb.DownloadInputResponse | None) -> str:
    return first.body.content_type if first is not None else "application/octet-stream"


def _of_input(made: pb.Input) -> Mapping[str, Any]:
    """Audio is for the bodies of transcriptions; what else is uploaded are batches."""
    purpose = "user_data" if made.sample_rate_hz else "batch"
    return {**_file(id_of(made.name), made.size_bytes, made.file_name, made), "purpose": purpose}


def _file(file_id: str, size_bytes: int, name: str, dated: pb.Input | pb.Job) -> Mapping[str, Any]:
    return {
        "id": file_id,
        "object": "file",
        "bytes": size_bytes,
        "created_at": dated.create_time.seconds,
        "expires_at": dated.expire_time.seconds or None,
        "filename": name or "file",
        "status": "processed",
        "status_details": None,
    }
