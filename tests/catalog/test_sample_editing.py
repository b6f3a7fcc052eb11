"""Samples that are changed, trimmed and cut into utterances."""

import asyncio
import io
import uuid

import grpc
import numpy as np
import pytest
import soundfile
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from voicebox.catalog.v1 import catalog_pb2 as pb


@pytest.fixture
async def profile(catalog):
    return (await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann")))).name


def update(catalog, name, *paths, **fields):
    request = pb.UpdateSampleRequest(sample=pb.Sample(name=name, **fields), update_mask=FieldMask(paths=paths))
    return catalog.UpdateSample(request)


def segment(catalog, name, **fields):
    return catalog.SegmentSample(pb.SegmentSampleRequest(name=name, **fields))


def seconds(number):
    duration = Duration()
    duration.FromMicroseconds(round(number * 1e6))
    return duration


async def copy_of(catalog, name, bytes_of):
    request = pb.DownloadSampleAudioRequest(name=name, form=pb.SAMPLE_FORM_NORMALIZED)
    return soundfile.read(io.BytesIO(await bytes_of(catalog.DownloadSampleAudio(request))))[0]


async def test_a_trim_changes_what_is_used_and_not_the_original(catalog, profile, upload, voice, bytes_of, stored):
    data = voice(10)
    kept = await upload(catalog, profile, data, transcript="All.")
    trimmed = await update(catalog, kept.name, trim_start=seconds(2), trim_end=seconds(6.5))
    assert (trimmed.duration, trimmed.sha256) == (kept.duration, kept.sha256)
    assert trimmed.quality.duration.ToTimedelta().total_seconds() == pytest.approx(4.5, abs=0.03)
    assert (await copy_of(catalog, kept.name, bytes_of)).size == pytest.approx(4.5 * 24_000, abs=2)
    assert await bytes_of(catalog.DownloadSampleAudio(pb.DownloadSampleAudioRequest(name=kept.name))) == data
    assert trimmed.etag != kept.etag
    later = await update(catalog, kept.name, "trim_end")  # to the end again; its beginning stays
    assert (later.trim_start.seconds, later.HasField("trim_end")) == (2, False)
    assert (await copy_of(catalog, kept.name, bytes_of)).size == pytest.approx(8 * 24_000, abs=2)
    whole = await update(catalog, kept.name, "trim_start", "trim_end")
    assert whole.quality == kept.quality
    assert len(await stored()) == 2


async def test_fields_are_changed_as_the_mask_says(catalog, profile, upload, voice, refused):
    kept = await upload(catalog, profile, voice(3), transcript="One.")
    rated = await update(catalog, kept.name, transcript_word_error_rate=0.75)
    assert rated.transcript_word_error_rate == 0.75
    assert (rated.quality.verdict, [finding.reason for finding in rated.quality.findings]) == (
        pb.QualityReport.VERDICT_WARN,
        ["TRANSCRIPT_DIFFERS"],
    )
    other = await update(catalog, kept.name, transcript="Two.")
    assert other.transcript == "Two."
    assert not other.HasField("transcript_word_error_rate")  # that was of the first transcript
    assert not (await update(catalog, kept.name, "transcript")).transcript
    assert (await update(catalog, kept.name, excluded=True)).excluded
    assert not (await update(catalog, kept.name, "excluded")).excluded
    error = await refused(update(catalog, kept.name, excluded=True, etag=kept.etag))
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")


async def test_of_two_trims_with_one_etag_one_wins(catalog, profile, upload, voice, stored):
    kept = await upload(catalog, profile, voice(4))
    trims = (update(catalog, kept.name, trim_start=seconds(number / 10), etag=kept.etag) for number in range(1, 4))
    answers = await asyncio.gather(*trims, return_exceptions=True)
    assert sorted(isinstance(answer, Exception) for answer in answers) == [False, True, True]
    assert len(await stored()) == 2


BAD_UPDATES = [
    ({"transcript": "a" * 5001}, (), "sample.transcript"),
    ({"transcript": "\0"}, (), "sample.transcript"),
    ({"trim_start": seconds(-1)}, (), "sample.trim_start"),
    ({"trim_start": seconds(2.95)}, (), "sample.trim_start"),
    ({"trim_end": seconds(3.5)}, (), "sample.trim_end"),
    ({"trim_end": seconds(0.05)}, (), "sample.trim_end"),
    ({"trim_start": seconds(2), "trim_end": seconds(1)}, (), "sample.trim_start"),
    ({"transcript_word_error_rate": -0.1}, (), "sample.transcript_word_error_rate"),
    ({"transcript_word_error_rate": float("nan")}, (), "sample.transcript_word_error_rate"),
    ({}, ("sha256",), "update_mask"),
]


async def test_a_bad_change_is_named_and_changes_nothing(catalog, profile, upload, voice, refused, stored):
    kept = await upload(catalog, profile, voice(3))
    for fields, paths, field in BAD_UPDATES:
        error = await refused(update(catalog, kept.name, *paths, **fields))
        assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)
    assert await catalog.GetSample(pb.GetSampleRequest(name=kept.name)) == kept
    assert len(await stored()) == 2
    assert (await refused(update(catalog, "nonsense", excluded=True))).field == "sample.name"
    for call in (
        update(catalog, f"{profile}/samples/nobody", trim_start=seconds(1)),
        segment(catalog, f"{profile}/samples/nobody"),
    ):
        assert (await refused(call)).code == grpc.StatusCode.NOT_FOUND


async def test_a_long_recording_is_cut_at_its_pauses(catalog, profile, upload, voice, bytes_of, stored):
    kept = await upload(catalog, profile, voice(30.3, sample_rate_hz=22_050, channels=2))
    parts = (await segment(catalog, kept.name, max_duration=seconds(9))).samples
    lengths = [part.duration.ToTimedelta().total_seconds() for part in parts]
    assert len(parts) >= 4
    assert all(2 <= length <= 9 for length in lengths)
    assert sum(lengths) > 0.7 * 30
    for part in parts:
        assert (part.source, part.container, part.sample_rate_hz, part.channel_count) == (kept.name, "flac", 22_050, 1)
        assert part.quality.verdict == pb.QualityReport.VERDICT_OK
        assert not part.excluded
        samples = await copy_of(catalog, part.name, bytes_of)
        assert np.abs(samples[:1200]).max() < 0.05 > np.abs(samples[-1200:]).max()  # cut in silence
    listed = (await catalog.ListSamples(pb.ListSamplesRequest(parent=profile))).samples
    assert listed[0].excluded
    assert list(listed[1:]) == list(parts)
    assert (await catalog.GetProfile(pb.GetProfileRequest(name=profile))).sample_count == len(parts) + 1
    assert len(await stored()) == 2 * (len(parts) + 1)
    edited = await update(catalog, parts[0].name, transcript="One.", trim_start=seconds(0.2))
    assert (edited.transcript, edited.source) == ("One.", kept.name)


async def test_only_the_used_part_is_cut(catalog, profile, upload, voice):
    kept = await upload(catalog, profile, voice(20))
    await update(catalog, kept.name, trim_start=seconds(12))
    parts = (await segment(catalog, kept.name)).samples
    assert sum(part.duration.ToTimedelta().total_seconds() for part in parts) <= 8


async def test_the_same_request_cuts_once(catalog, profile, upload, voice, stored):
    kept = await upload(catalog, profile, voice(12))
    request_id = str(uuid.uuid4())
    answers = await asyncio.gather(*(segment(catalog, kept.name, request_id=request_id) for _ in range(3)))
    assert answers[0] == answers[1] == answers[2]
    assert len(await stored()) == 2 * (len(answers[0].samples) + 1)


async def test_real_speech_is_cut_into_what_was_joined(catalog, profile, upload, speech_data, stored):
    names = list(speech_data.transcripts)[3:8]
    clips = [soundfile.read(speech_data.path(name), dtype="float32") for name in names]
    rate_hz = clips[0][1]
    joined = np.concatenate([np.concatenate((clip, np.zeros(int(0.8 * rate_hz), np.float32))) for clip, _ in clips])
    file = io.BytesIO()
    soundfile.write(file, joined, rate_hz, format="WAV")
    kept = await upload(catalog, profile, file.getvalue())
    parts = (await segment(catalog, kept.name)).samples
    heard = sum(part.duration.ToTimedelta().total_seconds() for part in parts)
    assert heard == pytest.approx(sum(clip.size for clip, _ in clips) / rate_hz, rel=0.12)
    assert all(2 <= part.duration.ToTimedelta().total_seconds() <= 15 for part in parts)
    assert all(part.quality.verdict == pb.QualityReport.VERDICT_OK for part in parts)


async def test_what_cannot_be_cut(catalog, profile, upload, voice, tone, refused, stored):
    silent = await upload(catalog, profile, tone(5))
    error = await refused(segment(catalog, silent.name))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NO_UTTERANCES")
    assert len(await stored()) == 2
    for fields, field in (
        ({"min_duration": seconds(0.5)}, "min_duration"),
        ({"min_duration": seconds(61)}, "min_duration"),
        ({"min_duration": seconds(5), "max_duration": seconds(4)}, "max_duration"),
        ({"max_duration": seconds(61)}, "max_duration"),
        ({"request_id": "x"}, "request_id"),
    ):
        assert (await refused(segment(catalog, silent.name, **fields))).field == field
