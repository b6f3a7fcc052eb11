"""Every RPC of accounts, called by an admin and an owner with whatever its request may hold, with bytes that are none
and with headers that prove nothing, ends in a status that is not our fault, and nothing is logged as a bug.
"""

import asyncio
import logging

import grpc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from voicebox.accounts.v1 import accounts_pb2 as pb
from voicebox.accounts.v1 import authorization_pb2
from voicebox_accounts.api.authorization import ENVOY_SERVICE
from voicebox_kit.principal import HEADER
from voicebox_kit.request_id import HEADER as REQUEST_ID

from tests.platform.test_every_rpc import HOSTILE, OURS, requests_of
from tests.support.proto_strategies import messages

from .conftest import ADMIN
from .test_limits import BOB

METHODS = [method for service in pb.DESCRIPTOR.services_by_name.values() for method in service.methods]
CHECK = authorization_pb2.DESCRIPTOR.services_by_name["AuthorizationService"].methods_by_name["Check"]
AWAY = {"CATALOG_ADDRESS": "127.0.0.1:1"}
UNPROVEN = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200),
    st.sampled_from(["..", "a.b.c", "k1.e30.AAAA", "." * 200, "k1.bnVsbA.AAAA", "k1.W10.AAAA", "none.e30."]),
)
FUZZED = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


def call(channel, path, is_streamed, data, metadata):
    """The status of a call with these bytes, and its sentence."""
    try:
        if is_streamed:
            list(channel.unary_stream(path)(data, timeout=120, metadata=metadata))
        else:
            channel.unary_unary(path)(data, timeout=120, metadata=metadata)
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


def path_of(method):
    return f"/{ENVOY_SERVICE if method is CHECK else method.containing_service.full_name}/{method.name}"


def bugs(caplog):
    return [record.getMessage() for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


@pytest.mark.parametrize("method", [*METHODS, CHECK], ids=lambda method: method.name)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_request_is_our_fault(method, open_accounts, caplog):
    async with open_accounts(**AWAY) as accounts:
        path = path_of(method)

        @FUZZED
        @given(requests_of(method), st.sampled_from([ADMIN, BOB]))
        def calls(requests, caller):
            metadata = accounts.metadata(path, caller)
            code, sentence = call(channel, path, method.server_streaming, requests[0], metadata)
            assert code not in OURS, (code, sentence)

        def hostile():
            for data in HOSTILE:
                code, sentence = call(channel, path, method.server_streaming, data, accounts.metadata(path, ADMIN))
                assert code not in OURS, (data, code, sentence)

        with caplog.at_level(logging.ERROR), grpc.insecure_channel(accounts.address) as channel:
            await asyncio.to_thread(calls)
            await asyncio.to_thread(hostile)
    assert not bugs(caplog)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_header_is_our_fault_and_none_proves_who_calls(open_accounts, caplog):
    async with open_accounts(**AWAY) as accounts:

        @FUZZED
        @given(st.sampled_from(METHODS), UNPROVEN, st.binary(max_size=100))
        def calls(method, value, binary):
            metadata = ((REQUEST_ID, "r1"), (HEADER, value), ("x-junk-bin", binary))
            code, sentence = call(channel, path_of(method), method.server_streaming, b"", metadata)
            assert code is grpc.StatusCode.UNAUTHENTICATED, (code, sentence)

        with caplog.at_level(logging.ERROR), grpc.insecure_channel(accounts.address) as channel:
            await asyncio.to_thread(calls)
    assert not bugs(caplog)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_whatever_stands_in_a_request_at_the_gateway_it_is_decided(open_accounts, caplog):
    names = ("authorization", "x-api-key", "xi-api-key", "x-goog-api-key", "sec-websocket-protocol", "content-type")
    text = st.one_of(st.text(max_size=80), st.sampled_from(["Bearer", "Bearer  ", "Bearer a b", "\u0301" * 80]))
    async with open_accounts(**AWAY) as accounts:

        @FUZZED
        @given(text, st.dictionaries(st.sampled_from(names), text), messages(CHECK.input_type))
        def calls(path, headers, request):
            http = request.attributes.request.http
            http.path = path
            for name, value in headers.items():
                http.headers[name] = value
            try:
                data = request.SerializeToString()
            except UnicodeEncodeError:
                return
            code, sentence = call(channel, path_of(CHECK), False, data, ())
            assert code is grpc.StatusCode.OK, (code, sentence)

        with caplog.at_level(logging.ERROR), grpc.insecure_channel(accounts.address) as channel:
            await asyncio.to_thread(calls)
    assert not bugs(caplog)
