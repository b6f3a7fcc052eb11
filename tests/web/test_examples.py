"""The examples of openapi.json fit their schemas, its curl lines work, and the pages ask nothing of anybody else."""

import gzip
import json
import re
import subprocess
from urllib.parse import urlsplit

import httpx
import jsonschema
import pytest
from voicebox_client import Client
from voicebox_gateway.docs import examples as openapi_examples
from voicebox_gateway.docs import scalar

from bench.conversion import trained_archive
from bench.launch import jobs_worker
from tests.support.history import recorded

from .test_openapi import operations

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
REQUEST = {"custom_id": "1", "method": "POST", "url": "/v1/audio/speech", "body": {"input": "Hello there."}}
NEEDS_A_STATE = {
    "JobService_RetryJob",
    "JobService_DeleteJob",
    "JobService_DownloadResult",
    "JobService_UpdateSegment",
    "DeleteOpenAiFile",
}
"""A job must have failed for one, have ended, have succeeded, or have made a data set; an input is deleted once."""
NEEDS_A_MODEL = {
    "TextToSpeechService_DesignVoice",
    "TextToSpeechService_DetectWatermark",
    "OpenAiTranscriptionService_CreateTranslation",
    "ModelService_UnloadModel",
    "ModelService_UnloadModel_2",
    "ModelService_UnloadModel_3",
    *(f"ModelService_{verb}Adapter{place}" for verb in ("Import", "Export", "Delete") for place in ("", "_2", "_3")),
}
"""What a machine with two models alone cannot do: no other is there to answer, to be left, or to be adapted."""

FIRST = "post /v1/speech:play"


def turn(verb, path):
    """When a line's turn comes: what makes something first, and what deletes it last, the parts before the whole."""
    if path.endswith(":undelete"):
        return 4, 0
    if path.endswith((":explain", ":convert")):  # by a lexicon or a voice model that another line makes
        return 2, 0
    if path == "/v1/voiceModels:import":  # others read what it makes
        return 0, 1
    if verb == "post" and path in ("/v1/files", "/v1/batches"):
        return 0, 1 if path == "/v1/files" else 2
    return (
        (0, 0)
        if f"{verb} {path}" == FIRST
        else ({"delete": 3, "patch": 2}.get(verb, 1), -len(path) if verb == "delete" else 0)
    )


@pytest.fixture(scope="module")
def document(http):
    return http.get("/openapi.json").json()


def examples(document):
    """Every example with its schema."""
    for verb, path, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if "example" in parameter:
                yield f"{verb} {path} {parameter['name']}", parameter["schema"], parameter["example"]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            if "example" in content:
                yield f"{verb} {path}", content["schema"], content["example"]


def test_every_example_fits_its_schema(document):
    found = list(examples(document))
    assert len(found) > 80
    for where, schema, example in found:
        whole = {**schema, "components": document["components"]}
        errors = [error.message for error in jsonschema.Draft202012Validator(whole).iter_errors(example)]
        assert not errors, (where, errors)


def test_every_field_of_an_example_is_known(document):
    """proto JSON drops a field that it does not know: an example must not hold one."""
    for where, schema, example in examples(document):
        properties = schema.get("properties") or document["components"]["schemas"].get(
            schema.get("$ref", "").rpartition("/")[2], {}
        ).get("properties")
        if properties is not None and isinstance(example, dict):
            assert example.keys() <= properties.keys(), where


def test_every_operation_has_a_curl_line_and_what_it_must_be_given(document):
    for verb, path, operation in operations(document):
        where = f"{verb} {path}"
        [sample] = operation["x-codeSamples"]
        assert sample["source"].startswith("curl -s "), where
        assert "{" not in sample["source"].partition(" -d ")[0], where
        for parameter in operation.get("parameters", ()):
            if parameter.get("required"):
                assert "example" in parameter, (where, parameter["name"])
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            assert "example" in content or kind == "application/octet-stream", where
    known = {f"{verb} {path}" for verb, path, _ in operations(document)}
    assert openapi_examples.EXAMPLES.keys() <= known


def test_speech_comes_before_the_catalog(document):
    tags = [tag["name"] for tag in document["tags"]]
    assert tags.index("TextToSpeechService") == 0
    assert tags.index("SpeechToTextService") < tags.index("CatalogService")
    order = [operation["tags"][0] for _, _, operation in operations(document)]
    assert order == sorted(order, key=tags.index)


def test_every_curl_line_works(document, running, tmp_path):
    """As a person would go through them."""
    base = f"http://{running.gateway}"
    (tmp_path / "ann.png").write_bytes(PNG)
    (tmp_path / "requests.jsonl").write_text(json.dumps(REQUEST))
    voice = trained_archive(tmp_path, {"name": "reader", "consent": "She agreed on 2026-11-30."}, 1)
    (tmp_path / "reader.voicebox-voice").write_bytes(voice)
    ids = {}
    failed = []
    told = sorted(operations(document), key=lambda each: turn(*each[:2]))
    with jobs_worker(running), Client(running.gateway) as client:
        for verb, path, operation in told:
            line = operation["x-codeSamples"][0]["source"].replace(openapi_examples.BASE, base)
            line = line.replace(openapi_examples.UUID, _resource(client, path, ids))
            done = subprocess.run(
                ["bash", "-c", f"{line} -w '\n%{{http_code}}'"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
            status = done.stdout.rsplit("\n", 1)[-1]
            expected = ("101",) if operation["operationId"] == "Realtime" else ("200", "206")
            if status not in expected and operation["operationId"] not in NEEDS_A_MODEL | NEEDS_A_STATE:
                failed.append((verb, path, line, done.stdout[-500:]))
    assert not failed, "\n".join(map(str, failed))


def _resource(client, path, ids):
    """The id of a record of that kind that is there, which the server chose."""
    if "{sample}" in path:
        kind, names = "sample", lambda: [sample.name for sample in client.list_samples("profiles/ann")]
    elif "{key}" in path:
        kind, names = "key", lambda: [each.name for each in client.list_keys()]
    elif "{transcription}" in path:
        kind, names = "transcription", lambda: [each.name for each in client.list_transcriptions()]
    elif "{batch}" in path:
        kind, names = "batch", lambda: [each.name for each in client.list_jobs()]
    elif "{job}" in path:
        kind, names = "job", lambda: [each.name for each in client.list_jobs()]
    elif "{input}" in path or "{file}" in path or path == "/v1/batches":
        kind, names = "input", lambda: [each.name for each in client.list_inputs()]
    else:
        kind, names = "generation", lambda: [each.name for each in client.list_generations()]
    wanted = (f"{{{kind}}}", "{file}", "/v1/batches")
    if kind not in ids and any(each in path for each in wanted):
        ids[kind] = recorded(names)[0].rpartition("/")[2]
    return ids.get(kind, openapi_examples.UUID)


@pytest.mark.parametrize("path", ["/docs", "/docs/plain", "/docs/start.js"])
def test_no_page_points_elsewhere(http, path):
    answer = http.get(path)
    assert answer.status_code == 200
    links = re.findall(r"""(?:href|src|action|data-url|url\()\s*=?\s*["']?([^"'\s>)]+)""", answer.text)
    assert [link for link in links if urlsplit(link).netloc or link.startswith("//")] == []
    assert "@import" not in answer.text


def test_the_page_may_ask_nobody_else(http):
    answer = http.get("/docs")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    allowed = {"'self'", "'none'", "data:", "blob:", "'unsafe-inline'"}
    assert {word for words in policy.values() for word in words.split()} <= allowed
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    for source in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert http.get(source).status_code == 200, source


def test_the_bundle_is_whole_for_everybody(http):
    path = f"/docs/{scalar.BUNDLE}"
    with httpx.Client(base_url=http.base_url, headers={"accept-encoding": "identity"}) as plain:
        whole = plain.get(path)
    packed = http.get(path)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == whole.content == gzip.decompress(scalar._compressed())
    assert b"createApiReference" in whole.content
    assert len(scalar._compressed()) < 3_000_000
