"""Many requests of OpenAI's audio API, each answered by itself, in the form of OpenAI's batches.

https://platform.openai.com/docs/api-reference/batch/request-output
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence

from voicebox_compat.openai import STATUSES, code_of, error_object
from voicebox_kit.errors import Code, InvalidField, Precondition

from voicebox_jobs.job_type import Request, Step, Work
from voicebox_jobs.peers.openai import SPEECH, Answer
from voicebox_jobs.state import ItemState, Outcome, State
from voicebox_jobs.store.runs import DoneItem
from voicebox_jobs.store.tables import Item

from . import batch, files, openai_requests, requests

FIELD = "openai_batch"
OUTPUT, ERRORS = "output.jsonl", "errors.jsonl"
MAX_ANSWER_BYTES = 1 << 30
MAX_TRANSCRIPT_BYTES = 1 << 26
JSON_LINES = "application/jsonl"
TAIL = b'}, "error": null}\n'
"""Of a line, after its body."""


class OpenAiBatch:
    """As job_type.JobType."""

    name = FIELD
    needs_device = False
    scopes = ("speak", "hear")

    @property
    def steps(self) -> Sequence[Step]:
        return (
            Step("read", State.PREPARING, 0.02, _read),
            Step("request", State.RUNNING, 0.93, _request),
            Step("write", State.PUBLISHING, 0.05, _write),
        )

    def inputs(self, request: Request) -> Sequence[str]:
        if request.get("endpoint", "") not in openai_requests.ENDPOINTS:
            known = ", ".join(openai_requests.ENDPOINTS)
            raise InvalidField(f"{FIELD}.endpoint", f"{FIELD}.endpoint must be one of {known}.")
        return [requests.input_id(request.get("input", ""), f"{FIELD}.input")]


TYPE = OpenAiBatch()


async def _read(work: Work) -> Outcome:
    content = b"".join([block async for block in await files.uploaded(work, work.request["input"])])
    found = await asyncio.to_thread(openai_requests.read, content, work.request["endpoint"])
    if found.problems:
        raise Precondition("BATCH_INVALID", f"jobs/{work.job.id}", " ".join(found.problems[:10]))
    await work.runs.set_items(work.job.id, work.job.run, found.items)
    return Outcome()


async def _request(work: Work) -> Outcome:
    return await batch.do_items(work, _request_item, all_may_fail=True)


async def _request_item(work: Work, item: Item) -> DoneItem:
    body, url, answer = item.fields["body"], work.request["endpoint"], Answer()
    if url == SPEECH:
        blocks, most = work.peers.openai.speak(body, work.job.owner, answer), MAX_ANSWER_BYTES
    else:
        audio = await files.uploaded(work, f"inputs/{openai_requests.input_of(body)}")
        fields = openai_requests.form_fields(body)
        blocks = work.peers.openai.recognize(url, fields, audio, work.job.owner, answer)
        most = MAX_TRANSCRIPT_BYTES
    blob = await work.blobs.put("items", blocks, most)
    return DoneItem(blob, 0, {"content_type": answer.content_type})


async def _write(work: Work) -> Outcome:
    """Store the answers and the errors as results."""
    _, done, failed = await work.runs.counts(work.job)
    if done:
        await files.keep(work, OUTPUT, JSON_LINES, _answers(work), batch.MAX_RESULT_BYTES)
    if failed:
        await files.keep(work, ERRORS, JSON_LINES, _errors(work), batch.MAX_RESULT_BYTES)
    return Outcome()


async def _answers(work: Work) -> AsyncIterator[bytes]:
    """A line for each request that was answered; audio is written as it is read."""
    async for item in batch.every_item(work):
        if item.state == ItemState.DONE:
            yield _head(work, item, 200)
            async for piece in _body(work, item):
                yield piece
            yield TAIL


async def _errors(work: Work) -> AsyncIterator[bytes]:
    async for item in batch.every_item(work):
        if item.state == ItemState.FAILED:
            status = STATUSES.get(Code(item.error_code), 500) if item.error_code in set(Code) else 500
            error = error_object(status, item.error_message, code_of(item.error_reason), None)
            yield _head(work, item, status) + json.dumps({"error": error}).encode() + TAIL


def _head(work: Work, item: Item, status: int) -> bytes:
    """The line of a request up to its body."""
    name, custom_id = json.dumps(f"batch_req_{work.job.id}_{item.output}"), json.dumps(item.fields["custom_id"])
    response = f'{{"status_code": {status}, "request_id": {name}, "body": '
    return f'{{"id": {name}, "custom_id": {custom_id}, "response": {response}'.encode()


async def _body(work: Work, item: Item) -> AsyncIterator[bytes]:
    """The body of an answer, in JSON: audio in base64, a transcript as it is, or its text."""
    content_type, blocks = str(item.result["content_type"]), work.blobs.read(item.blob)
    if work.request["endpoint"] == SPEECH:
        yield f'{{"content_type": {json.dumps(content_type)}, "b64_json": "'.encode()
        rest = b""
        async for block in blocks:
            joined = rest + block
            whole = len(joined) // 3 * 3
            yield base64.b64encode(joined[:whole])
            rest = joined[whole:]
        yield base64.b64encode(rest) + b'"}'
        return
    text = b"".join([block async for block in blocks])
    body = json.loads(text) if content_type.startswith("application/json") else {"text": text.decode()}
    yield json.dumps(body).encode()
