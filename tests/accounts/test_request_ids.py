"""One request id finds what every part of the platform says of a call, and of what follows from it; never a text."""

import json
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TEXT = "Zebras gallop."


def lines_of(log: Path, request_id: str) -> list[Mapping[str, Any]]:
    """What the log has under this id."""
    every = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in every if line["logger"] == "voicebox.calls" and line.get("request_id") == request_id]


def parts_of(line: Mapping[str, Any]) -> str:
    """Who wrote a line: the gateway, or the service of its method."""
    return "gateway" if "path" in line else line["method"].split(".")[1]


def until_found(log: Path, request_id: str, *parts: str) -> Mapping[str, Mapping[str, Any]]:
    """The last line of each of these parts, once all are there: each is written when its call has ended."""
    while True:
        found = {parts_of(line): line for line in lines_of(log, request_id)}
        if found.keys() >= set(parts):
            return found
        time.sleep(0.05)


def test_one_id_finds_the_lines_of_gateway_and_services(guarded):
    log, key = guarded.platform.log, guarded.secrets["ann"]
    spoken, heard = str(uuid.uuid4()), str(uuid.uuid4())
    with guarded.http("ann") as http:
        body = {"text": TEXT, "config": {"check": True}}
        audio = http.post("/v1/speech:synthesize", json=body, headers={"x-request-id": spoken}).json()["audio"]
        kept = {"audio": audio, "config": {"store": True}}
        http.post("/v1/speech:recognize", json=kept, headers={"x-request-id": heard}).raise_for_status()
    found = until_found(log, spoken, "gateway", "tts", "asr", "catalog", "accounts")
    gateway, tts = found["gateway"], found["tts"]
    assert (gateway["method"], gateway["path"], gateway["code"]) == ("POST", "/v1/speech:synthesize", 200)
    assert gateway["grpc_code"] == "OK"
    assert gateway["bytes_sent"] > len(audio)
    assert gateway["seconds"] >= gateway["first_byte_seconds"] > 0
    assert tts["seconds"] >= tts["first_audio_seconds"] > 0
    assert tts["audio_seconds"] > 0
    assert tts["queue_seconds"] >= 0
    assert tts["model"]
    assert gateway["key_id"] == tts["key_id"] == found["catalog"]["key_id"] != ""
    assert until_found(log, heard, "gateway", "asr", "catalog")["asr"]["audio_seconds"] > 0
    text = log.read_text()
    assert key not in text
    assert "zebras" not in text.lower()
    assert "grpc.health" not in text


def test_the_line_of_a_new_job_names_it_and_its_own_calls_go_under_its_name(guarded, worker):
    created = str(uuid.uuid4())
    with guarded.http("ann") as http:
        job = {"synthesizeBatch": {"items": [{"text": TEXT}]}}
        answer = http.post("/v1/jobs", json={"job": job}, headers={"x-request-id": created})
        answer.raise_for_status()
    found = until_found(guarded.platform.log, created, "gateway", "jobs")
    name = found["jobs"]["job"]
    assert answer.json()["name"] == f"jobs/{name}"
    assert until_found(guarded.platform.log, name, "tts")["tts"]["key_id"] == found["gateway"]["key_id"]


def test_what_the_gateway_refuses_has_a_line(guarded):
    refused = str(uuid.uuid4())
    with guarded.http() as http:
        http.get("/v1/voices", params={"language": "secret"}, headers={"x-request-id": refused})
    line = until_found(guarded.platform.log, refused, "gateway")["gateway"]
    assert (line["code"], line["flags"], line["path"]) == (401, "UAEX", "/v1/voices")
    assert "secret" not in json.dumps(line)
