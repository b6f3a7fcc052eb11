"""Samples and reference recordings through the real service."""

import asyncio
import hashlib
import io
import uuid
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile
from voicebox.catalog.v1 import catalog_pb2 as pb

RATE_HZ = 24_000


@pytest.fixture
async def profile(catalog):
    return (await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann", language="de")))).name


def download(catalog, name, form=pb.SAMPLE_FORM_UNSPECIFIED):
    return catalog.DownloadSampleAudio(pb.DownloadSampleAudioRequest(name=name, form=form))


async def reference(catalog, profile, known_etag=""):
    answers = [answer async for answer in catalog.GetReference(pb.GetReferenceRequest(profile=profile, known_etag=known_etag))]
    assert [answer.WhichOneof("event") for answer in answers] == ["header"] + ["pcm_s16le"] * (len(answers) - 1)
    pcm = b"".join(answer.pcm_s16le for answer in answers)
    return answers[0].header, np.frombuffer(pcm, "<i2") / 32768


def files(env):
    return [path for path in Path(env["VOICEBOX_DATA"], "catalog", "blobs").rglob("*") if path.is_file()]


def dbfs(samples):
    return 10 * np.log10(np.mean(np.square(samples)))


@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
async def test_the_original_is_kept_byte_for_byte_and_a_copy_beside_it(catalog, profile, upload, tone, bytes_of, container, subtype):
    data = tone(1.5, sample_rate_hz=48_000, channels=2, container=container, subtype=subtype)
    kept = await upload(catalog, profile, data, transcript="La la.")
    assert kept.name.startswith(f"{profile}/samples/")
    assert (kept.container, kept.sample_rate_hz, kept.channel_count) == (container.lower(), 48_000, 2)
    assert (kept.size_bytes, kept.sha256, kept.transcript) == (len(data), hashlib.sha256(data).hexdigest(), "La la.")
    assert kept.duration.ToTimedelta().total_seconds() == pytest.approx(1.5, abs=0.1)
    assert kept.level_dbfs == pytest.approx(-23.0, abs=0.5)
    assert await bytes_of(download(catalog, kept.name)) == data
    assert await bytes_of(download(catalog, kept.name, pb.SAMPLE_FORM_ORIGINAL)) == data
    copy, rate_hz = soundfile.read(io.BytesIO(await bytes_of(download(catalog, kept.name, pb.SAMPLE_FORM_NORMALIZED))))
    assert (rate_hz, copy.ndim) == (RATE_HZ, 1)
    assert await catalog.GetSample(pb.GetSampleRequest(name=kept.name)) == kept


@pytest.mark.parametrize("level", [0.001, 0.05, 0.9])
async def test_the_copy_has_one_level(catalog, profile, upload, tone, bytes_of, level):
    kept = await upload(catalog, profile, tone(2, level=level))
    assert kept.level_dbfs == pytest.approx(20 * np.log10(level / np.sqrt(2)), abs=0.3)
    copy, _ = soundfile.read(io.BytesIO(await bytes_of(download(catalog, kept.name, pb.SAMPLE_FORM_NORMALIZED))))
    assert dbfs(copy) == pytest.approx(-23.0, abs=0.2)


async def test_the_copy_of_a_peaky_recording_does_not_clip(catalog, profile, upload, bytes_of):
    clicks = np.full(48_000, 0.001)
    clicks[::8000] = 0.5
    file = io.BytesIO()
    soundfile.write(file, clicks, 24_000, format="WAV")
    kept = await upload(catalog, profile, file.getvalue())
    copy, _ = soundfile.read(io.BytesIO(await bytes_of(download(catalog, kept.name, pb.SAMPLE_FORM_NORMALIZED))))
    assert 0.8 < np.abs(copy).max() < 1
    assert dbfs(copy) < -23


async def test_silence_stays_silence(catalog, profile, upload, tone):
    kept = await upload(catalog, profile, tone(1, level=0))
    assert kept.level_dbfs == -120
    _, samples = await reference(catalog, profile)
    assert not samples.any()


async def test_a_human_recording(catalog, profile, upload, speech_data):
    for name, transcript in list(speech_data.transcripts.items())[:2]:
        kept = await upload(catalog, profile, speech_data.path(name).read_bytes(), transcript=transcript)
        assert kept.duration.seconds >= 1
        assert -50 < kept.level_dbfs < -5
    header, samples = await reference(catalog, profile)
    assert header.transcript.startswith("Printing")
    assert dbfs(samples) == pytest.approx(-23, abs=1.5)


BAD = [
    (b"", "AUDIO_EMPTY"),
    (b"hello, this is a text file\n" * 50, "AUDIO_FORMAT_REFUSED"),
    (b"PK\x03\x04" + bytes(1000), "AUDIO_FORMAT_REFUSED"),
    (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n", "AUDIO_FORMAT_REFUSED"),
    (b"ffconcat version 1.0\nfile /etc/passwd\n", "AUDIO_FORMAT_REFUSED"),
]


@pytest.mark.parametrize(("data", "reason"), BAD)
async def test_what_is_no_audio_is_refused_and_nothing_is_kept(catalog, profile, upload, refused, env, data, reason):
    before = await catalog.GetProfile(pb.GetProfileRequest(name=profile))
    error = await refused(upload(catalog, profile, data))
    assert (error.code, error.field, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "audio", reason)
    assert not files(env)
    assert await catalog.GetProfile(pb.GetProfileRequest(name=profile)) == before


async def test_more_than_ten_minutes_are_refused(catalog, profile, upload, refused, env):
    file = io.BytesIO()
    soundfile.write(file, np.zeros(601 * 8000, np.int16), 8000, format="FLAC")
    error = await refused(upload(catalog, profile, file.getvalue()))
    assert (error.field, error.reason) == ("audio", "AUDIO_TOO_LONG")
    assert not files(env)


async def test_more_than_100_mib_are_refused_when_they_pass(catalog, profile, refused, env):
    async def messages():
        yield pb.UploadSampleRequest(parent=profile)
        request = pb.UploadSampleRequest()
        request.audio.data = bytes(8 * 1024 * 1024)
        for _ in range(14):
            yield request

    error = await refused(catalog.UploadSample(messages()))
    assert (error.field, error.reason) == ("audio", "AUDIO_TOO_LARGE")
    assert not files(env)


@pytest.mark.parametrize(
    ("parent", "fields", "field"),
    [
        ("nonsense", {}, "parent"),
        ("", {}, "parent"),
        (None, {"transcript": "a" * 5001}, "transcript"),
        (None, {"request_id": "1"}, "request_id"),
    ],
)
async def test_a_bad_field_is_named(catalog, profile, upload, refused, tone, parent, fields, field):
    error = await refused(upload(catalog, profile if parent is None else parent, tone(0.1), **fields))
    assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)


async def test_a_profile_that_is_not_there(catalog, upload, refused, tone):
    for call in (
        upload(catalog, "profiles/nobody", tone(0.1)),
        catalog.ListSamples(pb.ListSamplesRequest(parent="profiles/nobody")),
        catalog.GetReference(pb.GetReferenceRequest(profile="profiles/nobody")),
        catalog.GetSample(pb.GetSampleRequest(name="profiles/nobody/samples/x")),
    ):
        assert (await refused(call)).code == grpc.StatusCode.NOT_FOUND


async def test_the_same_request_adds_one_sample(catalog, profile, upload, tone, env):
    request_id = str(uuid.uuid4())
    kept = await asyncio.gather(*(upload(catalog, profile, tone(0.2 + number / 10), request_id=request_id) for number in range(3)))
    assert kept[0] == kept[1] == kept[2]
    assert await upload(catalog, profile, b"anything", request_id=request_id) == kept[0]
    assert len(files(env)) == 2
    assert (await catalog.GetProfile(pb.GetProfileRequest(name=profile))).sample_count == 1


async def test_the_profile_follows_its_samples(catalog, profile, upload, tone, refused, env):
    async def etag():
        return (await catalog.GetProfile(pb.GetProfileRequest(name=profile))).etag

    etags = [await etag()]
    kept = []
    for number in range(3):
        kept.append(await upload(catalog, profile, tone(0.2, hertz=200 + number)))
        etags.append(await etag())
    page = await catalog.ListSamples(pb.ListSamplesRequest(parent=profile, page_size=2))
    rest = await catalog.ListSamples(pb.ListSamplesRequest(parent=profile, page_size=2, page_token=page.next_page_token))
    assert [*page.samples, *rest.samples] == kept
    assert not rest.next_page_token
    await catalog.DeleteSample(pb.DeleteSampleRequest(name=kept[0].name))
    etags.append(await etag())
    assert len(set(etags)) == 5
    for gone in (catalog.GetSample(pb.GetSampleRequest(name=kept[0].name)), download(catalog, kept[0].name)):
        assert (await refused(gone)).resource == kept[0].name
    assert len(files(env)) == 4
    await catalog.DeleteProfile(pb.DeleteProfileRequest(name=profile))
    assert not files(env)
    assert (await refused(catalog.GetSample(pb.GetSampleRequest(name=kept[1].name)))).code == grpc.StatusCode.NOT_FOUND


async def test_a_profile_without_samples_has_no_reference(catalog, profile, refused):
    error = await refused(catalog.GetReference(pb.GetReferenceRequest(profile=profile)))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PROFILE_HAS_NO_SAMPLES")


async def test_a_reference_joins_the_samples_with_a_gap(catalog, profile, upload, tone):
    await upload(catalog, profile, tone(1), transcript="One.")
    await upload(catalog, profile, tone(2, hertz=300), transcript="Two.")
    header, samples = await reference(catalog, profile)
    assert (header.language, header.sample_rate_hz, header.transcript, header.unchanged) == ("de", RATE_HZ, "One. Two.", False)
    assert samples.size == pytest.approx(3.25 * RATE_HZ, abs=4)
    assert not samples[RATE_HZ + 10 : int(1.25 * RATE_HZ) - 10].any()
    assert dbfs(samples[:RATE_HZ]) == pytest.approx(-23, abs=0.2)


async def test_a_reference_that_is_known_is_not_sent_again(catalog, profile, upload, tone):
    await upload(catalog, profile, tone(1), transcript="One.")
    header, _ = await reference(catalog, profile)
    again, samples = await reference(catalog, profile, header.etag)
    assert (again.unchanged, again.etag, samples.size) == (True, header.etag, 0)
    await catalog.UpdateProfile(pb.UpdateProfileRequest(profile=pb.Profile(name=profile, display_name="Other")))
    assert (await reference(catalog, profile, header.etag))[0].unchanged  # neither audio nor transcripts changed
    second = await upload(catalog, profile, tone(1, hertz=300))
    other, samples = await reference(catalog, profile, header.etag)
    assert (other.unchanged, other.transcript) == (False, "")  # one transcript is unknown
    assert samples.size
    await catalog.DeleteSample(pb.DeleteSampleRequest(name=second.name))
    assert (await reference(catalog, profile, header.etag))[0].unchanged


async def test_a_reference_has_at_most_60_seconds_of_whole_samples(catalog, profile, upload, tone):
    for seconds in (30, 29, 20, 0.5):
        await upload(catalog, profile, tone(seconds, sample_rate_hz=8000), transcript=f"{seconds}")
    header, samples = await reference(catalog, profile)
    assert header.transcript == "30 29 0.5"
    assert samples.size == pytest.approx(60 * RATE_HZ, abs=8)


async def test_one_long_sample_is_cut_and_loses_its_transcript(catalog, profile, upload, tone):
    await upload(catalog, profile, tone(70, sample_rate_hz=8000), transcript="long")
    header, samples = await reference(catalog, profile)
    assert header.transcript == ""
    assert samples.size == 60 * RATE_HZ


async def test_audio_that_is_deleted_while_it_is_asked_for_is_not_found(catalog, profile, upload, tone, env, refused):
    kept = await upload(catalog, profile, tone(1))
    for file in files(env):
        file.unlink()
    error = await refused(download(catalog, kept.name))
    assert (error.code, error.resource) == (grpc.StatusCode.NOT_FOUND, kept.name)
    error = await refused(catalog.GetReference(pb.GetReferenceRequest(profile=profile)))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "SAMPLE_NOT_FOUND")
