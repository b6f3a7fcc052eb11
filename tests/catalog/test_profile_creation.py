"""A profile that is made together with its first recording: both or neither, and a failure changes nothing of what was
there.
"""

import pytest
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_client.profile_archive import write_archive
from voicebox_client.profile_requests import import_profile

ANN = "profiles/ann"
GOOD = {"display_name": "Ann", "language": "en-US"}


async def make(catalog, tmp_path, audio, transcript="Words.", **fields):
    recording, archive = tmp_path / "ann.wav", tmp_path / "ann.zip"
    recording.write_bytes(audio)
    profile = pb.Profile(name=ANN, consent=pb.Consent(statement="Yes."), **{**GOOD, **fields})
    write_archive(archive, profile, recording, transcript)

    async def messages():
        for message in import_profile("ann", "", iter([archive.read_bytes()])):
            yield message

    return await catalog.ImportProfile(messages())


async def everything(catalog):
    shown = await catalog.ListProfiles(pb.ListProfilesRequest(show_deleted=True))
    return [profile.SerializeToString(deterministic=True) for profile in shown.profiles]


async def test_both_are_made(catalog, tmp_path, voice):
    made = await make(catalog, tmp_path, voice(3), "All of it.", description="Hers.", labels={"a": "b"})
    assert (made.name, made.sample_count, made.description, dict(made.labels)) == (ANN, 1, "Hers.", {"a": "b"})
    (sample,) = (await catalog.ListSamples(pb.ListSamplesRequest(parent=ANN))).samples
    assert (sample.transcript, sample.quality.verdict != 0) == ("All of it.", True)


@pytest.mark.parametrize(
    ("audio", "fields"),
    [
        (b"no audio", {}), (b"", {}), (b"RIFF\x24\0\0\0WAVEfmt ", {}), (None, {"language": "no language"}),
        (None, {"display_name": ""}), (None, {"labels": {"": "x" * 10_000}}), (b"\x89PNG\r\n", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("times", [1, 2])
async def test_a_failure_changes_nothing_of_a_deleted_profile_of_that_name(
    catalog, tmp_path, voice, refused, stored, audio, fields, times
):
    for _ in range(times):
        await make(catalog, tmp_path, voice(3))
        await catalog.DeleteProfile(pb.DeleteProfileRequest(name=ANN))
    before, files = await everything(catalog), await stored()
    assert await refused(make(catalog, tmp_path, voice(3) if audio is None else audio, **fields))
    assert await everything(catalog) == before
    assert await stored() == files
    assert (await catalog.UndeleteProfile(pb.UndeleteProfileRequest(name=ANN))).name == ANN
