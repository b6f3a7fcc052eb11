"""The OpenAPI document describes the HTTP face, and the face keeps what it says."""

import re
import subprocess
from importlib.resources import files
from xml.etree import ElementTree

import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2
from openapi_spec_validator import validate

from tests.support.sdk import sdk_environment

SCHEMATHESIS = "schemathesis==4.32.5"
EXAMPLES = "3"


@pytest.fixture(scope="module")
def document(http):
    answer = http.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    return answer.json()


def test_it_is_valid(document):
    assert document["openapi"].startswith("3.1.")
    validate(document)


def operations(document):
    return [(verb, path, operation) for path, verbs in document["paths"].items() for verb, operation in verbs.items()]


def test_every_http_rule_is_described(document):
    """As many operations as the protos have bindings, and the 15 that web answers."""
    described = descriptor_pb2.FileDescriptorSet.FromString((files("voicebox") / "descriptors.binpb").read_bytes())
    rules = [m.options.Extensions[annotations_pb2.http] for f in described.file for s in f.service for m in s.method]
    bindings = sum(1 + len(rule.additional_bindings) for rule in rules if rule.WhichOneof("pattern"))
    assert bindings > 50
    assert len(operations(document)) == bindings + 15


def test_everything_has_a_comment_and_a_name_of_its_own(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for _, _, operation in operations(document))
    for name, schema in document["components"]["schemas"].items():
        if not name.startswith("OpenAi"):
            assert schema["description"], name
            assert all("description" in each or "$ref" in each for each in schema.get("properties", {}).values()), name


def test_a_path_has_its_parameters(document):
    for _, path, operation in operations(document):
        told = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
        assert told == set(re.findall(r"{(\w+)}", path))


def test_types_are_those_of_proto_json(document):
    schemas = document["components"]["schemas"]
    assert schemas["tts.SynthesisFinished"]["properties"]["sampleCount"]["type"] == "string"
    assert schemas["tts.AudioChunk"]["properties"]["audio"]["contentEncoding"] == "base64"
    assert re.match(schemas["asr.Word"]["properties"]["startOffset"]["pattern"], "1.5s")
    assert "AUDIO_ENCODING_WAV" in schemas["tts.AudioEncoding"]["enum"]


def test_the_plain_page_names_every_operation_and_loads_nothing(document, http):
    answer = http.get("/docs/plain")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for _, path, operation in operations(document):
        assert f'id="{operation["operationId"]}"' in answer.text
        assert f"<code>{path}</code>" in answer.text
    assert not re.search(r"<script|<link|<img|@import|url\(", answer.text)
    links = set(re.findall(r'href="#([^"]+)"', answer.text))
    assert links <= set(re.findall(r' id="([^"]+)"', answer.text))
    ElementTree.fromstring(re.sub(r"<!doctype html>|<meta[^>]*>", "", answer.text).replace("<br>", "<br/>"))


def test_a_generated_request_never_meets_a_server_error(running, tmp_path):
    python = sdk_environment("schemathesis", SCHEMATHESIS)
    command = [
        python.with_name("st"),
        "run",
        f"http://{running.gateway}/openapi.json",
        "--checks",
        "not_a_server_error",
    ]
    bounds = [
        "--max-examples",
        EXAMPLES,
        "--seed",
        "1",
        "--phases",
        "fuzzing",
        "--generation-database",
        "none",
        "--request-timeout",
        "60",
        "--exclude-path-regex",  # without an end
        ":watch$",
    ]
    done = subprocess.run([*command, *bounds, "--no-color"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
