"""Profiles through the real service."""

import asyncio
import uuid

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from voicebox.catalog.v1 import catalog_pb2 as pb

ANN = (("x-voicebox-principal", "ann"),)


async def create(catalog, display_name="Ann", metadata=None, profile_id="", request_id="", **fields):
    request = pb.CreateProfileRequest(
        profile=pb.Profile(display_name=display_name, **fields), profile_id=profile_id, request_id=request_id
    )
    return await catalog.CreateProfile(request, metadata=metadata)


async def test_a_profile_comes_back_as_it_was_created(catalog):
    made = await create(
        catalog,
        profile_id="ann",
        language="de-CH-1996",
        description="Line 1\nLine 2",
        labels={"a": "1", "é": ""},
        consent=pb.Consent(statement="Yes."),
    )
    assert made == await catalog.GetProfile(pb.GetProfileRequest(name="profiles/ann"))
    assert (made.name, made.display_name, made.language, made.description) == (
        "profiles/ann",
        "Ann",
        "de-CH-1996",
        "Line 1\nLine 2",
    )
    assert (dict(made.labels), made.sample_count, made.owner) == ({"a": "1", "é": ""}, 0, "local")
    assert (made.consent.statement, made.consent.time) == ("Yes.", made.create_time)
    assert not made.HasField("default_voice_settings")
    assert made.etag
    assert made.create_time == made.update_time
    assert made.create_time.seconds > 1_700_000_000


async def test_defaults(catalog):
    made = await create(catalog)
    assert made.language == "en-US"
    uuid.UUID(made.name.removeprefix("profiles/"))


async def test_a_taken_name(catalog, refused):
    await create(catalog, profile_id="ann")
    error = await refused(create(catalog, profile_id="ann"))
    assert (error.code, error.reason, error.resource) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "PROFILE_EXISTS",
        "profiles/ann",
    )


async def test_the_same_request_twice_makes_one_profile_even_after_a_restart(opened, refused):
    request_id = str(uuid.uuid4())
    async with opened() as catalog:
        made, again = await asyncio.gather(*(create(catalog, request_id=request_id) for _ in range(2)))
        assert made == again
    async with opened() as catalog:
        assert await create(catalog, request_id=request_id.upper()) == made
        assert len((await catalog.ListProfiles(pb.ListProfilesRequest())).profiles) == 1
        error = await refused(create(catalog, display_name="Bob", request_id=request_id))
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REQUEST_ID_REUSED")


async def test_a_repeated_request_for_a_named_profile_is_no_conflict(catalog):
    request_id = str(uuid.uuid4())
    assert await create(catalog, profile_id="ann", request_id=request_id) == await create(
        catalog, profile_id="ann", request_id=request_id
    )


BAD = [
    ({"display_name": ""}, "profile.display_name"),
    ({"display_name": " "}, "profile.display_name"),
    ({"display_name": "a" * 101}, "profile.display_name"),
    ({"display_name": "a\0b"}, "profile.display_name"),
    ({"display_name": "a\nb"}, "profile.display_name"),
    ({"language": "english please"}, "profile.language"),
    ({"language": "e"}, "profile.language"),
    ({"language": "xx"}, "profile.language"),
    ({"language": "en-" + "a" * 9}, "profile.language"),
    ({"language": "en\n"}, "profile.language"),
    ({"description": "a" * 2001}, "profile.description"),
    ({"description": "\0"}, "profile.description"),
    ({"consent": pb.Consent(statement="a" * 2001)}, "profile.consent.statement"),
    ({"consent": pb.Consent(speaker="Ann")}, "profile.consent.statement"),
    ({"consent": pb.Consent(statement="Yes.", speaker="a" * 201)}, "profile.consent.speaker"),
    ({"consent": pb.Consent(statement="Yes.", scope="\0")}, "profile.consent.scope"),
    ({"consent": pb.Consent(statement="Yes.", time=Timestamp(seconds=-1))}, "profile.consent.time"),
    ({"default_voice_settings": pb.VoiceSettings(speed=0.4)}, "profile.default_voice_settings.speed"),
    ({"default_voice_settings": pb.VoiceSettings(speed=float("nan"))}, "profile.default_voice_settings.speed"),
    (
        {"default_voice_settings": pb.VoiceSettings(pitch_semitones=12.5)},
        "profile.default_voice_settings.pitch_semitones",
    ),
    ({"labels": {str(number): "" for number in range(65)}}, "profile.labels"),
    ({"labels": {"": "x"}}, "profile.labels"),
    ({"labels": {"k" * 64: "x"}}, "profile.labels"),
    ({"labels": {"k": "x" * 256}}, "profile.labels.k"),
    ({"profile_id": "Ann"}, "profile_id"),
    ({"profile_id": "-ann"}, "profile_id"),
    ({"profile_id": "a" * 64}, "profile_id"),
    ({"profile_id": "a/b"}, "profile_id"),
    ({"profile_id": "..\n"}, "profile_id"),
    ({"request_id": "1"}, "request_id"),
    ({"request_id": "11111111-1111-1111-1111-111111111111"}, "request_id"),
]


async def test_a_bad_field_is_named(catalog, refused):
    for fields, field in BAD:
        error = await refused(create(catalog, **fields))
        assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)


async def test_an_update_changes_what_the_mask_names(catalog, refused):
    made = await create(catalog, profile_id="ann", description="old", labels={"a": "1"})
    change = pb.Profile(name=made.name, display_name="Anna", description="", labels={"b": "2"})

    async def update(*paths, etag=""):
        change.etag = etag
        return await catalog.UpdateProfile(pb.UpdateProfileRequest(profile=change, update_mask=FieldMask(paths=paths)))

    first = await update("display_name")
    assert (first.display_name, first.description, dict(first.labels)) == ("Anna", "old", {"a": "1"})
    assert first.etag != made.etag
    assert first.create_time == made.create_time
    second = await update()  # those that are set
    assert (second.description, dict(second.labels)) == ("old", {"b": "2"})
    third = await update("description", etag=second.etag)
    assert third.description == ""
    error = await refused(update("description", etag=second.etag))
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert (await update("*")).language == "en-US"
    for path in ("name", "owner", "labels.a", "nonsense"):
        assert (await refused(update(path))).field == "update_mask"
    change.display_name = ""
    assert (await refused(update("display_name"))).field == "profile.display_name"
    change.name = "nonsense"
    assert (await refused(update("language"))).field == "profile.name"


async def test_of_two_updates_with_one_etag_one_wins(catalog):
    made = await create(catalog)

    async def update(name):
        profile = pb.Profile(name=made.name, display_name=name, etag=made.etag)
        return await catalog.UpdateProfile(pb.UpdateProfileRequest(profile=profile))

    answers = await asyncio.gather(*(update(f"{number}") for number in range(8)), return_exceptions=True)
    errors = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(errors) == 7
    assert {error.code() for error in errors} == {grpc.StatusCode.ABORTED}


async def test_delete(catalog, refused):
    made = await create(catalog, profile_id="ann")
    error = await refused(catalog.DeleteProfile(pb.DeleteProfileRequest(name=made.name, etag="old")))
    assert error.code == grpc.StatusCode.ABORTED
    await catalog.DeleteProfile(pb.DeleteProfileRequest(name=made.name, etag=made.etag))
    for gone in (
        catalog.DeleteProfile(pb.DeleteProfileRequest(name=made.name)),
        catalog.GetProfile(pb.GetProfileRequest(name=made.name)),
        catalog.UpdateProfile(pb.UpdateProfileRequest(profile=pb.Profile(name=made.name, display_name="x"))),
    ):
        error = await refused(gone)
        assert (error.code, error.resource) == (grpc.StatusCode.NOT_FOUND, "profiles/ann")


NAMES = ["", "ann", "profiles/", "profiles/Ann", "profiles/a/b", "voices/ann", "profiles/ann\n", "profiles/" + "a" * 64]


async def test_a_malformed_name(catalog, refused):
    for name in NAMES:
        error = await refused(catalog.GetProfile(pb.GetProfileRequest(name=name)))
        assert (error.code, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, "name")


async def test_pages_newest_first(catalog, refused):
    made = [(await create(catalog)).name for _ in range(7)]
    seen, token = [], ""
    while True:
        page = await catalog.ListProfiles(pb.ListProfilesRequest(page_size=3, page_token=token))
        seen += [profile.name for profile in page.profiles]
        token = page.next_page_token
        if not token:
            break
    assert seen == made[::-1]
    page = await catalog.ListProfiles(pb.ListProfilesRequest(page_size=3))
    for request in (
        pb.ListProfilesRequest(page_token=page.next_page_token + "x"),
        pb.ListProfilesRequest(page_token="nonsense"),
    ):
        assert (await refused(catalog.ListProfiles(request))).field == "page_token"
    foreign = catalog.ListGenerations(pb.ListGenerationsRequest(page_token=page.next_page_token))
    assert (await refused(foreign)).field == "page_token"
    other = catalog.ListProfiles(pb.ListProfilesRequest(page_token=page.next_page_token), metadata=ANN)
    assert (await refused(other)).field == "page_token"
    assert (await refused(catalog.ListProfiles(pb.ListProfilesRequest(page_size=-1)))).field == "page_size"
    assert len((await catalog.ListProfiles(pb.ListProfilesRequest(page_size=2**31 - 1))).profiles) == 7


async def test_owners_do_not_see_each_other(catalog, refused):
    made = await create(catalog, profile_id="mine", metadata=ANN)
    assert made.owner == "ann"
    assert not (await catalog.ListProfiles(pb.ListProfilesRequest())).profiles
    for hidden in (
        catalog.GetProfile(pb.GetProfileRequest(name=made.name)),
        catalog.DeleteProfile(pb.DeleteProfileRequest(name=made.name)),
        catalog.UpdateProfile(pb.UpdateProfileRequest(profile=pb.Profile(name=made.name, display_name="x"))),
        catalog.ListSamples(pb.ListSamplesRequest(parent=made.name)),
        catalog.GetReference(pb.GetReferenceRequest(profile=made.name)),
    ):
        assert (await refused(hidden)).code == grpc.StatusCode.NOT_FOUND
    await create(catalog, profile_id="mine")  # a name is free unless its owner took it: names reveal no other owners
    assert [
        profile.name for profile in (await catalog.ListProfiles(pb.ListProfilesRequest(), metadata=ANN)).profiles
    ] == [made.name]


async def test_consent_and_settings_come_back_and_can_be_taken_away(catalog):
    consent = pb.Consent(statement="I agree.", speaker="Ann", scope="demos", time=Timestamp(seconds=1_600_000_000))
    voice = pb.VoiceSettings(speed=1.25, pitch_semitones=-2, seed=0)
    made = await create(catalog, consent=consent, default_voice_settings=voice)
    assert (made.consent, made.default_voice_settings) == (consent, voice)
    bare = pb.Profile(name=made.name, display_name="Bob")
    kept = await catalog.UpdateProfile(pb.UpdateProfileRequest(profile=bare))
    assert (kept.consent, kept.default_voice_settings, kept.display_name) == (consent, voice, "Bob")
    mask = FieldMask(paths=["consent", "default_voice_settings"])
    without = await catalog.UpdateProfile(pb.UpdateProfileRequest(profile=bare, update_mask=mask))
    assert not without.HasField("consent")
    assert not without.HasField("default_voice_settings")


FILTERS = [
    ('language = "de"', {"b"}),
    ('language = "ger"', {"b"}),
    ('language = "en_us"', {"a", "c"}),
    ('labels.team = "games"', {"a", "b"}),
    ('labels."a \\"b\\\\" = "1"', {"c"}),
    ('labels.team = "games" AND display_name = "A"', {"a"}),
    ("sample_count >= 1", set()),
    ("sample_count = 0", {"a", "b", "c"}),
    ('create_time >= "2020-01-01T00:00:00Z"', {"a", "b", "c"}),
    ('create_time < "2020-01-01T00:00:00Z"', set()),
    ('display_name = "\'; DROP TABLE profiles; --"', set()),
]


async def test_filters(catalog, refused):
    await create(catalog, "A", profile_id="a", labels={"team": "games"})
    await create(catalog, "B", profile_id="b", labels={"team": "games"}, language="deu")
    await create(catalog, "C", profile_id="c", labels={'a "b\\': "1"}, language="en_US.UTF-8")
    for filter, expected in FILTERS:
        page = await catalog.ListProfiles(pb.ListProfilesRequest(filter=filter))
        assert {profile.name.removeprefix("profiles/") for profile in page.profiles} == expected, filter
    first = await catalog.ListProfiles(pb.ListProfilesRequest(filter='labels.team = "games"', page_size=1))
    rest = await catalog.ListProfiles(
        pb.ListProfilesRequest(filter='labels.team = "games"', page_token=first.next_page_token)
    )
    assert [profile.display_name for profile in (*first.profiles, *rest.profiles)] == ["B", "A"]
    for wrong in ('engine = "flite"', 'labels = "x"', 'language > "a"', 'language = "xx"', "sample_count = x"):
        assert (await refused(catalog.ListProfiles(pb.ListProfilesRequest(filter=wrong)))).field == "filter"
    other = catalog.ListProfiles(pb.ListProfilesRequest(page_token=first.next_page_token))
    assert (await refused(other)).field == "page_token"


TEXTS = ["\0", "a" * 10_000, "שלום \u202eאב", "名前", "👩‍👩‍👧", "é", "e\u0301", "\ud7ff", "'; --"]


async def test_names_in_any_script_come_back_or_are_refused_with_their_field(catalog):
    texts = st.text(max_size=120) | st.sampled_from(TEXTS)
    drawn, refusals = [], set()

    @settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None, database=None)
    @given(texts, texts)
    @example("\0", "")
    @example("a" * 10_000, "")
    @example("שלום \u202eאב", "\u202e\u0000")
    def draw(name, text):
        drawn.append((name, text))

    draw()
    for name, text in drawn:
        try:
            made = await create(catalog, display_name=name, description=text)
        except grpc.aio.AioRpcError as error:
            refusals.add(error.code())
            continue
        kept = await catalog.GetProfile(pb.GetProfileRequest(name=made.name))
        assert (kept.display_name, kept.description) == (name, text)
    assert refusals == {grpc.StatusCode.INVALID_ARGUMENT}
