"""Profiles that are taken out, and brought in."""

import asyncio
import hashlib
import io
import json
import stat
import struct
import uuid
import zipfile

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.duration_pb2 import Duration
from voicebox.catalog.v1 import catalog_pb2 as pb

ANN = "profiles/ann"
ON_SQLITE = pytest.mark.parametrize("stores", ["sqlite"])
"""How a file is read does not depend on where it is kept."""


async def bring_in(catalog, data, profile_id="", request_id="", block_bytes=1024 * 1024):
    async def messages():
        yield pb.ImportProfileRequest(profile_id=profile_id, request_id=request_id)
        for begin in range(0, len(data), block_bytes):
            yield pb.ImportProfileRequest(archive=HttpBody(data=data[begin : begin + block_bytes]))

    return await catalog.ImportProfile(messages())


async def take_out(catalog, bytes_of, name=ANN):
    return await bytes_of(catalog.ExportProfile(pb.ExportProfileRequest(name=name)))


async def reference(catalog, name=ANN):
    return [answer async for answer in catalog.GetReference(pb.GetReferenceRequest(profile=name))]


@pytest.fixture
async def archive(catalog, upload, voice, image, bytes_of):
    """Ann with everything, as a zip file."""
    profile = pb.Profile(
        display_name="Ann 名前",
        language="de",
        description="Line 1\nLine 2",
        labels={"a": "1"},
        consent=pb.Consent(statement="Yes.", speaker="Ann", scope="demos"),
        default_voice_settings=pb.VoiceSettings(speed=1.25, seed=7),
    )
    await catalog.CreateProfile(pb.CreateProfileRequest(profile=profile, profile_id="ann"))
    await catalog.SetProfileAvatar(image("PNG", name=ANN))
    first = await upload(catalog, ANN, voice(6), transcript="One.")
    await upload(catalog, ANN, voice(4, container="OGG", subtype="OPUS", sample_rate_hz=48_000), transcript="Two.")
    trimmed = pb.Sample(
        name=first.name, trim_start=Duration(seconds=1), trim_end=Duration(seconds=5), transcript_word_error_rate=0.25
    )
    await catalog.UpdateSample(pb.UpdateSampleRequest(sample=trimmed))
    return await take_out(catalog, bytes_of)


def contents(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


def packed(files, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, data in files if isinstance(files, list) else files.items():
            archive.writestr(name, data)
    return file.getvalue()


def changed(files, **fields):
    manifest = json.loads(files["manifest.json"]) | fields
    return {**files, "manifest.json": json.dumps(manifest).encode()}


async def test_an_archive_is_an_ordinary_zip_file_with_everything(catalog, archive):
    files = contents(archive)
    assert set(files) == {"manifest.json", "avatar.webp", "samples/0001.wav", "samples/0002.ogg"}
    manifest = json.loads(files["manifest.json"])
    assert (manifest["format"], manifest["version"]) == ("voicebox-profile", 1)
    assert manifest["profile"]["displayName"] == "Ann 名前"
    for each in manifest["samples"]:
        assert hashlib.sha256(files[each["file"]]).hexdigest() == each["sample"]["sha256"]


async def test_what_is_taken_out_deleted_and_brought_in_speaks_the_same(catalog, archive):
    before = await catalog.GetProfile(pb.GetProfileRequest(name=ANN))
    samples = (await catalog.ListSamples(pb.ListSamplesRequest(parent=ANN))).samples
    heard = await reference(catalog)
    await catalog.DeleteProfile(pb.DeleteProfileRequest(name=ANN))
    after = await bring_in(catalog, archive, "ann-again")
    for field in (
        "display_name",
        "language",
        "description",
        "labels",
        "consent",
        "default_voice_settings",
        "sample_count",
    ):
        assert getattr(after, field) == getattr(before, field)
    assert after.avatar_etag
    again = await reference(catalog, after.name)
    assert again[0].header.etag == heard[0].header.etag
    assert again[1:] == heard[1:]
    for one, other in zip(
        samples, (await catalog.ListSamples(pb.ListSamplesRequest(parent=after.name))).samples, strict=True
    ):
        for field in (
            "transcript",
            "sha256",
            "trim_start",
            "trim_end",
            "transcript_word_error_rate",
            "quality",
            "duration",
            "excluded",
        ):
            assert getattr(one, field) == getattr(other, field)


async def test_parts_still_know_what_they_were_cut_from(catalog, upload, voice, bytes_of):
    await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann"), profile_id="ann"))
    long = await upload(catalog, ANN, voice(12))
    await catalog.SegmentSample(pb.SegmentSampleRequest(name=long.name))
    made = await bring_in(catalog, await take_out(catalog, bytes_of), "copy")
    first, *parts = (await catalog.ListSamples(pb.ListSamplesRequest(parent=made.name))).samples
    assert first.excluded
    assert parts
    assert {part.source for part in parts} == {first.name}


async def test_the_same_request_brings_in_one(catalog, archive, stored, refused):
    request_id = str(uuid.uuid4())
    answers = await asyncio.gather(*(bring_in(catalog, archive, "copy", request_id) for _ in range(2)))
    assert answers[0] == answers[1]
    assert await bring_in(catalog, b"anything", "copy", request_id) == answers[0]
    assert len(await stored()) == 10
    assert (await refused(bring_in(catalog, archive, "other", request_id))).reason == "REQUEST_ID_REUSED"


@ON_SQLITE
async def test_a_zip_of_another_program_is_taken(catalog, archive):
    files = contents(archive)
    made = await bring_in(catalog, packed(files, compression=zipfile.ZIP_DEFLATED), "deflated")
    assert made.sample_count == 2
    assert (await bring_in(catalog, packed(dict(reversed(files.items()))), "reversed")).sample_count == 2


def folder_entry(name):
    return zipfile.ZipInfo(name), b""


def repacked(files):
    """What the archive becomes when it is unpacked, and packed again by common programs."""
    inside = {f"ann/{name}": data for name, data in files.items()}
    mac = {"__MACOSX/ann/._manifest.json": b"x", "ann/.DS_Store": b"x", "__MACOSX/._ann": b"x"}
    yield "zip -r ann.zip ann", [folder_entry("ann/"), folder_entry("ann/samples/"), *inside.items()]
    yield "zip -r ann.zip .", [folder_entry("samples/"), *files.items()]
    yield "tar or bsdtar --format zip .", [folder_entry("./"), *((f"./{name}", data) for name, data in files.items())]
    yield "Finder", [folder_entry("ann/"), *inside.items(), *mac.items()]
    yield "Explorer", [*files.items(), ("Thumbs.db", b"x"), ("samples/desktop.ini", b"x")]
    yield ".NET on Windows", [(name.replace("/", "\\"), data) for name, data in inside.items()]
    yield "Dolphin", [*files.items(), (".directory", b"x")]


@ON_SQLITE
async def test_an_archive_that_was_unpacked_and_packed_again_is_taken(catalog, archive):
    for number, (program, files) in enumerate(repacked(contents(archive))):
        made = await bring_in(catalog, packed(files, compression=zipfile.ZIP_DEFLATED), f"again-{number}")
        assert (program, made.sample_count, bool(made.avatar_etag)) == (program, 2, True)


@ON_SQLITE
async def test_an_archive_with_a_comment_is_taken(catalog, archive):
    data = io.BytesIO(archive)
    with zipfile.ZipFile(data, "a") as file:
        file.comment = b"packed by hand"
    assert (await bring_in(catalog, data.getvalue(), "again")).sample_count == 2


def slipping(files, name):
    manifest = json.loads(files["manifest.json"])
    manifest["samples"][0]["file"] = name
    rest = {key: data for key, data in files.items() if key != "samples/0001.wav"}
    return packed({**changed(rest, samples=manifest["samples"]), name: b"RIFF"})


def with_flag(data, flag):
    """Sets a bit of the general purpose flags of every entry, in both of its headers."""
    edited = bytearray(data)
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = edited.find(signature)
        while at >= 0:
            flags = struct.unpack_from("<H", edited, at + offset)[0]
            struct.pack_into("<H", edited, at + offset, flags | flag)
            at = edited.find(signature, at + 4)
    return bytes(edited)


def with_size(data, name, size):
    """Lies about the unpacked size of an entry, in the table of contents."""
    edited = bytearray(data)
    at = edited.find(b"PK\1\2")
    while edited[at + 46 : at + 46 + len(name)] != name.encode():
        at = edited.find(b"PK\1\2", at + 4)
    struct.pack_into("<L", edited, at + 24, size)
    return bytes(edited)


def bomb():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("manifest.json", "w") as entry:
        for _ in range(300):
            entry.write(bytes(1024 * 1024))
    return file.getvalue()


def link():
    info = zipfile.ZipInfo("manifest.json")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return packed([(info, b"/etc/passwd")])


def many_entries():
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 60_000, 60_000, 60_000 * 46, 0, 0)
    return b"PK\1\2" * 60_000 * 12 + end


def damaged(data, name):
    """One bit of an entry's content is turned over: its CRC is then wrong."""
    edited = bytearray(data)
    at = edited.find(name.encode()) + len(name) + 200
    edited[at] ^= 1
    return bytes(edited)


def bad_archives(files):
    plain = packed(files)
    manifest = json.loads(files["manifest.json"])
    sample = manifest["samples"][0]
    other = {**sample, "sample": {**sample["sample"], "sha256": "0" * 64}}
    yield "empty", b"", "ARCHIVE_REFUSED"
    yield "text", b"hello" * 100, "ARCHIVE_REFUSED"
    yield "truncated", plain[:-30], "ARCHIVE_REFUSED"
    yield "without its end", plain[: len(plain) // 2], "ARCHIVE_REFUSED"
    yield "with something behind its end", plain + b"x", "ARCHIVE_REFUSED"
    yield "no manifest", packed({"a.txt": b"x"}), "ARCHIVE_REFUSED"
    yield "a link", link(), "ARCHIVE_REFUSED"
    yield "manifest is no JSON", packed({"manifest.json": b"{"}), "ARCHIVE_REFUSED"
    yield "manifest is a list", packed({"manifest.json": b"[]"}), "ARCHIVE_REFUSED"
    yield "manifest is deep", packed({"manifest.json": b"[" * 100_000}), "ARCHIVE_REFUSED"
    yield "manifest of another kind", packed(changed(files, format="x")), "ARCHIVE_REFUSED"
    yield "newer", packed(changed(files, version=2)), "ARCHIVE_VERSION"
    yield (
        "wrong language",
        packed(changed(files, profile={**manifest["profile"], "language": "_"})),
        "LANGUAGE_TAG_INVALID",
    )
    yield "wrong type", packed(changed(files, profile={**manifest["profile"], "labels": 5})), "ARCHIVE_REFUSED"
    yield "samples named twice", packed(changed(files, samples=[sample, sample])), "ARCHIVE_REFUSED"
    twin = {**manifest["samples"][1], "sample": {**manifest["samples"][1]["sample"], "name": sample["sample"]["name"]}}
    yield "samples of one id", packed(changed(files, samples=[sample, twin])), "ARCHIVE_REFUSED"
    yield "wrong checksum", packed(changed(files, samples=[other, manifest["samples"][1]])), "ARCHIVE_CHECKSUM"
    yield "wrong picture", packed({**files, "avatar.webp": files["avatar.webp"] + b"x"}), "ARCHIVE_CHECKSUM"
    yield (
        "a file is missing",
        packed({name: data for name, data in files.items() if name != "samples/0002.ogg"}),
        "ARCHIVE_REFUSED",
    )
    yield "a file too many", packed({**files, "extra.txt": b"x"}), "ARCHIVE_REFUSED"
    yield "no audio", slipping(files, "samples/0001.wav"), "ARCHIVE_CHECKSUM"
    yield "slips", slipping(files, "../../../tmp/slipped.wav"), "ARCHIVE_CHECKSUM"
    yield "absolute", slipping(files, "/etc/cron.d/slipped"), "ARCHIVE_CHECKSUM"
    yield "encrypted", with_flag(plain, 1), "ARCHIVE_REFUSED"
    yield "bomb", bomb(), "ARCHIVE_TOO_LARGE"
    yield "claims 4 GiB", with_size(plain, "samples/0001.wav", 0xFFFFFFFE), "ARCHIVE_TOO_LARGE"
    yield "claims less than there is", with_size(plain, "samples/0001.wav", 10), "ARCHIVE_REFUSED"
    yield "too many entries", many_entries(), "ARCHIVE_TOO_LARGE"
    yield "a bit turned over", damaged(plain, "samples/0001.wav"), "ARCHIVE_REFUSED"
    yield "packed by LZMA", packed(files, compression=zipfile.ZIP_LZMA), "ARCHIVE_REFUSED"


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_what_is_no_archive_is_refused_and_leaves_nothing(catalog, archive, refused, stored):
    files = contents(archive)
    kept = await stored()
    doubled = packed([*files.items(), ("manifest.json", files["manifest.json"])])
    for kind, data, reason in (*bad_archives(files), ("two of one name", doubled, "ARCHIVE_REFUSED")):
        error = await refused(bring_in(catalog, data, "copy"))
        assert (kind, error.code, error.field, error.reason) == (
            kind,
            grpc.StatusCode.INVALID_ARGUMENT,
            "archive",
            reason,
        )
        assert await stored() == kept, kind
    assert len((await catalog.ListProfiles(pb.ListProfilesRequest(show_deleted=True))).profiles) == 1


@ON_SQLITE
async def test_archives_with_any_byte_changed_never_end_in_an_internal_error(catalog, bytes_of):
    await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann"), profile_id="ann"))
    data = await take_out(catalog, bytes_of)
    codes = set()
    for at in range(0, len(data), 7):
        edited = bytearray(data)
        edited[at] ^= 0x41
        try:
            await bring_in(catalog, bytes(edited), "copy")
        except grpc.aio.AioRpcError as error:
            codes.add(error.code())
    # what was changed may be a date: then there is a copy, which the next one meets
    assert codes <= {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.ALREADY_EXISTS}


async def test_a_taken_name_and_bad_fields(catalog, archive, refused, stored):
    kept = await stored()
    assert (await refused(bring_in(catalog, archive))).code == grpc.StatusCode.ALREADY_EXISTS
    assert (await refused(bring_in(catalog, archive, "Not Good"))).field == "profile_id"
    files = contents(archive)
    nameless = packed(changed(files, profile={**json.loads(files["manifest.json"])["profile"], "name": "../../etc"}))
    assert (await refused(bring_in(catalog, nameless))).field == "archive"
    assert (await refused(bring_in(catalog, archive, "copy", "x"))).field == "request_id"
    assert (
        await refused(catalog.ExportProfile(pb.ExportProfileRequest(name="profiles/nobody")))
    ).code == grpc.StatusCode.NOT_FOUND
    assert await stored() == kept
