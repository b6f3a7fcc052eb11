"""Calls end when their key is revoked, or their token expires."""

import asyncio
import time

import pytest
from voicebox_kit.authentication import Authentication
from voicebox_kit.errors import Unauthenticated
from voicebox_kit.open_calls import OpenCalls
from voicebox_kit.principal import Principal
from voicebox_kit.signing_keys import SigningKeys, create


async def call(calls: OpenCalls, caller: Principal) -> None:
    with calls.running(caller):
        await asyncio.Event().wait()


async def test_the_calls_of_a_key_end_and_no_others() -> None:
    calls = OpenCalls()
    tasks = [asyncio.create_task(call(calls, Principal("ann", key=key))) for key in ("a", "a", "b", "")]
    await asyncio.sleep(0)
    assert sorted(calls.keys) == ["a", "b"]
    assert calls.end(["a", "c"]) == 2
    for task in tasks[:2]:
        with pytest.raises(Unauthenticated):
            await task
    assert list(calls.keys) == ["b"]
    assert not tasks[2].done()
    for task in tasks[2:]:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_calls_of_a_token_end_when_it_expires() -> None:
    calls = OpenCalls()
    expired = Principal("ann", expires_at=time.time() + 0.05)
    with pytest.raises(Unauthenticated):
        await call(calls, expired)
    with pytest.raises(Unauthenticated):
        await call(calls, expired)  # it has expired already
    with calls.running(Principal("ann", expires_at=time.time() + 3600)):
        assert not calls.keys


def test_the_time_is_part_of_what_is_signed(tmp_path) -> None:
    create(tmp_path / "keys")
    authentication = Authentication(SigningKeys(tmp_path / "keys"))
    caller = Principal("ann", frozenset({"speak"}), expires_at=1e10)
    assert authentication.verified(authentication.signed(caller, "/a/B", "r"), "/a/B", "r") == caller
