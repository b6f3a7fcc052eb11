"""Samples and reference recordings through the real service."""

import asyncio
import hashlib
import io
import uuid

import grpc
import numpy as np
import pyloudnorm
import pytest
import soundfile
from voicebox.catalog.v1 import catalog_pb2 as pb

RATE_HZ = 24_000


@pytest.fixture
async def profile(catalog):
    return (
        await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann", language="de")))
    ).name


def download(catalog, name, form=pb.SAMPLE_FORM_UNSPECIFIED):
    return catalog.DownloadSampleAudio(pb.DownloadSampleAudioRequest(name=name, form=form))


def dbfs(samples):
    return 10 * np.log10(np.mean(np.square(samples)))


@pytest.mark.parametrize(
    ("container", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
)
async def test_the_original_is_kept_byte_for_byte_and_a_copy_beside_it(
    catalog, profile, upload, tone, bytes_of, container, subtype
):
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


async def test_the_copy_has_one_loudness(catalog, profile, upload, tone, bytes_of):
    for level in (0.02, 0.05, 0.9):
        kept = await upload(catalog, profile, tone(2, level=level, hertz=997))
        assert kept.level_dbfs == pytest.approx(20 * np.log10(level / np.sqrt(2)), abs=0.3)
        copy, rate_hz = soundfile.read(
            io.BytesIO(await bytes_of(download(catalog, kept.name, pb.SAMPLE_FORM_NORMALIZED)))
        )
        assert pyloudnorm.Meter(rate_hz, "DeMan").integrated_loudness(copy) == pytest.approx(-23.0, abs=0.1)


async def test_what_is_very_quiet_is_not_blown_up(catalog, profile, upload, tone, bytes_of):
    kept = await upload(catalog, profile, tone(2, level=0.0005))
    copy, _ = soundfile.read(io.BytesIO(await bytes_of(download(catalog, kept.name, pb.SAMPLE_FORM_NORMALIZED))))
    assert dbfs(copy) - kept.level_dbfs == pytest.approx(24, abs=0.5)


async def test_the_copy_of_a_peaky_recording_does_not_clip(catalog, profile, upload, bytes_of):
    clicks = np.full(48_000, 0.001)
    clicks[::8000] = 0.5
    file = io.BytesIO()
    soundfile.write(file, clicks, 24_000, format="WAV")
    kept = await upload(catalog, profile, file.getvalue())
    copy, _ = soundfile.read(io.BytesIO(await bytes_of(download(catalog, kept.name, pb.SAMPLE_FORM_NORMALIZED))))
    assert 0.8 < np.abs(copy).max() < 1
    assert dbfs(copy) < -23


async def test_silence_stays_silence(catalog, profile, upload, tone, bytes_of):
    kept = await upload(catalog, profile, tone(1, level=0))
    assert kept.level_dbfs == -120
    copy, _ = soundfile.read(io.BytesIO(await bytes_of(download(catalog, kept.name, pb.SAMPLE_FORM_NORMALIZED))))
    assert copy.size == RATE_HZ
    assert not copy.any()


async def test_a_human_recording(catalog, profile, upload, speech_data):
    for name, transcript in list(speech_data.transcripts.items())[:2]:
        kept = await upload(catalog, profile, speech_data.path(name).read_bytes(), transcript=transcript)
        assert kept.duration.seconds >= 1
        assert -50 < kept.level_dbfs < -5
        assert kept.quality.verdict in (pb.QualityReport.VERDICT_OK, pb.QualityReport.VERDICT_WARN)
        assert kept.quality.snr_db > 20
        assert kept.quality.speech_ratio > 0.8
        assert kept.quality.clipping_ratio == 0


BAD = [
    (b"", "AUDIO_EMPTY"),
    (b"hello, this is a text file\n" * 50, "AUDIO_FORMAT_REFUSED"),
    (b"PK\x03\x04" + bytes(1000), "AUDIO_FORMAT_REFUSED"),
    (
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n",
        "AUDIO_FORMAT_REFUSED",
    ),
    (b"ffconcat version 1.0\nfile /etc/passwd\n", "AUDIO_FORMAT_REFUSED"),
]


async def test_what_is_no_audio_is_refused_and_nothing_is_kept(catalog, profile, upload, refused, stored):
    before = await catalog.GetProfile(pb.GetProfileRequest(name=profile))
    for data, reason in BAD:
        error = await refused(upload(catalog, profile, data))
        assert (error.code, error.field, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "audio", reason)
    assert not await stored()
    assert await catalog.GetProfile(pb.GetProfileRequest(name=profile)) == before


async def test_more_than_ten_minutes_are_refused(catalog, profile, upload, refused, stored):
    file = io.BytesIO()
    soundfile.write(file, np.zeros(601 * 8000, np.int16), 8000, format="FLAC")
    error = await refused(upload(catalog, profile, file.getvalue()))
    assert (error.field, error.reason) == ("audio", "AUDIO_TOO_LONG")
    assert not await stored()


async def test_more_than_100_mib_are_refused_when_they_pass(catalog, profile, refused, stored):
    async def messages():
        yield pb.UploadSampleRequest(parent=profile)
        request = pb.UploadSampleRequest()
        request.audio.data = bytes(8 * 1024 * 1024)
        for _ in range(14):
            yield request

    error = await refused(catalog.UploadSample(messages()))
    assert (error.field, error.reason) == ("audio", "AUDIO_TOO_LARGE")
    assert not await stored()


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


async def test_the_same_request_adds_one_sample(catalog, profile, upload, tone, stored):
    request_id = str(uuid.uuid4())
    kept = await asyncio.gather(
        *(upload(catalog, profile, tone(0.2 + number / 10), request_id=request_id) for number in range(3))
    )
    assert kept[0] == kept[1] == kept[2]
    assert await upload(catalog, profile, b"anything", request_id=request_id) == kept[0]
    assert len(await stored()) == 2
    assert (await catalog.GetProfile(pb.GetProfileRequest(name=profile))).sample_count == 1


async def test_the_profile_follows_its_samples(catalog, profile, upload, tone, refused, stored):
    async def etag():
        return (await catalog.GetProfile(pb.GetProfileRequest(name=profile))).etag

    etags = [await etag()]
    kept = []
    for number in range(3):
        kept.append(await upload(catalog, profile, tone(0.2, hertz=200 + number)))
        etags.append(await etag())
    page = await catalog.ListSamples(pb.ListSamplesRequest(parent=profile, page_size=2))
    rest = await catalog.ListSamples(
        pb.ListSamplesRequest(parent=profile, page_size=2, page_token=page.next_page_token)
    )
    assert [*page.samples, *rest.samples] == kept
    assert not rest.next_page_token
    await catalog.DeleteSample(pb.DeleteSampleRequest(name=kept[0].name))
    etags.append(await etag())
    assert len(set(etags)) == 5
    for gone in (catalog.GetSample(pb.GetSampleRequest(name=kept[0].name)), download(catalog, kept[0].name)):
        assert (await refused(gone)).resource == kept[0].name
    assert len(await stored()) == 4
    await catalog.DeleteProfile(pb.DeleteProfileRequest(name=profile))
    assert (await refused(catalog.GetSample(pb.GetSampleRequest(name=kept[1].name)))).code == grpc.StatusCode.NOT_FOUND


async def test_audio_that_is_deleted_while_it_is_requested_is_not_found(
    catalog, profile, upload, voice, stored, blobs, refused
):
    kept = await upload(catalog, profile, voice(3))
    await blobs.delete(*await stored())
    error = await refused(download(catalog, kept.name))
    assert (error.code, error.resource) == (grpc.StatusCode.NOT_FOUND, kept.name)
    error = await refused(catalog.GetReference(pb.GetReferenceRequest(profile=profile)))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "SAMPLE_NOT_FOUND")


async def test_a_file_that_ends_early_is_taken_and_reported(catalog, profile, upload, voice):
    whole = voice(6)
    kept = await upload(catalog, profile, whole[: len(whole) // 2])
    assert "CUT_SHORT" in [finding.reason for finding in kept.quality.findings]
    kept = await upload(catalog, profile, whole)
    assert "CUT_SHORT" not in [finding.reason for finding in kept.quality.findings]


async def test_joined_files_are_one_sample(catalog, profile, upload, voice):
    parts = [
        voice(4, container="OGG", subtype="OPUS", sample_rate_hz=48_000),
        voice(5, container="OGG", subtype="VORBIS"),
    ]
    kept = await upload(catalog, profile, b"".join(parts))
    assert kept.duration.ToMilliseconds() == pytest.approx(9_000, abs=100)


async def test_channels_with_opposite_poles_are_recognised(catalog, profile, upload, voice):
    mono, rate_hz = soundfile.read(io.BytesIO(voice(4)))
    file = io.BytesIO()
    soundfile.write(file, np.stack([mono, -mono], axis=1), rate_hz, format="WAV")
    kept = await upload(catalog, profile, file.getvalue())
    assert kept.quality.speech_ratio > 0.5


async def test_float_samples_beyond_full_scale_and_no_numbers_are_findings(catalog, profile, upload, voice):
    samples, rate = soundfile.read(io.BytesIO(voice(6)), dtype="float32")
    findings = {}
    for name, scale in (("plain", 1.0), ("unscaled", 32768.0), ("holed", np.nan)):
        wild = samples.copy()
        wild[: wild.size if np.isfinite(scale) else 100] *= scale
        file = io.BytesIO()
        soundfile.write(file, wild, rate, format="WAV", subtype="FLOAT")
        findings[name] = [
            finding.reason for finding in (await upload(catalog, profile, file.getvalue())).quality.findings
        ]
    assert "OVER_FULL_SCALE" in findings["unscaled"]
    assert "NOT_A_NUMBER" in findings["holed"]
    assert not {"OVER_FULL_SCALE", "NOT_A_NUMBER"}.intersection(findings["plain"])
