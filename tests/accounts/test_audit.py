"""Audit lines: every denial and every write, without a text, audio or key; and what a full disk does."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from voicebox_accounts.audit import log
from voicebox_accounts.audit.log import AuditLine, AuditLog
from voicebox_client import VoiceboxClientError

FIELDS = ["time", "owner", "key", "method", "object", "decision", "request_id", "peer"]
SECRET = "a sentence for nobody's eyes"
LINE = AuditLine("ann", "k1", "/m", "/v1/x", "ALLOWED", "r1", "127.0.0.1")


def lines(guarded):
    return [json.loads(line) for line in (guarded.data / "accounts" / "audit.jsonl").read_text().splitlines()]


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
        ("ann", "CreateProfile", "", "ALLOWED"),
        ("ann", "DeleteProfile", "", "ALLOWED"),
        ("ann", "DeleteProfile", "/v1/profiles/audited", "SCOPE_MISSING"),
        ("", "ListVoices", "", "KEY_INVALID"),
    ]
    assert {line["peer"] for line in new} == {"127.0.0.1"}
    assert all(line["request_id"] and datetime.fromisoformat(line["time"]).tzinfo for line in new)
    assert all(line["key"] for line in new[:3])
    assert SECRET not in json.dumps(new)


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
