"""Two catalogs on one PostgreSQL and one S3, both written to at once."""

import asyncio
import uuid
from contextlib import AsyncExitStack

import grpc
import pytest
from voicebox.catalog.v1 import catalog_pb2 as pb

RECORDS = 40


@pytest.fixture
def stores():
    """Only these stores can be shared."""
    return "postgres"


@pytest.fixture
async def replicas(env, open_at, tmp_path):
    """Two replicas: their stubs."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(open_at(env | {"VOICEBOX_DATA": str(tmp_path / name)}))
            for name in ("one", "other")
        ]


async def create(catalog, profile_id, request_id=""):
    profile = pb.Profile(display_name="Ann")
    return await catalog.CreateProfile(
        pb.CreateProfileRequest(profile=profile, profile_id=profile_id, request_id=request_id)
    )


async def test_one_of_many_gets_the_name(replicas, together):
    answers = await together(*(create(replicas[number % 2], "ann") for number in range(16)), return_exceptions=True)
    refusals = [answer.code() for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert refusals == [grpc.StatusCode.ALREADY_EXISTS] * 15


async def test_a_retry_at_the_other_replica_is_the_same_request(replicas, together):
    request_id = str(uuid.uuid4())
    made = await together(*(create(replicas[number % 2], "", request_id) for number in range(8)))
    assert {profile.name for profile in made} == {made[0].name}


async def test_a_generation_that_both_are_sent_is_kept_once(replicas, together, generation, record, bytes_of):
    sent = [generation(text=f"Number {number}.") for number in range(RECORDS)]
    await together(*(record(replica, each, each.name.encode()) for each in sent for replica in replicas))
    for replica in replicas:
        listed = await replica.ListGenerations(pb.ListGenerationsRequest(page_size=1000))
        assert sorted(each.name for each in listed.generations) == sorted(each.name for each in sent)
        for each in sent[:5]:
            audio = replica.DownloadGenerationAudio(pb.DownloadGenerationAudioRequest(name=each.name))
            assert await bytes_of(audio) == each.name.encode()


async def test_what_one_acknowledged_the_other_answers(replicas, upload, voice, bytes_of):
    wave = voice(0.5)
    await create(replicas[0], "ann")
    for number in range(10):
        writer, reader = replicas[number % 2], replicas[1 - number % 2]
        kept = await upload(writer, "profiles/ann", wave, transcript=f"{number}")
        assert await reader.GetSample(pb.GetSampleRequest(name=kept.name)) == kept
        assert await bytes_of(reader.DownloadSampleAudio(pb.DownloadSampleAudioRequest(name=kept.name))) == wave


async def test_the_slower_of_two_changes_is_reported(replicas, together):
    profile = await create(replicas[0], "ann")

    async def rename(replica, name):
        changed = pb.Profile(name=profile.name, display_name=name, etag=profile.etag)
        return await replica.UpdateProfile(
            pb.UpdateProfileRequest(profile=changed, update_mask={"paths": ["display_name"]})
        )

    answers = await together(rename(replicas[0], "Ann"), rename(replicas[1], "Bea"), return_exceptions=True)
    [kept] = [answer for answer in answers if isinstance(answer, pb.Profile)]
    [refused] = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert refused.code() is grpc.StatusCode.ABORTED
    assert await replicas[0].GetProfile(pb.GetProfileRequest(name=profile.name)) == kept


async def test_what_one_deletes_is_gone_for_both_and_nothing_is_left_over(replicas, generation, record, stored):
    sent = [generation() for _ in range(RECORDS)]
    await asyncio.gather(*(record(replicas[number % 2], each, b"the same audio") for number, each in enumerate(sent)))

    async def delete(replica, name):
        try:
            await replica.DeleteGeneration(pb.DeleteGenerationRequest(name=name))
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    codes = await asyncio.gather(*(delete(replica, each.name) for each in sent for replica in replicas))
    assert sorted(code.name for code in codes) == ["NOT_FOUND"] * RECORDS + ["OK"] * RECORDS
    for replica in replicas:
        assert not (await replica.ListGenerations(pb.ListGenerationsRequest())).generations
    assert await stored() == set()
