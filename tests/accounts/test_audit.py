"""Audit lines: every denial and every write, without a text, audio or key; and what a full disk does."""

import json
import logging
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from voicebox.catalog.v1 import catalog_pb2
from voicebox.tts.v1 import tts_pb2
from voicebox_client import Client, VoiceboxClientError
from voicebox_kit import audit as log
from voicebox_kit.audit import AuditLine, AuditLog, named_object

from .conftest import USUAL

FIELDS = ["time", "owner", "key", "method", "object", "decision", "request_id", "peer"]
SECRET = "a sentence for nobody's eyes"
LINE = AuditLine("ann", "k1", "/m", "/v1/x", "ALLOWED", "r1", "127.0.0.1")


def lines(guarded):
    """Those of all services, in their order."""
    found = [line for path in guarded.data.glob("*/audit.jsonl") for line in path.read_text().splitlines()]
    return sorted(map(json.loads, found), key=lambda line: line["time"])


def test_writes_and_denials_are_there_and_reads_are_not(guarded):
    before = len(lines(guarded))
    with guarded.client("ann") as ann:
        ann.create_profile("Audited", "audited", description=SECRET)
        list(ann.list_profiles())
        ann.say(SECRET).read()
        ann.delete_profile("audited")
    with guarded.http("reads") as http:
        http.delete("/v1/profiles/audited?etag=x")
    with guarded.client("wrong") as wrong, pytest.raises(VoiceboxClientError):
        wrong.list_voices()
    new = lines(guarded)[before:]
    assert all(list(line) == FIELDS for line in new)
    found = [(line["owner"], line["method"].rpartition("/")[2], line["object"], line["decision"]) for line in new]
    assert found == [
        ("ann", "CreateProfile", "audited", "ALLOWED"),
        ("ann", "DeleteProfile", "profiles/audited", "ALLOWED"),
        ("ann", "DeleteProfile", "/v1/profiles/audited", "SCOPE_MISSING"),
        ("", "ListVoices", "", "KEY_INVALID"),
    ]
    assert all(line["peer"] for line in new)
    assert all(line["request_id"] and datetime.fromisoformat(line["time"]).tzinfo for line in new)
    assert all(line["key"] for line in new[:3])
    assert SECRET not in json.dumps(new)


def test_a_write_that_fails_and_what_services_refuse_are_there_with_their_object_once(guarded):
    owner = f"eve-{uuid.uuid4().hex[:8]}"
    with guarded.client("admin") as admin:
        secret = admin.create_key(owner, USUAL).secret
        admin.update_limits(owner, characters_per_day=5, stored_bytes=100_000)
    before = len(lines(guarded))
    with Client(guarded.platform.gateway, api_key=secret) as eve:
        eve.create_profile("Eve", "eve")
        for refused in (
            lambda: eve.create_profile("Eve", "eve"),
            lambda: eve.delete_profile("nobody"),
            lambda: eve.say(SECRET).read(),
            lambda: eve.add_sample("eve", bytes(1_000_000)),
            lambda: eve.set_avatar("eve", bytes(1_000_000)),
        ):
            with pytest.raises(VoiceboxClientError):
                refused()
    new = lines(guarded)[before:]
    assert all(line["owner"] == owner and line["key"] and line["request_id"] for line in new)
    assert all(line["object"] for line in new)
    found = [(line["method"].rpartition("/")[2], line["object"], line["decision"]) for line in new]
    assert [each for each in found if each[0] != "ReserveWork"] == [
        ("CreateProfile", "eve", "ALLOWED"),
        ("CreateProfile", "eve", "PROFILE_EXISTS"),
        ("DeleteProfile", "profiles/nobody", "PROFILE_NOT_FOUND"),
        ("UploadSample", "profiles/eve", "STORED_BYTES_EXHAUSTED"),
        ("SetProfileAvatar", "profiles/eve", "STORED_BYTES_EXHAUSTED"),
    ]
    assert [decision for method, _, decision in found if method == "ReserveWork"] == ["DAY_EXHAUSTED"]


def test_a_call_past_the_gateway_is_on_record(guarded):
    before = len(lines(guarded))
    with Client(guarded.platform.catalog) as stranger, pytest.raises(VoiceboxClientError):
        stranger.delete_profile("anns")
    [line] = lines(guarded)[before:]
    assert (line["owner"], line["object"], line["decision"], line["peer"]) == (
        "",
        "profiles/anns",
        "PRINCIPAL_INVALID",
        "127.0.0.1",
    )


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (catalog_pb2.GetProfileRequest(name="profiles/ann"), "profiles/ann"),
        (catalog_pb2.UpdateProfileRequest(profile=catalog_pb2.Profile(name="profiles/ann")), "profiles/ann"),
        (catalog_pb2.CreateProfileRequest(profile_id="ann", request_id="r"), "ann"),
        (catalog_pb2.CreateProfileRequest(profile=catalog_pb2.Profile(display_name=SECRET)), ""),
        (tts_pb2.SynthesizeRequest(text=SECRET), ""),
        (None, ""),
    ],
)
def test_the_object_is_the_name_of_a_resource_and_never_a_text(request_, expected):
    assert named_object(request_) == expected


def test_a_file_that_is_renamed_away_is_begun_anew(tmp_path):
    log = AuditLog(tmp_path / "audit.jsonl", CollectorRegistry(), lambda: datetime(2026, 11, 30, tzinfo=UTC))
    log.write(LINE)
    (tmp_path / "audit.jsonl").rename(tmp_path / "audit.jsonl.1")
    log.write(LINE)
    assert (tmp_path / "audit.jsonl").read_text() == (tmp_path / "audit.jsonl.1").read_text()
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_loses_no_line_silently(small_disk, caplog):
    registry = CollectorRegistry()
    log = AuditLog(small_disk / "audit.jsonl", registry)
    log.write(LINE)
    with (small_disk / "rest").open("wb", buffering=0) as rest, pytest.raises(OSError, match="space"):
        while True:
            rest.write(bytes(4096))
    caplog.set_level(logging.ERROR)
    for number in range(100):
        log.write(AuditLine("ann", "k1", "/m", "/v1/x" * 50, "ALLOWED", f"request-{number}", "127.0.0.1"))
    written = [json.loads(line)["request_id"] for line in (small_disk / "audit.jsonl").read_text().splitlines()]
    logged = [record.getMessage() for record in caplog.records]
    assert logged
    for number in range(100):
        name = f"request-{number}"
        assert name in written or any(f'"{name}"' in line for line in logged)
    assert f"voicebox_audit_failed_total {float(len(logged))}".encode() in generate_latest(registry)


def test_a_line_is_one_line_however_long_its_fields_are(tmp_path):
    log = AuditLog(tmp_path / "audit.jsonl", CollectorRegistry())
    log.write(AuditLine("ann\n", "k1", "/m", "/v1/" + "x" * 100_000, "ALLOWED", '"}\n{"', "127.0.0.1"))
    [line] = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert len(line) < 1000
    assert json.loads(line)["request_id"] == '"}\n{"'


def test_a_flood_of_lines_fills_no_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "MAX_FILE_BYTES", 1000)
    monkeypatch.setattr(log, "KEPT_FILES", 3)
    audit = AuditLog(tmp_path / "audit.jsonl", CollectorRegistry())
    for number in range(100):
        audit.write(replace(LINE, request_id=str(number)))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert set(names) <= {"audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3"}
    kept = [json.loads(line) for name in reversed(names) for line in (tmp_path / name).read_text().splitlines()]
    assert [int(line["request_id"]) for line in kept] == list(range(100 - len(kept), 100))
