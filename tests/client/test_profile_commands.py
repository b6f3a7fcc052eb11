"""The verbs of `voicebox profiles` that came after the first ones, and the clients' methods behind them."""

import os
import stat

import pytest
from google.protobuf.duration_pb2 import Duration
from voicebox.catalog.v1 import catalog_pb2
from voicebox_client.async_client import AsyncClient
from voicebox_client.commands import profiles
from voicebox_client.word_errors import word_error_rate
from voicebox_kit.errors import InvalidField

SAMPLE = "profiles/ann/samples/s1"


@pytest.fixture
def ann(voicebox, recording):
    """A profile with a sample."""
    return voicebox(
        "profiles", "create", "Ann", "--id", "ann", "--sample", str(recording), "--transcript", "Some words."
    )


def done(result):
    assert result.exit_code == 0, result.output
    return result.stdout


def test_consent_settings_and_labels(voicebox, platform):
    words = [
        "profiles",
        "create",
        "Ann",
        "--id",
        "ann",
        "--consent",
        "I agree.",
        "--consent-by",
        "Ann",
        "--consent-scope",
        "demos",
    ]
    done(voicebox(*words, "--speed", "1.5", "--seed", "0", "--label", "team=games", "--label", "x="))
    kept = platform.profiles["profiles/ann"]
    assert kept.consent == catalog_pb2.Consent(statement="I agree.", speaker="Ann", scope="demos")
    assert kept.default_voice_settings == catalog_pb2.VoiceSettings(speed=1.5, seed=0)
    assert dict(kept.labels) == {"team": "games", "x": ""}
    done(voicebox("profiles", "update", "ann", "--pitch", "-2"))
    assert list(platform.requested["UpdateProfile"][0].update_mask.paths) == ["default_voice_settings"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["create", "Ann", "--consent-by", "Ann"], "--consent what was agreed"),
        (["create", "Ann", "--label", "team"], "KEY=VALUE"),
        (["avatar", "ann"], "Give a FILE"),
        (["trim", SAMPLE], "--whole"),
        (["trim", SAMPLE, "--start", "1", "--whole"], "--whole"),
        (["edit-sample", SAMPLE], "Say what to change"),
        (["add-sample", "ann", __file__, "--verify"], "--transcript"),
        (["add-sample", "ann", __file__, "--transcribe", "--transcript", "x"], "--transcribe"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(voicebox, platform, words, sentence):
    result = voicebox("profiles", *words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not platform.requested


def test_list_filters_and_shows_deleted_ones(voicebox, platform, ann):
    platform.profiles["profiles/ann"].delete_time.seconds = 1
    assert "profiles/ann (deleted)" in done(voicebox("profiles", "list", "--deleted", "--filter", 'language = "de"'))
    requested = platform.requested["ListProfiles"][0]
    assert (requested.show_deleted, requested.filter) == (True, 'language = "de"')


def test_undelete_and_duplicate(voicebox, platform, ann):
    assert "profiles/ann" in done(voicebox("profiles", "undelete", "ann"))
    assert "profiles/copy" in done(voicebox("profiles", "duplicate", "ann", "--id", "copy", "--name", "Copy"))
    requested = platform.requested["DuplicateProfile"][0]
    assert (requested.name, requested.display_name) == ("profiles/ann", "Copy")
    assert requested.request_id


def test_avatar(voicebox, platform, ann, tmp_path):
    picture = tmp_path / "ann.png"
    picture.write_bytes(b"picture" * 20_000)
    done(voicebox("profiles", "avatar", "ann", str(picture)))
    assert platform.uploaded == picture.read_bytes()
    assert "4 bytes" in done(voicebox("profiles", "avatar", "ann", "-o", str(tmp_path / "out.webp")))
    assert (tmp_path / "out.webp").read_bytes() == b"webp"
    done(voicebox("profiles", "avatar", "ann", "--remove"))
    assert platform.requested["DeleteProfileAvatar"][0].name == "profiles/ann"


def test_export_and_import(voicebox, platform, ann, tmp_path):
    path = tmp_path / "ann.zip"
    done(voicebox("profiles", "export", "ann", "-o", str(path)))
    assert path.read_bytes() == b"PKzip"
    assert "profiles/copy" in done(voicebox("profiles", "import", str(path), "--id", "copy"))
    assert platform.uploaded == b"PKzip"
    assert platform.requested["ImportProfile"][0].request_id


def test_the_recogniser_writes_the_transcript(voicebox, platform, ann, recording):
    done(voicebox("profiles", "add-sample", "ann", str(recording), "--transcribe"))
    assert platform.requested["UploadSample"][-1].transcript == "hello world"


def test_the_recogniser_checks_the_transcript(voicebox, platform, ann, recording):
    done(voicebox("profiles", "add-sample", "ann", str(recording), "--transcript", "Hello, there world!", "--verify"))
    requested = platform.requested["UpdateSample"][0]
    assert requested.sample.transcript_word_error_rate == pytest.approx(1 / 3)
    assert list(requested.update_mask.paths) == ["transcript_word_error_rate"]
    assert platform.requested["UploadSample"][-1].transcript == "Hello, there world!"


def test_findings_are_reported_to_people(voicebox, platform, ann):
    report = platform.samples[SAMPLE].quality
    report.verdict = catalog_pb2.QualityReport.VERDICT_WARN
    report.findings.add(reason="NOISY", message="Record in a quieter room.")
    assert "NOISY: Record in a quieter room." in voicebox("profiles", "show-sample", SAMPLE).stderr
    assert "WARN: NOISY" in done(voicebox("profiles", "samples", "ann"))


def test_samples_are_edited_trimmed_and_cut(voicebox, platform, ann):
    done(voicebox("profiles", "edit-sample", SAMPLE, "--transcript", "Other.", "--exclude"))
    assert (platform.samples[SAMPLE].transcript, platform.samples[SAMPLE].excluded) == ("Other.", True)
    assert "excluded" in done(voicebox("profiles", "samples", "ann"))
    done(voicebox("profiles", "trim", SAMPLE, "--end", "2.5"))
    requested = platform.requested["UpdateSample"][-1]
    assert list(requested.update_mask.paths) == ["trim_end"]
    assert requested.sample.trim_end == Duration(seconds=2, nanos=500_000_000)
    done(voicebox("profiles", "trim", SAMPLE, "--whole"))
    requested = platform.requested["UpdateSample"][-1]
    assert list(requested.update_mask.paths) == ["trim_end", "trim_start"]
    assert not requested.sample.HasField("trim_end")
    assert "samples/p1" in done(voicebox("profiles", "segment", SAMPLE, "--max", "8"))
    assert platform.requested["SegmentSample"][0].max_duration == Duration(seconds=8)


def test_play(voicebox, platform, ann, tmp_path, monkeypatch):
    player = tmp_path / "pw-play"
    player.write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/heard\n')
    player.chmod(player.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    done(voicebox("profiles", "play", SAMPLE))
    assert (tmp_path / "heard").read_bytes() == b"sample"
    done(voicebox("profiles", "play", SAMPLE, "--normalized", "-o", str(tmp_path / "out.flac")))
    assert (tmp_path / "out.flac").read_bytes() == b"sample"
    assert platform.requested["DownloadSampleAudio"][-1].form == catalog_pb2.SAMPLE_FORM_NORMALIZED


async def test_the_async_client_does_the_same(platform, ann, recording):
    async with AsyncClient(platform.address) as client:
        assert (await client.duplicate_profile("ann", "copy")).name == "profiles/copy"
        assert (await client.undelete_profile("ann")).name == "profiles/ann"
        assert (await client.set_avatar("ann", b"picture")).avatar_etag == "1"
        assert b"".join([piece async for piece in client.avatar("ann")]) == b"webp"
        assert (await client.delete_avatar("ann")).avatar_etag == ""
        assert b"".join([piece async for piece in client.export_profile("ann")]) == b"PKzip"
        assert (await client.import_profile(b"PKzip", "new")).name == "profiles/new"
        assert (await client.update_sample(SAMPLE, transcript="Other.")).transcript == "Other."
        assert (await client.get_sample(SAMPLE)).transcript == "Other."
        assert len(await client.segment_sample(SAMPLE, 2.0, 10.0)) == 2


@pytest.mark.parametrize(
    ("reference", "heard", "rate"),
    [
        ("Hello, world!", "hello world", 0),
        ("a b c d", "a c d", 0.25),
        ("a b", "a x b", 0.5),
        ("a b", "x y", 1),
        ("a", "x y z", 3),
        ("", "", 0),
        ("...", "a", 1),
        ("don't", "don’t", 0),
        ("Straße", "STRASSE", 0),
        ("名前", "名前", 0),
    ],
)
def test_word_error_rate(reference, heard, rate):
    assert word_error_rate(reference, heard) == rate


@pytest.mark.parametrize("words", [["--id", "ann"], []])
@pytest.mark.parametrize("inside", ["samples/0001.wav: ", "manifest.json: ", ""])
def test_a_profile_whose_recording_is_refused_is_never_created(voicebox, platform, recording, words, inside):
    platform.failures["ImportProfile"] = [InvalidField("archive", f"{inside}That is no audio file.")]
    command = ["profiles", "create", "Ann", *words, "--sample", str(recording)]
    result = voicebox(*command)
    assert (result.exit_code, result.stdout) == (1, "")
    named = f"{recording}: " if "samples" in inside else ""
    assert result.stderr == f"Error: {named}That is no audio file. No profile was created.\n"
    assert platform.profiles == {}
    assert not platform.requested["CreateProfile"]
    done(voicebox(*command))
    assert platform.requested["ImportProfile"][1].profile_id == (
        words[-1] if words else platform.requested["ImportProfile"][1].profile_id
    )


def test_a_recording_that_cannot_be_read_asks_the_server_for_nothing(voicebox, platform, recording, monkeypatch):
    def unreadable(*_given):
        raise PermissionError(13, "Permission denied", "ann.wav")

    monkeypatch.setattr(profiles, "write_archive", unreadable)
    assert voicebox("profiles", "create", "Ann", "--sample", str(recording)).exit_code == 1
    assert not platform.requested


def test_a_profiles_fields_come_with_its_recording(voicebox, platform, recording):
    shown = ["--language", "de", "--consent", "Yes.", "--label", "a=b", "--speed", "1.5", "--description", "Words."]
    done(
        voicebox(
            "profiles", "create", "Ann", "--id", "ann", *shown, "--sample", str(recording), "--transcript", "More."
        )
    )
    made = platform.profiles["profiles/ann"]
    assert (made.display_name, made.language, made.consent.statement, dict(made.labels)) == (
        "Ann",
        "de",
        "Yes.",
        {"a": "b"},
    )
    assert (made.default_voice_settings.speed, made.description, made.sample_count) == (1.5, "Words.", 1)
    assert platform.samples["profiles/ann/samples/s1"].transcript == "More."


def test_a_profile_that_was_there_before_stays(voicebox, platform, recording, ann):
    platform.failures["ImportProfile"] = [InvalidField("profile_id", "There is one.")]
    assert voicebox("profiles", "create", "Ann", "--id", "ann", "--sample", str(recording)).exit_code == 1
    assert set(platform.profiles) == {"profiles/ann"}
