"""OpenAI's files and batches, by its unmodified SDK."""

import base64
import io
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile

from .conftest import SdkError

pytestmark = pytest.mark.usefixtures("worker")

ENDED = ("completed", "failed", "cancelled", "expired")
SPEECH, TRANSCRIPTIONS = "/v1/audio/speech", "/v1/audio/transcriptions"


def requests(url: str, *bodies: Any) -> list[dict[str, Any]]:
    return [
        {"custom_id": f"request-{number}", "method": "POST", "url": url, "body": body}
        for number, body in enumerate(bodies)
    ]


@pytest.fixture
def upload(sdk, tmp_path):
    """Uploads lines as a file of requests; gives its id."""

    def upload(lines: list[Any]) -> str:
        path = tmp_path / "requests.jsonl"
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        made = sdk.call("files.create", file=str(path), purpose="batch")
        assert (made["object"], made["purpose"], made["filename"]) == ("file", "batch", "requests.jsonl")
        assert made["bytes"] == path.stat().st_size
        return str(made["id"])

    return upload


@pytest.fixture
def batch(sdk, upload):
    """The batch of these requests, once it has ended."""

    def batch(endpoint: str, lines: list[Any], **given: Any) -> dict[str, Any]:
        made = sdk.call(
            "batches.create", input_file_id=upload(lines), endpoint=endpoint, completion_window="24h", **given
        )
        while made["status"] not in ENDED:
            time.sleep(0.2)
            made = sdk.call("batches.retrieve", batch_id=made["id"])
        return dict(made)

    return batch


def lines_of(sdk, file_id: str) -> dict[str, Any]:
    """The answers in a file, by the ids of the requests."""
    content = base64.b64decode(sdk.call("files.content", "bytes", file_id=file_id)).decode()
    return {line["custom_id"]: line for line in map(json.loads, content.splitlines())}


def test_texts_are_spoken_and_what_is_wrong_is_in_a_file_of_its_own(sdk, batch):
    bodies = [
        {"model": "tts-1", "voice": "alloy", "input": "One, two, three.", "response_format": "wav"},
        {"model": "tts-1", "voice": "alloy", "input": "Four.", "response_format": "mp3"},
        {"model": "tts-1", "voice": "alloy", "input": "Too fast.", "speed": 9},
    ]
    made = batch(SPEECH, requests(SPEECH, *bodies), metadata={"team": "games"})
    assert (made["status"], made["metadata"], made["errors"]) == ("completed", {"team": "games"}, None)
    assert made["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    assert made["created_at"] <= made["completed_at"]

    answers = lines_of(sdk, made["output_file_id"])
    assert answers.keys() == {"request-0", "request-1"}
    for name, content_type, container in (("request-0", "audio/wav", "WAV"), ("request-1", "audio/mpeg", "MP3")):
        response = answers[name]["response"]
        assert (response["status_code"], answers[name]["error"]) == (200, None)
        assert response["body"]["content_type"] == content_type
        audio = soundfile.info(io.BytesIO(base64.b64decode(response["body"]["b64_json"])))
        assert audio.format == container
        assert audio.duration > 0.2

    (error,) = lines_of(sdk, made["error_file_id"]).values()
    assert (error["custom_id"], error["response"]["status_code"]) == ("request-2", 400)
    assert "speed" in error["response"]["body"]["error"]["message"]


def test_recordings_are_transcribed(sdk, batch, speech_data):
    audio = sdk.call("files.create", file=str(speech_data.path("jfk.flac")), purpose="user_data")
    assert audio["purpose"] == "user_data"
    bodies = [{"model": "whisper-1", "file": audio["id"], "response_format": each} for each in ("json", "text")]
    made = batch(TRANSCRIPTIONS, requests(TRANSCRIPTIONS, *bodies, {"model": "whisper-1", "file": f"file-{'0' * 36}"}))
    assert made["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    texts = [line["response"]["body"]["text"] for line in lines_of(sdk, made["output_file_id"]).values()]
    assert texts[0].split()
    assert texts[1].split() == texts[0].split()
    (error,) = lines_of(sdk, made["error_file_id"]).values()
    assert error["response"]["status_code"] == 404


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": {}}, "/v1/audio/speech"),
        ({"custom_id": "a", "method": "GET", "url": SPEECH, "body": {}}, "POST"),
        ({"custom_id": "", "method": "POST", "url": SPEECH, "body": {}}, "custom_id"),
        ({"method": "POST", "url": SPEECH, "body": {}}, "custom_id"),
        ({"custom_id": "a", "method": "POST", "url": SPEECH, "body": []}, "body"),
        ({"custom_id": "a", "method": "POST", "url": SPEECH, "body": {"stream_format": "sse"}}, "stream"),
        ({"custom_id": "request-0", "method": "POST", "url": SPEECH, "body": {}}, "another line"),
        ([1], "no JSON object"),
    ],
)
def test_a_file_with_a_wrong_line_is_refused_whole(batch, line, says):
    made = batch(SPEECH, [*requests(SPEECH, {"input": "One."}), line])
    assert made["status"] == "failed"
    assert made["request_counts"] == {"total": 0, "completed": 0, "failed": 0}
    (error,) = made["errors"]["data"]
    assert error["code"] == "batch_invalid"
    assert "Line 2" in error["message"]
    assert says in error["message"]


def test_when_all_requests_fail_the_batch_is_complete_and_has_their_errors(sdk, batch):
    made = batch(SPEECH, requests(SPEECH, {"input": "Hello.", "voice": "nobody/knows"}, {"input": ""}))
    assert (made["status"], made["output_file_id"]) == ("completed", None)
    assert made["request_counts"] == {"total": 2, "completed": 0, "failed": 2}
    assert len(lines_of(sdk, made["error_file_id"])) == 2


def test_lists_go_on_after_an_object(sdk, batch, upload):
    ids = [upload([{"number": number}]) for number in range(3)]
    page = sdk.call("files.list", limit=2)
    assert ([each["id"] for each in page["data"]], page["has_more"]) == ([ids[2], ids[1]], True)
    assert sdk.call("files.list", limit=1, after=ids[1])["data"][0]["id"] == ids[0]
    made = batch(SPEECH, requests(SPEECH, {"input": "One."}))
    assert sdk.call("batches.list", limit=1)["data"][0]["id"] == made["id"]


def test_a_list_is_in_the_order_and_of_the_purpose_that_are_asked(running, upload):
    made = upload([{"one": 1}])
    base = f"http://{running.gateway}/v1/files"
    assert httpx.get(base, params={"order": "desc", "purpose": "batch", "limit": 1}).json()["data"][0]["id"] == made
    of_audio = httpx.get(base, params={"purpose": "user_data"}).json()["data"]
    assert made not in [each["id"] for each in of_audio]
    refused = httpx.get(base, params={"order": "asc"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "order")


def test_what_is_not_followed_is_named(running, upload):
    form = {"purpose": "batch", "expires_after[anchor]": "created_at"}
    made = httpx.post(f"http://{running.gateway}/v1/files", data=form, files={"file": b"{}"}, timeout=60)
    assert made.headers["x-voicebox-ignored"] == "expires_after[anchor]"
    batch = {"input_file_id": upload([{}]), "endpoint": SPEECH, "output_expires_after": {"seconds": 3600}}
    made = httpx.post(f"http://{running.gateway}/v1/batches", json=batch, timeout=60)
    assert made.headers["x-voicebox-ignored"] == "output_expires_after"


def test_a_file_is_found_read_and_deleted(sdk, upload):
    file_id = upload([{"one": 1}])
    assert sdk.call("files.retrieve", file_id=file_id)["id"] == file_id
    assert base64.b64decode(sdk.call("files.content", "bytes", file_id=file_id)) == b'{"one": 1}\n'
    assert sdk.call("files.delete", file_id=file_id)["deleted"] is True
    with pytest.raises(SdkError) as raised:
        sdk.call("files.retrieve", file_id=file_id)
    assert raised.value.told["status"] == 404


def test_files_of_a_batch_are_described_and_stay(sdk, batch):
    made = batch(SPEECH, requests(SPEECH, {"input": "One."}))
    found = sdk.call("files.retrieve", file_id=made["output_file_id"])
    content = base64.b64decode(sdk.call("files.content", "bytes", file_id=found["id"]))
    assert (found["purpose"], found["bytes"]) == ("batch_output", len(content))
    with pytest.raises(SdkError) as raised:
        sdk.call("files.delete", file_id=found["id"])
    assert raised.value.told["code"] == "file_of_batch"


def test_a_cancelled_batch_says_so(sdk, upload):
    lines = requests(SPEECH, *({"input": f"This is the sentence with the number {number}."} for number in range(300)))
    made = sdk.call("batches.create", input_file_id=upload(lines), endpoint=SPEECH, completion_window="24h")
    assert sdk.call("batches.cancel", batch_id=made["id"])["status"] == "cancelled"
    assert sdk.call("batches.retrieve", batch_id=made["id"])["cancelled_at"]


@pytest.mark.parametrize(
    ("method", "given", "status"),
    [
        ("files.retrieve", {"file_id": "file-abc"}, 404),
        ("files.retrieve", {"file_id": f"file-{'0' * 36}-output"}, 404),
        ("batches.retrieve", {"batch_id": "batch_abc"}, 404),
        ("batches.retrieve", {"batch_id": f"batch_{'0' * 36}"}, 404),
        ("batches.list", {"after": "batch_abc"}, 400),
        (
            "batches.create",
            {"input_file_id": "file-abc", "endpoint": SPEECH, "completion_window": "24h"},
            400,
        ),
    ],
)
def test_what_is_not_there_is_refused(sdk, method, given, status):
    with pytest.raises(SdkError) as raised:
        sdk.call(method, **given)
    assert raised.value.told["status"] == status


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"endpoint": "/v1/chat/completions"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"metadata": {str(number): "x" for number in range(17)}}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"\ud800": "x"}}, "body"),
        ({"input_file_id": 7}, "body.input_file_id"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_by_name(running, upload, given, param):
    usual = {"input_file_id": upload([{}]), "endpoint": SPEECH, "completion_window": "24h"}
    content = json.dumps({**usual, **given})
    answer = httpx.post(f"http://{running.gateway}/v1/batches", content=content, timeout=60)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].endswith(param)


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"data": {"purpose": "batch"}, "files": {"other": b"{}"}}, "file"),
        ({"data": {"purpose": "batch"}, "files": {"file": b""}}, "file"),
        ({"data": {"purpose": "mischief"}, "files": {"file": b"{}"}}, "purpose"),
        ({"json": {}}, "content-type"),
        ({"data": {"purpose": "batch"}, "files": {"file": b"\0\1\2"}}, "content"),
    ],
)
def test_an_upload_that_cannot_be_is_refused_by_name(running, form, param):
    answer = httpx.post(f"http://{running.gateway}/v1/files", timeout=60, **form)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_a_large_file_comes_back_as_it_went(running, tmp_path: Path):
    content = b'{"text": "x"}\n' * 1_000_000
    base = f"http://{running.gateway}/v1/files"
    made = httpx.post(base, data={"purpose": "batch"}, files={"file": content}, timeout=120).json()
    assert httpx.get(f"{base}/{made['id']}/content", timeout=120).content == content
