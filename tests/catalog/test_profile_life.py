"""Profiles that are deleted, brought back, purged and copied."""

import asyncio
import uuid

import grpc
import pytest
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_catalog.api import profiles
from voicebox_catalog.store.profiles import MICROSECONDS_PER_DAY

ANN = "profiles/ann"


async def create(catalog, profile_id="ann", **fields):
    profile = pb.Profile(display_name="Ann", labels={"a": "1"}, consent=pb.Consent(statement="Yes."), **fields)
    return await catalog.CreateProfile(pb.CreateProfileRequest(profile=profile, profile_id=profile_id))


def delete(catalog, name=ANN):
    return catalog.DeleteProfile(pb.DeleteProfileRequest(name=name))


def undelete(catalog, name=ANN):
    return catalog.UndeleteProfile(pb.UndeleteProfileRequest(name=name))


def duplicate(catalog, name=ANN, **fields):
    return catalog.DuplicateProfile(pb.DuplicateProfileRequest(name=name, **fields))


async def reference(catalog, name):
    return [answer async for answer in catalog.GetReference(pb.GetReferenceRequest(profile=name))]


async def test_a_deleted_profile_is_hidden_and_comes_back_with_its_samples(catalog, upload, voice, refused, stored):
    made = await create(catalog)
    sample = await upload(catalog, ANN, voice(3))
    before = await reference(catalog, ANN)
    await delete(catalog)
    for hidden in (
        catalog.GetProfile(pb.GetProfileRequest(name=ANN)),
        catalog.UpdateProfile(pb.UpdateProfileRequest(profile=pb.Profile(name=ANN, display_name="x"))),
        delete(catalog),
        duplicate(catalog),
        upload(catalog, ANN, b"x"),
        catalog.ListSamples(pb.ListSamplesRequest(parent=ANN)),
        catalog.GetSample(pb.GetSampleRequest(name=sample.name)),
        catalog.UpdateSample(pb.UpdateSampleRequest(sample=pb.Sample(name=sample.name, excluded=True))),
        catalog.SegmentSample(pb.SegmentSampleRequest(name=sample.name)),
        catalog.DeleteSample(pb.DeleteSampleRequest(name=sample.name)),
        catalog.DownloadSampleAudio(pb.DownloadSampleAudioRequest(name=sample.name)),
        catalog.GetReference(pb.GetReferenceRequest(profile=ANN)),
        catalog.ExportProfile(pb.ExportProfileRequest(name=ANN)),
        catalog.DeleteProfileAvatar(pb.DeleteProfileAvatarRequest(name=ANN)),
    ):
        assert (await refused(hidden)).code == grpc.StatusCode.NOT_FOUND
    assert not (await catalog.ListProfiles(pb.ListProfilesRequest())).profiles
    (shown,) = (await catalog.ListProfiles(pb.ListProfilesRequest(show_deleted=True))).profiles
    assert shown.purge_time.seconds - shown.delete_time.seconds == 30 * 86_400
    assert len(await stored()) == 2
    back = await undelete(catalog)
    assert not back.HasField("delete_time")
    assert not back.HasField("purge_time")
    assert (back.labels, back.sample_count, back.create_time) == (made.labels, 1, made.create_time)
    assert await reference(catalog, ANN) == before


@pytest.mark.parametrize("name", ["ann", "a" * 63])
async def test_the_name_of_a_deleted_profile_is_free_and_the_deleted_one_can_still_be_undeleted(catalog, refused, name):
    for description in ("first", "second", "third"):
        await create(catalog, name, description=description)
        assert (await refused(create(catalog, name))).reason == "PROFILE_EXISTS"
        await delete(catalog, f"profiles/{name}")
    back = await undelete(catalog, f"profiles/{name}")
    assert back.description == "third"
    deleted = [
        each
        for each in (await catalog.ListProfiles(pb.ListProfilesRequest(show_deleted=True))).profiles
        if each.HasField("delete_time")
    ]
    assert {each.description for each in deleted} == {"first", "second"}
    for each in deleted:
        assert each.name.startswith(f"profiles/{name[:40]}-deleted-")
        assert (await undelete(catalog, each.name)).description == each.description


@pytest.mark.parametrize("name", ["ann", "a" * 63])
async def test_a_profile_that_was_undone_returns_the_name_that_it_took(catalog, upload, voice, refused, name):
    """Programs create a profile, upload its first recording, and delete it when the upload fails."""
    full = f"profiles/{name}"
    await create(catalog, name, description="with a voice")
    await upload(catalog, full, voice(3))
    await delete(catalog, full)
    for attempt in range(3):
        await create(catalog, name, description=f"attempt {attempt}")
        assert (await refused(upload(catalog, full, b"no audio"))).code == grpc.StatusCode.INVALID_ARGUMENT
        await delete(catalog, full)
    deleted = (await catalog.ListProfiles(pb.ListProfilesRequest(show_deleted=True))).profiles
    assert {each.description: each.name == full for each in deleted} == {
        "with a voice": True,
        "attempt 0": False,
        "attempt 1": False,
        "attempt 2": False,
    }
    back = await undelete(catalog, full)
    assert (back.description, back.sample_count) == ("with a voice", 1)


async def test_a_profile_that_is_deleted_for_good_returns_the_name_that_it_took(catalog, upload, voice):
    for description in ("first", "second", "third"):
        await create(catalog, description=description)
        await upload(catalog, ANN, voice(3))
        await catalog.DeleteProfile(pb.DeleteProfileRequest(name=ANN, permanently=description == "third"))
    assert (await undelete(catalog)).description == "second"


async def test_a_profile_with_a_recording_or_a_picture_keeps_the_name_that_it_took(catalog, upload, voice, image):
    await create(catalog, description="first")
    await upload(catalog, ANN, voice(3))
    await delete(catalog)
    await create(catalog, description="second")
    await catalog.SetProfileAvatar(image("PNG", name=ANN))
    await delete(catalog)
    assert (await undelete(catalog)).description == "second"


async def test_only_what_is_deleted_can_be_undeleted(catalog, refused):
    assert (await refused(undelete(catalog))).code == grpc.StatusCode.NOT_FOUND
    await create(catalog)
    assert (await refused(undelete(catalog))).code == grpc.StatusCode.ALREADY_EXISTS
    assert (await refused(undelete(catalog, "ann"))).field == "name"


async def test_what_is_purged_is_gone_with_its_blobs(catalog, upload, voice, refused, stored, profile_store, blobs):
    await create(catalog)
    await create(catalog, "bob")
    await upload(catalog, ANN, voice(3))
    await delete(catalog)
    (shown,) = [
        each
        for each in (await catalog.ListProfiles(pb.ListProfilesRequest(show_deleted=True))).profiles
        if each.name == ANN
    ]
    due_us = shown.purge_time.ToMicroseconds()
    assert await profiles.purge(profile_store, blobs, due_us - 1) == 0
    assert len(await stored()) == 2
    assert await profiles.purge(profile_store, blobs, due_us + MICROSECONDS_PER_DAY) == 2
    assert not await stored()
    assert (await refused(undelete(catalog))).code == grpc.StatusCode.NOT_FOUND
    await create(catalog)
    assert (await catalog.GetProfile(pb.GetProfileRequest(name="profiles/bob"))).name == "profiles/bob"


async def test_with_no_time_to_undelete_a_profile_is_gone_at_once(opened, env, upload, voice, refused, stored):
    env["CATALOG_UNDELETE_DAYS"] = "0"
    async with opened() as catalog:
        await create(catalog)
        await upload(catalog, ANN, voice(3))
        await delete(catalog)
        assert not await stored()
        assert (await refused(undelete(catalog))).code == grpc.StatusCode.NOT_FOUND
        await create(catalog)


async def test_what_is_deleted_permanently_is_gone_at_once(catalog, upload, voice, refused, stored):
    await create(catalog)
    await upload(catalog, ANN, voice(3))
    await catalog.DeleteProfile(pb.DeleteProfileRequest(name=ANN, permanently=True))
    assert not await stored()
    assert (await refused(undelete(catalog))).code == grpc.StatusCode.NOT_FOUND
    assert not (await catalog.ListProfiles(pb.ListProfilesRequest(show_deleted=True))).profiles


async def test_a_duplicate_stands_on_its_own(catalog, upload, voice, stored, bytes_of, image):
    await create(catalog, default_voice_settings=pb.VoiceSettings(speed=1.5))
    await catalog.SetProfileAvatar(image("PNG", name=ANN))
    await upload(catalog, ANN, voice(3), transcript="One.")
    await upload(catalog, ANN, voice(4, hertz=180))
    copy = await duplicate(catalog, profile_id="copy", display_name="Ann again")
    assert (copy.name, copy.display_name, copy.sample_count) == ("profiles/copy", "Ann again", 2)
    source = await catalog.GetProfile(pb.GetProfileRequest(name=ANN))
    for field in ("labels", "consent", "default_voice_settings", "language"):
        assert getattr(copy, field) == getattr(source, field)
    mine, theirs = await reference(catalog, ANN), await reference(catalog, copy.name)
    assert mine[0].header.etag == theirs[0].header.etag
    assert mine[1:] == theirs[1:]
    assert len(await stored()) == 10
    await catalog.DeleteSample(pb.DeleteSampleRequest(name=mine[0].header.samples[0]))
    assert (await reference(catalog, copy.name))[1:] == theirs[1:]
    assert await bytes_of(catalog.DownloadProfileAvatar(pb.DownloadProfileAvatarRequest(name=copy.name)))


async def test_a_duplicate_is_made_once_for_one_request(catalog, refused, stored, upload, voice):
    await create(catalog)
    await upload(catalog, ANN, voice(1))
    request_id = str(uuid.uuid4())
    copies = await asyncio.gather(*(duplicate(catalog, request_id=request_id) for _ in range(3)))
    assert copies[0] == copies[1] == copies[2]
    assert copies[0].display_name == "Ann"
    assert len(await stored()) == 4
    error = await refused(duplicate(catalog, display_name="Other", request_id=request_id))
    assert error.reason == "REQUEST_ID_REUSED"


BAD = [
    ({"name": "ann"}, grpc.StatusCode.INVALID_ARGUMENT, "name"),
    ({"name": "profiles/nobody"}, grpc.StatusCode.NOT_FOUND, None),
    ({"profile_id": "A"}, grpc.StatusCode.INVALID_ARGUMENT, "profile_id"),
    ({"profile_id": "ann"}, grpc.StatusCode.ALREADY_EXISTS, None),
    ({"display_name": "a" * 101}, grpc.StatusCode.INVALID_ARGUMENT, "display_name"),
    ({"request_id": "x"}, grpc.StatusCode.INVALID_ARGUMENT, "request_id"),
]


async def test_a_duplicate_that_cannot_be(catalog, refused, stored):
    await create(catalog)
    for fields, code, field in BAD:
        error = await refused(duplicate(catalog, **{"name": ANN, **fields}))
        assert (error.code, error.field) == (code, field)
    assert not await stored()
