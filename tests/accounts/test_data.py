"""Everything of an owner: moved, taken out, deleted; each with a report of what there was."""

import io
import json
import uuid
import zipfile

import pytest
from voicebox.jobs.v1 import jobs_pb2
from voicebox_client import Client, VoiceboxClientError

from bench.conversion import trained_archive
from tests.support.history import recorded

from .conftest import USUAL

pytestmark = pytest.mark.usefixtures("worker")

SECRET = "nobody else may read this"


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    """A voice model in a file."""
    return trained_archive(tmp_path_factory.mktemp("voice"), {"name": "Eve", "consent": "Eve agreed."}, 1)


@pytest.fixture
def owner(guarded, voice):
    """A new owner with a profile, a sample, a generation, a transcription and usage; its key."""
    name = f"eve-{uuid.uuid4().hex[:8]}"
    with guarded.client("admin") as admin:
        secret = admin.create_key(name, USUAL).secret
        admin.update_limits(name, characters_per_day=10_000)
    with Client(guarded.platform.gateway, api_key=secret) as eve:
        audio = eve.say(SECRET).read()
        eve.create_profile("Eve", "eve", consent_statement="Eve agreed.")
        eve.add_sample("eve", audio, SECRET)
        eve.transcribe(audio, store=True)
        eve.create_lexicon([("Siobhan", "Shivawn")], "names")
        eve.import_voice_model(voice, "eve")
        convert = jobs_pb2.ConvertSpeech(input=eve.upload_input(audio).name, target="voiceModels/nobody")
        ended(eve, eve.create_job(jobs_pb2.Job(convert_speech=convert)))
        recorded(eve.list_generations)
        recorded(eve.list_transcriptions)
        recorded(lambda: [row for row in eve.usage() if row.work_count == 2])
    return name, secret


def ended(client, job):
    """Waits until the job has ended, which here is at once: nobody has the voice."""
    for _ in client.watch_job(job.name):
        pass


def found(report):
    return {count.kind: (count.found, count.done) for count in report.counts if not count.remark}


def expected(done):
    counts = {"profiles": 1, "samples": 1, "generations": 1, "transcriptions": 1, "files": 4, "retention rules": 0}
    counts["lexicons"] = counts["voice models"] = counts["jobs"] = counts["inputs of jobs"] = 1
    every = {**counts, "keys": 1, "limits": 1, "usage": 2}
    return {kind: (count, count if done else 0) for kind, count in every.items()}


def test_everything_is_taken_out_as_one_file(guarded, owner):
    name, _ = owner
    with guarded.client("admin") as admin:
        archive = zipfile.ZipFile(io.BytesIO(b"".join(admin.export_owner(name))))
    names = archive.namelist()
    assert names[-1] == "report.json"
    report = {count["kind"]: int(count.get("found", 0)) for count in json.loads(archive.read("report.json"))["counts"]}
    assert (report["profiles"], report["generations"], report["usage"], report["voice models"]) == (1, 1, 2, 1)
    voice = zipfile.ZipFile(io.BytesIO(archive.read("voiceModels/eve.voicebox-voice")))
    assert sorted(voice.namelist()) == ["manifest.json", "model.safetensors"]
    profile = zipfile.ZipFile(io.BytesIO(archive.read("profiles/eve.zip")))
    assert any(name.endswith(".wav") or "sample" in name for name in profile.namelist())
    generations = zipfile.ZipFile(io.BytesIO(archive.read("generations.zip")))
    assert SECRET in generations.read("generations.jsonl").decode()
    transcriptions = [name for name in names if name.startswith("transcriptions/")]
    assert sorted(name.rpartition(".")[2] == "json" for name in transcriptions) == [False, True]
    assert "Shivawn" in archive.read("lexicons/names.json").decode()
    [key] = json.loads(archive.read("keys.json"))
    assert "digest" not in key
    assert len(archive.read("usage.jsonl").splitlines()) == 2


def test_a_deletion_counts_first_and_then_leaves_nothing(guarded, owner):
    name, secret = owner
    with guarded.client("admin") as admin:
        counted = admin.delete_owner(name)
        assert found(counted) == expected(done=False)
        assert {count.kind for count in counted.counts if count.remark} == {"voice prompts", "audit"}
        assert found(admin.delete_owner(name, force=True)) == expected(done=True)
        assert set(found(admin.delete_owner(name)).values()) == {(0, 0)}
        blobs = [path for path in (guarded.data / "catalog" / "blobs").rglob("*") if path.is_file()]
        assert not [path for path in blobs if SECRET.encode() in path.read_bytes()]
    with Client(guarded.platform.gateway, api_key=secret) as eve, pytest.raises(VoiceboxClientError) as refused:
        list(eve.list_profiles())
    assert refused.value.code == "UNAUTHENTICATED"


def test_everything_moves_to_another_owner_and_is_found_there(guarded, owner):
    name, _ = owner
    new_name = f"fay-{uuid.uuid4().hex[:8]}"
    with guarded.client("admin") as admin:
        secret = admin.create_key(new_name, USUAL).secret
        assert found(admin.move_owner(name, new_name)) == expected(done=True)
        assert set(found(admin.delete_owner(name)).values()) == {(0, 0)}
    with Client(guarded.platform.gateway, api_key=secret) as fay:
        assert [profile.name for profile in fay.list_profiles()] == ["profiles/eve"]
        [generation] = fay.list_generations(search="nobody else")
        assert generation.owner == new_name
        assert b"".join(fay.generation_audio(generation.name))
        assert [row.work_count for row in fay.usage()] == [2]
        assert [lexicon.name for lexicon in fay.list_lexicons()] == ["lexicons/names"]
        assert [each.name for each in fay.list_voice_models()] == ["voiceModels/eve"]


def test_nothing_moves_where_a_name_is_taken(guarded, owner):
    name, secret = owner
    with guarded.client("bob") as bob:
        bob.create_profile("Bob's Eve", "eve")
        try:
            with guarded.client("admin") as admin, pytest.raises(VoiceboxClientError) as refused:
                admin.move_owner(name, "bob")
            assert (refused.value.code, refused.value.reason) == ("ALREADY_EXISTS", "PROFILE_EXISTS")
        finally:
            bob.delete_profile("eve", permanently=True)
    with Client(guarded.platform.gateway, api_key=secret) as eve:
        assert [profile.name for profile in eve.list_profiles()] == ["profiles/eve"]


@pytest.mark.parametrize("name", ["ann/limits", "A", "platform", ""])
def test_an_owner_is_named(guarded, name):
    with guarded.client("admin") as admin, pytest.raises(VoiceboxClientError) as refused:
        admin.delete_owner(f"owners/{name}")
    assert refused.value.code == "INVALID_ARGUMENT"
