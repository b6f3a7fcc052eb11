"""The life of a key, on both databases, and with two replicas."""

import asyncio
import json
import stat

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox.accounts.v1 import authorization_pb2 as auth
from voicebox_accounts.access import callers
from voicebox_kit.principal import HEADER, Principal

from .conftest import ADMIN, USUAL, made_locally

METHOD = "/voicebox.catalog.v1.CatalogService/ListProfiles"
BOB = Principal("bob", frozenset(USUAL), "bobs")


async def check(accounts, secret, path=METHOD, **headers):
    """What Envoy is answered about a request with this key."""
    http = auth.CheckedHttpRequest(path=path, headers={"x-request-id": "r1", "x-api-key": secret, **headers})
    request = auth.CheckRequest(attributes=auth.CheckAttributes(request=auth.CheckedRequest(http=http)))
    call = accounts.channel.unary_unary(
        "/envoy.service.auth.v3.Authorization/Check",
        request_serializer=auth.CheckRequest.SerializeToString,
        response_deserializer=auth.CheckResponse.FromString,
    )
    return await call(request)


async def admitted(accounts, secret, **given):
    return (await check(accounts, secret, **given)).status.code == 0


def reason(answer):
    return json.loads(answer.denied_response.body)["details"][0]["reason"]


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code()


async def test_a_key_is_shown_once_and_admits_its_owner(accounts):
    made = await accounts.create_key("ann", "speak", "read")
    assert len(made.secret) == len("vbx_") + 43
    assert made.secret.startswith(made.key.prefix)
    answer = await check(accounts, made.secret)
    [header] = [each.header for each in answer.ok_response.headers if each.header.key == HEADER]
    found = accounts.authentication.verified(header.value, METHOD, "r1")
    assert (found.owner, found.scopes, f"keys/{found.key}") == ("ann", {"speak", "read"}, made.key.name)
    assert set(answer.ok_response.headers_to_remove) >= {"authorization", "x-api-key", "x-goog-api-key"}
    got = await accounts.call("KeyService", "GetKey", pb.GetKeyRequest(name=made.key.name), ADMIN)
    assert got == made.key


async def test_a_revoked_key_is_refused_at_once_here_and_within_a_second_by_another_replica(open_accounts):
    async with open_accounts() as one, open_accounts() as two:
        made = await one.create_key("ann")
        assert await admitted(one, made.secret)
        assert await admitted(two, made.secret)
        request = pb.RevokeKeyRequest(name=made.key.name)
        revoked = await one.call("KeyService", "RevokeKey", request, ADMIN)
        assert revoked.HasField("revoke_time")
        assert not await admitted(one, made.secret)
        assert await one.call("KeyService", "RevokeKey", request, ADMIN) == revoked
        async with asyncio.timeout(callers.CACHE_SECONDS + 10):
            while await admitted(two, made.secret):
                await asyncio.sleep(0.05)


async def test_a_key_expires(accounts):
    soon = Timestamp()
    soon.GetCurrentTime()
    soon.seconds += 2
    key = pb.Key(owner="ann", scopes=[pb.SCOPE_READ], expire_time=soon)
    made = await accounts.call("KeyService", "CreateKey", pb.CreateKeyRequest(key=key), ADMIN)
    assert await admitted(accounts, made.secret)
    async with asyncio.timeout(30):
        while await admitted(accounts, made.secret):
            await asyncio.sleep(0.1)
    past = pb.Key(owner="ann", scopes=[pb.SCOPE_READ], expire_time=Timestamp(seconds=1))
    call = accounts.call("KeyService", "CreateKey", pb.CreateKeyRequest(key=past), ADMIN)
    assert await refused(call) is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_rotated_key_has_the_same_rights_and_the_old_one_ends(accounts):
    old = await accounts.create_key("ann", "speak", "read")
    request = pb.RotateKeyRequest(name=old.key.name, overlap=Duration(seconds=3600))
    overlapping = await accounts.call("KeyService", "RotateKey", request, ADMIN)
    assert (overlapping.key.owner, overlapping.key.scopes) == (old.key.owner, old.key.scopes)
    assert overlapping.secret != old.secret
    assert await admitted(accounts, old.secret)
    rotated = await accounts.call("KeyService", "RotateKey", pb.RotateKeyRequest(name=overlapping.key.name), ADMIN)
    assert not await admitted(accounts, overlapping.secret)
    assert await admitted(accounts, rotated.secret)


async def test_an_owner_sees_its_own_keys_alone(accounts):
    anns = await accounts.create_key("ann")
    bobs = await accounts.create_key("bob")
    everybody = await accounts.call("KeyService", "ListKeys", pb.ListKeysRequest(), ADMIN)
    assert list(everybody.keys) == [bobs.key, anns.key]
    for asked in ("", "ann", "bob"):
        seen = await accounts.call("KeyService", "ListKeys", pb.ListKeysRequest(owner=asked), BOB)
        assert list(seen.keys) == [bobs.key]
    call = accounts.call("KeyService", "GetKey", pb.GetKeyRequest(name=anns.key.name), BOB)
    assert await refused(call) is grpc.StatusCode.NOT_FOUND


async def test_pages_hold_every_key_once(accounts):
    made = [(await accounts.create_key("ann")).key.name for _ in range(7)]
    found, token = [], ""
    while True:
        request = pb.ListKeysRequest(page_size=3, page_token=token)
        page = await accounts.call("KeyService", "ListKeys", request, ADMIN)
        found += [key.name for key in page.keys]
        if not (token := page.next_page_token):
            break
    assert found == made[::-1]


@pytest.mark.parametrize("owner", ["", "Ann", "a b", "-a", "a" * 65, "platform", "a/b", "ann\0", "ännchen"])
async def test_an_owner_has_a_plain_name(accounts, owner):
    request = pb.CreateKeyRequest(key=pb.Key(owner=owner, scopes=[pb.SCOPE_READ]))
    assert await refused(accounts.call("KeyService", "CreateKey", request, ADMIN)) is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("scopes", [[], [0], [99]])
async def test_a_key_has_scopes(accounts, scopes):
    request = pb.CreateKeyRequest(key=pb.Key(owner="ann", scopes=scopes))
    assert await refused(accounts.call("KeyService", "CreateKey", request, ADMIN)) is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_path_that_nobody_knows_is_denied_to_everybody(accounts):
    made = await accounts.create_key("root", "admin")
    for path in ("/voicebox.tts.v1.TextToSpeechService/Invented", "/v1/invented"):
        answer = await check(accounts, made.secret, path=path)
        assert (answer.denied_response.status.code, reason(answer)) == (403, "SCOPE_MISSING")
    internal = await check(accounts, made.secret, path="/voicebox.accounts.v1.UsageService/RecordUsage")
    assert internal.denied_response.status.code == 403


async def test_without_authentication_accounts_admits_nobody(open_accounts):
    async with open_accounts(VOICEBOX_AUTH="off") as accounts:
        answer = await check(accounts, "vbx_any")
    assert reason(answer) == "AUTHENTICATION_OFF"


async def test_which_keys_are_no_longer_valid(accounts):
    good, bad = await accounts.create_key("ann"), await accounts.create_key("ann")
    await accounts.call("KeyService", "RevokeKey", pb.RevokeKeyRequest(name=bad.key.name), ADMIN)
    ids = [made.key.name.removeprefix("keys/") for made in (good, bad)]
    request = pb.FindInvalidKeysRequest(keys=[*ids, "unknown"])
    found = await accounts.call("KeyService", "FindInvalidKeys", request, Principal("platform"))
    assert set(found.keys) == {ids[1], "unknown"}


@pytest.mark.parametrize("method", ["CreateKey", "RotateKey"])
async def test_a_repeated_request_makes_no_second_key(accounts, method):
    old = await accounts.create_key("ann", "read")
    identity = "4dd2c0de-8a0f-4a52-9c54-6f1f0f7f8d11"
    request = (
        pb.CreateKeyRequest(key=pb.Key(owner="ann", scopes=[pb.SCOPE_READ]), request_id=identity)
        if method == "CreateKey"
        else pb.RotateKeyRequest(name=old.key.name, request_id=identity)
    )
    made = await accounts.call("KeyService", method, request, ADMIN)
    assert await admitted(accounts, made.secret)
    before = await accounts.call("KeyService", "ListKeys", pb.ListKeysRequest(owner="ann"), ADMIN)
    assert await refused(accounts.call("KeyService", method, request, ADMIN)) is grpc.StatusCode.ALREADY_EXISTS
    assert await accounts.call("KeyService", "ListKeys", pb.ListKeysRequest(owner="ann"), ADMIN) == before
    request.request_id = "no uuid"
    assert await refused(accounts.call("KeyService", method, request, ADMIN)) is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_request_id_of_another_rotation_ends_no_key(accounts):
    keys = [await accounts.create_key("ann", "read") for _ in range(2)]
    identity = "0c2f9f0e-3a57-4b0e-8d0a-0d3a5a0f8a11"
    made = []
    for key in keys:
        request = pb.RotateKeyRequest(name=key.key.name, overlap=Duration(seconds=3600), request_id=identity)
        made.append(await accounts.call("KeyService", "RotateKey", request, ADMIN))
    assert made[0].key.name != made[1].key.name
    assert all([await admitted(accounts, each.secret) for each in (*keys, *made)])


def test_the_first_key_opens_the_folder_to_nobody(tmp_path):
    made_locally(tmp_path / "var", "root", "admin")
    folder = tmp_path / "var"
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in [folder, *folder.rglob("*")]} == {0}
