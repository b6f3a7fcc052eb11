"""The recording that a profile's voice is made from."""

import grpc
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from voicebox.catalog.v1 import catalog_pb2 as pb

RATE_HZ = 24_000


@pytest.fixture
async def profile(catalog):
    settings = pb.VoiceSettings(speed=1.5)
    made = pb.Profile(display_name="Ann", language="de", default_voice_settings=settings)
    return (await catalog.CreateProfile(pb.CreateProfileRequest(profile=made))).name


async def reference(catalog, profile, known_etag="", seconds=0):
    request = pb.GetReferenceRequest(profile=profile, known_etag=known_etag, max_duration=Duration(seconds=seconds))
    answers = [answer async for answer in catalog.GetReference(request)]
    assert [answer.WhichOneof("event") for answer in answers] == ["header"] + ["pcm_s16le"] * (len(answers) - 1)
    return answers[0].header, np.frombuffer(b"".join(answer.pcm_s16le for answer in answers), "<i2") / 32768


async def test_a_profile_without_samples_has_none(catalog, profile, refused, upload, tone):
    error = await refused(catalog.GetReference(pb.GetReferenceRequest(profile=profile)))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PROFILE_HAS_NO_SAMPLES")
    kept = await upload(catalog, profile, tone(5))  # no speech
    assert kept.quality.verdict == pb.QualityReport.VERDICT_REJECT
    error = await refused(catalog.GetReference(pb.GetReferenceRequest(profile=profile)))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PROFILE_HAS_NO_USABLE_SAMPLES")


async def test_it_joins_the_samples_with_a_gap(catalog, profile, upload, voice):
    kept = [
        await upload(catalog, profile, voice(4), transcript="One."),
        await upload(catalog, profile, voice(6, hertz=180), transcript="Two."),
    ]
    header, samples = await reference(catalog, profile)
    assert (header.language, header.sample_rate_hz, header.transcript, header.unchanged) == (
        "de",
        RATE_HZ,
        "One. Two.",
        False,
    )
    assert list(header.samples) == [sample.name for sample in kept]
    assert header.default_voice_settings.speed == 1.5
    assert samples.size == pytest.approx(10.25 * RATE_HZ, abs=4)
    assert not samples[4 * RATE_HZ + 10 : int(4.25 * RATE_HZ) - 10].any()
    assert 10 * np.log10(np.mean(np.square(samples))) == pytest.approx(-24, abs=3)


async def test_the_etag_changes_exactly_when_the_content_does(catalog, profile, upload, voice):
    await upload(catalog, profile, voice(4), transcript="One.")
    header, _ = await reference(catalog, profile)
    again, samples = await reference(catalog, profile, header.etag)
    assert (again.unchanged, again.etag, samples.size) == (True, header.etag, 0)
    await catalog.UpdateProfile(pb.UpdateProfileRequest(profile=pb.Profile(name=profile, display_name="Other")))
    assert (await reference(catalog, profile, header.etag, seconds=100))[0].unchanged  # what would fit is the same
    second = await upload(catalog, profile, voice(3, hertz=180))
    other, samples = await reference(catalog, profile, header.etag)
    assert (other.unchanged, other.transcript) == (False, "")  # one transcript is unknown
    assert samples.size
    hidden = pb.Sample(name=second.name, excluded=True)
    await catalog.UpdateSample(pb.UpdateSampleRequest(sample=hidden))
    assert (await reference(catalog, profile, header.etag))[0].unchanged
    await catalog.UpdateSample(pb.UpdateSampleRequest(sample=pb.Sample(name=header.samples[0], transcript="Another.")))
    assert not (await reference(catalog, profile, header.etag))[0].unchanged


async def test_the_best_samples_that_fit_come_in_the_order_in_which_they_were_added(catalog, profile, upload, voice):
    for seconds, noise, transcript in ((3, 1e-4, "short"), (9, 2e-2, "noisy"), (8, 1e-4, ""), (7, 1e-4, "good")):
        await upload(catalog, profile, voice(seconds, noise=noise), transcript=transcript)
    assert (await reference(catalog, profile, seconds=10))[0].transcript in ("short", "good")  # both do not fit
    header, samples = await reference(catalog, profile, seconds=11)
    assert header.transcript == "short good"  # what has a transcript before what has none, though that is longer
    assert samples.size <= 11 * RATE_HZ
    header, _ = await reference(catalog, profile, seconds=19)
    kept = [sample.name for sample in (await catalog.ListSamples(pb.ListSamplesRequest(parent=profile))).samples]
    assert list(header.samples) == [kept[0], kept[2], kept[3]]  # OK before WARN, whatever their transcripts
    assert list((await reference(catalog, profile, seconds=60))[0].samples) == kept


async def test_when_not_one_fits_the_best_is_cut_and_loses_its_transcript(catalog, profile, upload, voice):
    await upload(catalog, profile, voice(8), transcript="long")
    header, samples = await reference(catalog, profile, seconds=5)
    assert header.transcript == ""
    assert samples.size == 5 * RATE_HZ
    other, _ = await reference(catalog, profile, header.etag, seconds=6)
    assert not other.unchanged


async def test_bounds_of_the_duration(catalog, profile, refused):
    for seconds in (-1, 301, 10**11):
        request = pb.GetReferenceRequest(profile=profile, max_duration=Duration(seconds=seconds))
        assert (await refused(catalog.GetReference(request))).field == "max_duration"


async def test_where_consent_is_required_nobody_is_spoken_with_who_did_not_agree(opened, env, upload, voice, refused):
    env["CATALOG_REQUIRE_CONSENT"] = "1"
    async with opened() as catalog:
        made = await catalog.CreateProfile(pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann")))
        await upload(catalog, made.name, voice(3))
        error = await refused(catalog.GetReference(pb.GetReferenceRequest(profile=made.name)))
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CONSENT_REQUIRED")
        agreed = pb.Profile(name=made.name, consent=pb.Consent(statement="I agree."))
        await catalog.UpdateProfile(pb.UpdateProfileRequest(profile=agreed))
        assert (await reference(catalog, made.name))[1].size


async def test_for_an_authenticated_caller_nobody_is_spoken_with_who_did_not_agree(catalog, upload, voice, refused):
    ann = (("x-voicebox-principal", "ann"),)
    made = await catalog.CreateProfile(
        pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann"), profile_id="ann"), metadata=ann
    )
    await upload(catalog, made.name, voice(3), metadata=ann)
    request = pb.GetReferenceRequest(profile=made.name)
    error = await refused(catalog.GetReference(request, metadata=ann))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CONSENT_REQUIRED")
    assert "`voicebox profiles update ann --consent TEXT`" in error.sentence
    for agreed, is_spoken in (("I agree.", True), ("", False)):
        consent = pb.Profile(name=made.name, consent=pb.Consent(statement=agreed))
        mask = FieldMask(paths=["consent"])
        await catalog.UpdateProfile(pb.UpdateProfileRequest(profile=consent, update_mask=mask), metadata=ann)
        known = pb.GetReferenceRequest(profile=made.name, known_etag="known before")
        if is_spoken:
            assert len([part async for part in catalog.GetReference(known, metadata=ann)]) > 1
        else:
            assert (await refused(catalog.GetReference(known, metadata=ann))).reason == "CONSENT_REQUIRED"
