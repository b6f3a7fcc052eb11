"""Limits: reserved before, settled after, on both databases and by several replicas."""

import asyncio
import uuid

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox_accounts.effective_limits import Limit
from voicebox_accounts.limits.requests import RequestMeter, RequestsLeft
from voicebox_accounts.store.minutes import MinuteStore
from voicebox_accounts.store.opening import open_database
from voicebox_kit.principal import Principal

from .conftest import ADMIN, USUAL
from .test_keys import check

ANN = Principal("ann", frozenset(USUAL), "anns", is_limited=True)
OTHER_KEY = Principal("ann", frozenset(USUAL), "others", is_limited=True)
BOB = Principal("bob", frozenset(USUAL), "bobs", is_limited=True)


async def limit(accounts, name, **limits):
    request = pb.UpdateLimitsRequest(limits=pb.Limits(name=name, **limits))
    return await accounts.call("LimitService", "UpdateLimits", request, ADMIN)


async def reserve(accounts, caller=ANN, work_id="", kind=pb.WORK_KIND_SPEECH, **amounts):
    work_id = work_id or str(uuid.uuid4())
    request = pb.ReserveWorkRequest(work_id=work_id, kind=kind, amounts=pb.Amounts(**amounts))
    await accounts.call("LimitService", "ReserveWork", request, caller)
    return work_id


async def settle(accounts, work_id, caller=ANN, kind=pb.WORK_KIND_SPEECH, **amounts):
    record = pb.UsageRecord(
        work_id=work_id, owner=caller.owner, key=caller.key, kind=kind, amounts=pb.Amounts(**amounts)
    )
    await accounts.call("UsageService", "RecordUsage", pb.RecordUsageRequest(record=record), caller)


async def exhausted(call):
    """The reason, and when to try again."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in rpc_status.from_call(error.value).details:
        detail.Unpack(info)
        detail.Unpack(retry)
    return info.reason, retry.retry_delay.ToTimedelta().total_seconds()


async def test_limits_are_set_one_by_one_and_taken_away(accounts):
    name = "owners/ann/limits"
    await limit(accounts, name, characters_per_day=100, concurrent_streams=2)
    request = pb.UpdateLimitsRequest(
        limits=pb.Limits(name=name, characters_per_day=50), update_mask=FieldMask(paths=["characters_per_day"])
    )
    changed = await accounts.call("LimitService", "UpdateLimits", request, ADMIN)
    assert (changed.characters_per_day, changed.concurrent_streams) == (50, 2)
    request = pb.UpdateLimitsRequest(limits=pb.Limits(name=name), update_mask=FieldMask(paths=["characters_per_day"]))
    changed = await accounts.call("LimitService", "UpdateLimits", request, ADMIN)
    assert not changed.HasField("characters_per_day")
    for caller, code in ((ANN, None), (BOB, grpc.StatusCode.NOT_FOUND)):
        call = accounts.call("LimitService", "GetLimits", pb.GetLimitsRequest(name=name), caller)
        if code is None:
            assert await call == changed
        else:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call
            assert error.value.code() is code


async def test_characters_of_a_day_are_reserved_and_settled_by_what_was_spoken(accounts):
    await limit(accounts, "owners/ann/limits", characters_per_day=100)
    first = await reserve(accounts, characters=80)
    reason, seconds = await exhausted(reserve(accounts, characters=30))
    assert reason == "DAY_EXHAUSTED"
    assert 0 < seconds <= 86_400
    await settle(accounts, first, characters=40)
    second = await reserve(accounts, characters=60)
    await settle(accounts, second, characters=60)
    await exhausted(reserve(accounts, characters=1))
    await reserve(accounts, BOB, characters=1000)


async def test_a_limit_of_a_key_comes_before_its_owners_and_counts_for_it_alone(accounts):
    made = await accounts.create_key("ann")
    key = made.key.name.removeprefix("keys/")
    mine = Principal("ann", frozenset(USUAL), key, is_limited=True)
    await limit(accounts, "owners/ann/limits", characters_per_day=100)
    await limit(accounts, f"{made.key.name}/limits", characters_per_day=10)
    await settle(accounts, await reserve(accounts, OTHER_KEY, characters=90), OTHER_KEY, characters=90)
    await settle(accounts, await reserve(accounts, mine, characters=10), mine, characters=10)
    await exhausted(reserve(accounts, mine, characters=1))
    await exhausted(reserve(accounts, OTHER_KEY, characters=1))


async def test_streams_at_once(accounts):
    await limit(accounts, "owners/ann/limits", concurrent_streams=2)
    running = [await reserve(accounts, kind=pb.WORK_KIND_RECOGNITION), await reserve(accounts)]
    reason, _ = await exhausted(reserve(accounts, OTHER_KEY))
    assert reason == "STREAMS_EXHAUSTED"
    await settle(accounts, running[0], kind=pb.WORK_KIND_RECOGNITION, audio_ms=100)
    await reserve(accounts, OTHER_KEY)


@pytest.mark.parametrize("kind", [pb.WORK_KIND_RECOGNITION, pb.WORK_KIND_CONVERSION])
async def test_a_stream_reserves_more_as_it_goes_on(accounts, kind):
    await limit(accounts, "owners/ann/limits", audio_seconds_per_day=30)
    work_id = await reserve(accounts, kind=kind, audio_ms=10_000)

    async def renew(amount, used):
        request = pb.RenewWorkRequest(
            work_id=work_id, amounts=pb.Amounts(audio_ms=amount), used=pb.Amounts(audio_ms=used)
        )
        await accounts.call("LimitService", "RenewWork", request, ANN)

    await renew(20_000, 10_000)
    await renew(30_000, 20_000)
    assert (await exhausted(renew(40_000, 30_000)))[0] == "DAY_EXHAUSTED"
    await settle(accounts, work_id, kind=kind, audio_ms=30_000)
    await exhausted(reserve(accounts, kind=kind, audio_ms=1))


async def test_the_same_work_is_reserved_once(accounts):
    await limit(accounts, "owners/ann/limits", characters_per_day=100, concurrent_streams=1)
    for _ in range(3):
        await reserve(accounts, work_id="same", characters=100)
    await settle(accounts, "same", characters=100)
    await reserve(accounts, work_id="same", characters=100)


async def test_zero_forbids(accounts):
    await limit(accounts, "owners/ann/limits", characters_per_day=0, model_downloads_per_day=0)
    await exhausted(reserve(accounts, characters=1))
    await exhausted(reserve(accounts, kind=pb.WORK_KIND_MODEL_DOWNLOAD))


async def test_downloads_of_a_day(accounts):
    await limit(accounts, "owners/ann/limits", model_downloads_per_day=2)
    kind = pb.WORK_KIND_MODEL_DOWNLOAD
    for _ in range(2):
        await settle(accounts, await reserve(accounts, kind=kind), kind=kind)
    await exhausted(reserve(accounts, kind=kind))


async def test_replicas_do_not_overshoot_a_day(open_accounts):
    async with open_accounts() as one, open_accounts() as two, open_accounts() as three:
        await limit(one, "owners/ann/limits", characters_per_day=1000)
        replicas = [one, two, three]

        async def attempt(number):
            try:
                return await reserve(replicas[number % 3], characters=30)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
                return None

        done = [work for work in await asyncio.gather(*map(attempt, range(60))) if work]
    assert len(done) == 33


async def test_replicas_do_not_overshoot_a_minute(database_url):
    now = [6_000_000.0]
    async with open_database(database_url) as database:
        meters = [RequestMeter(MinuteStore(database), lambda: now[0]) for _ in range(3)]
        maximum = Limit("owners/ann", 100)

        async def attempts():
            calls = [meters[number % 3].take(maximum) for number in range(240)]
            return await asyncio.gather(*calls, return_exceptions=True)

        for _ in range(2):
            answers = await attempts()
            assert sum(isinstance(answer, RequestsLeft) for answer in answers) == 100
            refusals = [answer for answer in answers if not isinstance(answer, RequestsLeft)]
            assert {(error.reason, error.retry_seconds) for error in refusals} == {("REQUESTS_EXHAUSTED", 60.0)}
            now[0] += 60
        assert await meters[0].take(None) is None


async def test_what_is_left_of_a_minute_is_in_the_answer_in_openais_form(accounts):
    made = await accounts.create_key("ann")
    await limit(accounts, "owners/ann/limits", requests_per_minute=0)
    answer = await check(accounts, made.secret)
    assert answer.denied_response.status.code == 429
    headers = {each.header.key: each.header.value for each in answer.denied_response.headers}
    assert 1 <= int(headers["retry-after"]) <= 60
    await limit(accounts, "owners/ann/limits", requests_per_minute=1000)
    answer = await check(accounts, made.secret)
    headers = {each.header.key: each.header.value for each in answer.ok_response.response_headers_to_add}
    assert headers["x-ratelimit-limit-requests"] == "1000"
    assert int(headers["x-ratelimit-remaining-requests"]) == 999
    assert headers["x-ratelimit-reset-requests"].endswith("s")


@pytest.mark.parametrize("name", ["owners/ann", "ann", "keys/unknown/limits", "owners//limits", "owners/A/limits", ""])
async def test_a_name_of_limits_is_checked(accounts, name):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await limit(accounts, name, characters_per_day=1)
    assert error.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
