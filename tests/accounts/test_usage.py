"""Usage: one row for each piece of work, however it ends; none for what nobody asked for."""

import asyncio
import os
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, select
from sqlmodel import col
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox_accounts.limits.ledger import LIFETIME_SECONDS, Ledger
from voicebox_accounts.limits.retention import Retention
from voicebox_accounts.store.limits import LimitStore
from voicebox_accounts.store.opening import open_database
from voicebox_accounts.store.retention import RetentionStore
from voicebox_accounts.store.tables import DayCount, Usage
from voicebox_accounts.store.work import SPEECH, UsageQuery, Used, WorkItem, WorkStore
from voicebox_client import Client, VoiceboxClientError
from voicebox_kit.background import Background
from voicebox_kit.principal import Principal, current
from voicebox_metering.meter import MeterSettings, open_meter
from voicebox_metering.work import WorkKind

from bench.launch import platform

from .conftest import ADMIN, USUAL, made_locally
from .test_limits import ANN, BOB, reserve, settle

TEXT = "The old man walked slowly to the market and bought bread for his family."


async def usage(accounts, caller=ADMIN, **asked):
    answer = await accounts.call("UsageService", "GetUsage", pb.GetUsageRequest(**asked), caller)
    return answer.rows


async def test_the_same_record_counts_once(accounts):
    work_id = await reserve(accounts, characters=10)
    for _ in range(3):
        await settle(accounts, work_id, characters=7)
    [row] = await usage(accounts)
    assert (row.work_count, row.amounts.characters) == (1, 7)


async def test_work_that_was_never_reserved_counts_too_and_work_that_used_nothing_does_not(accounts):
    await settle(accounts, "a", characters=7)
    await settle(accounts, await reserve(accounts, characters=10))
    [row] = await usage(accounts)
    assert (row.work_count, row.amounts.characters) == (1, 7)


@pytest.mark.parametrize("kind", pb.WorkKind.values()[1:])
async def test_work_of_every_kind_is_reserved_and_recorded(accounts, kind):
    work_id = await reserve(accounts, kind=kind, audio_ms=1000)
    await settle(accounts, work_id, kind=kind, audio_ms=3000)
    [row] = await usage(accounts, group_by=[pb.USAGE_GROUP_KIND])
    assert (row.kind, row.work_count, row.amounts.audio_ms) == (kind, 1, 3000)


async def test_usage_is_grouped_and_an_owner_sees_its_own(accounts):
    await settle(accounts, "a", characters=1)
    await settle(accounts, "b", characters=2)
    await settle(accounts, "c", BOB, kind=pb.WORK_KIND_RECOGNITION, audio_ms=3000)
    rows = await usage(accounts, group_by=[pb.USAGE_GROUP_OWNER, pb.USAGE_GROUP_KIND, pb.USAGE_GROUP_DAY])
    found = [(row.owner, row.kind, row.work_count, row.amounts.characters, row.amounts.audio_ms) for row in rows]
    assert found == [
        ("ann", pb.WORK_KIND_SPEECH, 2, 3, 0),
        ("bob", pb.WORK_KIND_RECOGNITION, 1, 0, 3000),
    ]
    assert all(row.day == time.strftime("%Y-%m-%d", time.gmtime()) for row in rows)
    for asked in ("", "ann", "bob"):
        [row] = await usage(accounts, BOB, owner=asked)
        assert row.amounts.audio_ms == 3000
    assert not await usage(accounts, from_day="2020-01-01", to_day="2020-12-31")
    with pytest.raises(grpc.aio.AioRpcError):
        await usage(accounts, from_day="yesterday")


async def test_work_whose_process_went_away_is_settled_by_what_it_last_reported(database_url):
    now_us = [1_700_000_000_000_000]
    async with open_database(database_url) as database:
        store = WorkStore(database)
        ledger = Ledger(store, LimitStore(database), lambda: now_us[0])
        caller = Principal("ann", frozenset(), "k")
        await ledger.reserve("gone", caller, SPEECH, Used(100, 10_000), "r")
        await ledger.renew("gone", caller, Used(100, 20_000), Used(60, 9_000))
        assert await ledger.sweep_once() == 0
        now_us[0] += round(1_000_000 * (LIFETIME_SECONDS + 1))
        assert await ledger.sweep_once() == 1
        assert await ledger.sweep_once() == 0
        day = now_us[0] // 86_400_000_000
        query = UsageQuery("ann", "", day - 1, day, ())
        [found] = await store.usage(query)
        assert (found.work_count, found.used) == (1, Used(60, 9_000))
        # It was only late: what it says at last is what counts.
        await ledger.record(WorkItem("gone", "ann", "k", SPEECH, "r"), "m", Used(70, 10_000), now_us[0])
        [found] = await store.usage(query)
        assert (found.work_count, found.used) == (1, Used(70, 10_000))


@pytest.mark.parametrize(("usage_days", "kept"), [(3, 4), (0, 2011)])
async def test_usage_is_kept_for_as_long_as_it_is_set(database_url, usage_days, kept):
    day_us = 86_400_000_000
    today = 20_000
    async with open_database(database_url) as database:
        store = WorkStore(database)
        for age in range(11):
            item = WorkItem(f"w{age}", "ann", "k", SPEECH, "r")
            await store.record(item, "m", Used(1, 1), (today - age) * day_us)

        async def many(session):
            row = {"request_id": "", "owner": "ann", "key": "", "kind": SPEECH, "model": "", "day": 1, "end_us": 0}
            row |= {"characters": 1, "audio_ms": 1, "is_final": True}
            rows = [{**row, "work_id": f"old{number}"} for number in range(2000)]
            await session.execute(insert(Usage), rows)

        await database.write(many)
        retention = Retention(RetentionStore(database), usage_days, lambda: today * day_us)
        assert await retention.sweep_once() == 2011 - kept
        assert await retention.sweep_once() == 0
        [found] = await store.usage(UsageQuery("", "", 0, today, ()))
        assert found.work_count == kept
        days = await database.read(lambda session: session.scalars(select(col(DayCount.day))).all())
        assert min(days) == today - 7


async def test_a_meter_counts_what_was_used_also_where_the_work_fails(open_accounts, tmp_path):
    async with open_accounts() as accounts:
        settings = MeterSettings(accounts.address, tmp_path / "spool")
        registry = CollectorRegistry()
        current.set(ANN)
        async with open_meter("tts", settings, accounts.authentication, registry, Background(registry), None) as meter:
            async with meter.work(WorkKind.SPEECH, characters=5) as work:
                work.model = "flite/cmu-us"
                await work.use(characters=5, audio_ms=400.4)
            with pytest.raises(ZeroDivisionError):
                async with meter.work(WorkKind.SPEECH, characters=5) as work:
                    await work.use(characters=2, audio_ms=12_000)
                    raise ZeroDivisionError
            current.set(Principal("ann", is_counted=False))
            async with meter.work(WorkKind.RECOGNITION) as work:
                await work.use(audio_ms=50_000)
        [row] = await usage(accounts, group_by=[pb.USAGE_GROUP_KEY])
        assert (row.key, row.work_count, row.amounts.characters, row.amounts.audio_ms) == ("anns", 2, 7, 12_400)


async def test_usage_waits_on_disk_while_accounts_is_away(open_accounts, tmp_path):
    settings = MeterSettings("127.0.0.1:1", tmp_path / "spool")
    unlimited = Principal("ann", frozenset(USUAL), "anns")
    async with open_accounts() as accounts:
        registry = CollectorRegistry()
        current.set(unlimited)
        async with (
            open_meter("tts", settings, accounts.authentication, registry, Background(registry), None) as meter,
            meter.work(WorkKind.SPEECH) as work,
        ):
            await work.use(characters=9)
        assert not await usage(accounts)
        registry = CollectorRegistry()
        there = MeterSettings(accounts.address, tmp_path / "spool")
        async with open_meter("tts", there, accounts.authentication, registry, Background(registry), None):
            async with asyncio.timeout(60):
                while not (rows := await usage(accounts)):
                    await asyncio.sleep(0.05)
        assert rows[0].amounts.characters == 9


def seen(client, **asked):
    [row] = client.usage(**asked) or [pb.UsageRow()]
    return row


def eventually(look, expected):
    deadline = time.monotonic() + 60
    while (found := look()) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_speech_and_recognition_count_for_their_caller_and_the_check_for_nobody(guarded, tmp_path):
    owner = f"carl-{uuid.uuid4().hex[:8]}"
    with guarded.client("admin") as admin:
        secret = admin.create_key(owner, USUAL).secret
    with Client(guarded.platform.gateway, api_key=secret) as carl:
        path = tmp_path / "hello.wav"
        carl.say(TEXT, check=True).save(path)
        audio_ms = eventually_row(carl, "kind").amounts.audio_ms
        carl.transcribe(path)
        eventually(lambda: {row.kind: row.work_count for row in carl.usage(by=["kind"])}, {1: 1, 2: 1})
        rows = {row.kind: row.amounts for row in carl.usage(by=["kind"])}
    assert rows[pb.WORK_KIND_SPEECH].characters == len(TEXT)
    assert abs(rows[pb.WORK_KIND_RECOGNITION].audio_ms - audio_ms) < 200


def eventually_row(client, group):
    deadline = time.monotonic() + 60
    while not (rows := client.usage(by=[group])):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return rows[0]


def test_a_limit_is_kept_over_http_in_each_clients_form(guarded):
    owner = f"dora-{uuid.uuid4().hex[:8]}"
    with guarded.client("admin") as admin:
        secret = admin.create_key(owner, USUAL).secret
        admin.update_limits(owner, characters_per_day=len(TEXT) + 5)
    with Client(guarded.platform.gateway, api_key=secret) as dora:
        time.sleep(1.1)  # as long as a caller is cached
        dora.say(TEXT).read()
        with pytest.raises(VoiceboxClientError) as refused:
            dora.say(TEXT).read()
        assert (refused.value.code, refused.value.reason) == ("RESOURCE_EXHAUSTED", "DAY_EXHAUSTED")
        assert (refused.value.retry_seconds or 0) > 0
    with guarded.http() as http:
        headers = {"authorization": f"Bearer {secret}"}
        body = {"model": "tts-1", "voice": "alloy", "input": TEXT}
        answer = http.post("/v1/audio/speech", json=body, headers=headers)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        error = answer.json()["error"]
        assert (error["type"], error["code"]) == ("requests", "insufficient_quota")


def test_who_may_store_no_more_uploads_nothing_and_deletes(guarded):
    owner = f"gil-{uuid.uuid4().hex[:8]}"
    with guarded.client("admin") as admin:
        secret = admin.create_key(owner, USUAL).secret
        with Client(guarded.platform.gateway, api_key=secret) as gil:
            gil.create_profile("Gil", "gil")
            audio = gil.say(TEXT, store=False).read()
            admin.update_limits(owner, stored_bytes=len(audio) * 5 // 2)
            time.sleep(1.1)  # as long as a caller is cached
            sample = gil.add_sample("gil", audio)
            with ThreadPoolExecutor(4) as threads:
                tries = [threads.submit(gil.add_sample, "gil", audio) for _ in range(4)]
            refused = [getattr(error, "reason", error) for each in tries if (error := each.exception())]
            assert set(refused) == {"STORED_BYTES_EXHAUSTED"}
            assert (len(refused), len(list(gil.list_samples("gil")))) == (3, 2)
            with pytest.raises(VoiceboxClientError) as duplicating:
                gil.duplicate_profile("gil", "other")
            assert duplicating.value.reason == "STORED_BYTES_EXHAUSTED"
            assert gil.say(TEXT, store=False).read()
            gil.delete_sample(sample.name)
            gil.add_sample("gil", audio)


class Endless:
    """A file without an end."""

    def read(self, size):
        return b"RIFF" + bytes(size - 4)


def test_an_upload_ends_when_it_is_too_big_and_not_at_its_end(guarded):
    owner = f"hal-{uuid.uuid4().hex[:8]}"
    with guarded.client("admin") as admin:
        secret = admin.create_key(owner, USUAL).secret
        admin.update_limits(owner, stored_bytes=100_000)
    with Client(guarded.platform.gateway, api_key=secret) as hal:
        hal.create_profile("Hal", "hal")
        for upload in (hal.import_profile, partial(hal.add_sample, "hal")):
            with pytest.raises(VoiceboxClientError) as refused:
                upload(Endless())
            assert refused.value.reason == "STORED_BYTES_EXHAUSTED"


@pytest.mark.parametrize("service", ["tts", "accounts"])
def test_a_killed_process_loses_and_doubles_nothing_that_was_answered(tmp_path, service):
    """Whole answers count exactly; of what was cut short, at most what was reported of it."""
    data = tmp_path / "data"
    others = [each for each in ("accounts", "catalog", "tts", "gateway") if each != service]
    variables = {"VOICEBOX_AUTH": "keys", "VOICEBOX_EMBEDDED": "small"}
    with platform(data / "rest", tuple(others), **variables, VOICEBOX_SIGNING_KEYS=str(keys(tmp_path))) as rest:
        shared = {
            **variables,
            "VOICEBOX_SIGNING_KEYS": str(keys(tmp_path)),
            "TTS_ADDRESS": rest.tts,
            "CATALOG_ADDRESS": rest.catalog,
            "ACCOUNTS_ADDRESS": rest.accounts,
        }
        where = data / ("own" if service == "accounts" else "rest")
        secret = made_locally(where, "ann", *USUAL, "admin") if service != "accounts" else ""
        answered = 0
        for _ in range(2):
            with platform(data / "own", (service,), **shared) as own:
                if not secret:
                    secret = made_locally(data / "own", "ann", *USUAL, "admin")
                with Client(rest.gateway, api_key=secret) as ann:
                    for _ in range(3):
                        try:
                            ann.say(TEXT, store=False).read()
                            answered += 1
                        except VoiceboxClientError:
                            pass
                os.killpg(own.process.pid, signal.SIGKILL)
                own.process.wait()
        with platform(data / "own", (service,), **shared), Client(rest.gateway, api_key=secret) as ann:
            assert answered > 0
            eventually(lambda: seen(ann, by=["kind"]).work_count, answered)
            assert seen(ann, by=["kind"]).amounts.characters == answered * len(TEXT)


def keys(folder):
    from voicebox_kit.signing_keys import create

    create(folder / "signing.keys")
    return folder / "signing.keys"
