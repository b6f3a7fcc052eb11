"""The clock of the machine goes backwards while the catalog works: nothing is lost, hidden, listed twice or deleted
early.
"""

import pytest
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox_catalog import app
from voicebox_catalog.settings import Settings
from voicebox_catalog.upkeep.clock_check import ClockCheck
from voicebox_catalog.upkeep.sweep import LEASE
from voicebox_sql.clock import now_us

HOUR_US = 3_600_000_000


@pytest.fixture
def clock(monkeypatch):
    """The time that the catalog reads, `offset_us` from the true one."""

    class Clock:
        offset_us = 0

        def __call__(self):
            return now_us() + self.offset_us

    clock = Clock()
    monkeypatch.setattr(app, "now_us", clock)
    return clock


@pytest.fixture
async def catalog(clock, opened):
    async with opened() as catalog:
        yield catalog


async def test_each_generation_is_listed_once_in_the_order_of_its_time(catalog, clock, generation, record):
    kept = []
    for step in range(4):
        kept += [await record(catalog, generation(text=f"{step}"), b"audio") for _ in range(3)]
        clock.offset_us -= HOUR_US
    listed, request = [], pb.ListGenerationsRequest(page_size=2)
    while True:
        page = await catalog.ListGenerations(request)
        listed += page.generations
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert sorted(each.name for each in listed) == sorted(each.name for each in kept)
    times = [each.create_time.ToNanoseconds() for each in listed]
    assert times == sorted(times, reverse=True)


async def test_a_change_is_kept_and_reported(catalog, clock):
    made = await catalog.CreateProfile(
        pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann"), profile_id="ann")
    )
    clock.offset_us -= HOUR_US
    changed = pb.Profile(name=made.name, display_name="Anna", etag=made.etag)
    kept = await catalog.UpdateProfile(
        pb.UpdateProfileRequest(profile=changed, update_mask={"paths": ["display_name"]})
    )
    assert kept.display_name == "Anna"
    assert kept.etag != made.etag
    assert kept.create_time == made.create_time
    assert kept.update_time.ToNanoseconds() >= made.create_time.ToNanoseconds()
    assert await catalog.GetProfile(pb.GetProfileRequest(name=made.name)) == kept


async def test_what_was_deleted_comes_back(catalog, clock):
    made = await deleted_profile(catalog)
    clock.offset_us -= HOUR_US
    await catalog.UndeleteProfile(pb.UndeleteProfileRequest(name=made.name))
    assert (await catalog.GetProfile(pb.GetProfileRequest(name=made.name))).display_name == "Ann"


DAY_US = 24 * HOUR_US


async def test_a_sweep_after_a_far_jump_of_the_clock_waits_a_day(database):
    offset_us = [0]
    check = ClockCheck(database, "sweep", 3600, lambda: 1_767_225_600_000_000 + offset_us[0])
    far = 400 * DAY_US
    steps = [
        (0, True),
        (HOUR_US, True),
        (far, False),
        (far + HOUR_US, False),
        (far + 23 * HOUR_US, False),
        (far + 25 * HOUR_US, True),
    ]
    for offset_us[0], trusted in steps:
        assert (await check.trusted_time_us() is not None) is trusted


async def test_a_clock_that_is_set_back_is_believed_at_once(database):
    offset_us = [0]
    check = ClockCheck(database, "sweep", 3600, lambda: 1_767_225_600_000_000 + offset_us[0])
    for offset_us[0], trusted in [(0, True), (30 * DAY_US, False), (HOUR_US, True), (2 * HOUR_US, True)]:
        assert (await check.trusted_time_us() is not None) is trusted


async def test_a_jump_of_the_clock_deletes_nothing(catalog, clock, env, database, blobs):
    made = await deleted_profile(catalog)
    assert await ClockCheck(database, LEASE, HOUR_US / 1_000_000, clock).trusted_time_us()
    clock.offset_us += 400 * DAY_US
    sweep = app._sweep(Settings.read(env), blobs, database)
    assert not await sweep.run()
    assert await names_of_all_profiles(catalog) == [made.name]


async def test_a_jump_of_the_clock_while_a_sweep_runs_deletes_nothing(
    catalog, clock, env, database, blobs, monkeypatch
):
    made = await deleted_profile(catalog)
    clock.offset_us += 13 * HOUR_US  # the lease of the running catalog's own sweep has expired
    checked = ClockCheck.trusted_time_us

    async def then_jump(check):
        time_us = await checked(check)
        clock.offset_us += 400 * DAY_US
        return time_us

    monkeypatch.setattr(ClockCheck, "trusted_time_us", then_jump)
    await app._sweep(Settings.read(env), blobs, database).run()
    assert clock.offset_us > 400 * DAY_US
    assert await names_of_all_profiles(catalog) == [made.name]


async def deleted_profile(catalog):
    """A profile that was deleted, and is kept for 30 days."""
    made = await catalog.CreateProfile(
        pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann"), profile_id="ann")
    )
    await catalog.DeleteProfile(pb.DeleteProfileRequest(name=made.name))
    return made


async def names_of_all_profiles(catalog):
    answer = await catalog.ListProfiles(pb.ListProfilesRequest(show_deleted=True))
    return [each.name for each in answer.profiles]
