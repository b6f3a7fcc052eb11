"""What proxies, probes, browsers and careless clients send before they come to a service."""

import asyncio
import re

import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_gateway.envoy import app, config

from tests.support.aio import aio_stub

from .test_json import error_info

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def fakes(shared_fakes):
    shared_fakes.seen.forget()
    return shared_fakes


@pytest.fixture
def gateway(shared_gateway):
    return shared_gateway


JARGON = re.compile(
    r"envoy|transcode|direct_response|upstream|cluster|route_not_found|google\.protobuf|<class|Traceback", re.IGNORECASE
)
GETS = [
    "/v1/voices",
    "/v1/speech:play?text=hello",
    "/v1/profiles/ann/samples/1:audio",
    "/v1/tts/models",
    "/healthz",
    "/health",
    "/",
]


async def raw(gateway, request):
    """The whole answer to bytes of HTTP."""
    host, port = gateway.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("path", ["/v1/speech:play?text=hello", "/v1/voices", "/healthz", "/nothing"])
@pytest.mark.parametrize("host", [b"", b"host: localhost:8080\r\nconnection: close\r\n"])
async def test_http_1_0_is_spoken(gateway, path, host):
    answer = await raw(gateway, b"GET " + path.encode() + b" HTTP/1.0\r\n" + host + b"\r\n")
    assert answer.startswith(b"HTTP/1.0 404" if path == "/nothing" else b"HTTP/1.0 200")
    assert b"transfer-encoding" not in answer
    if "play" in path:
        assert len(answer.partition(b"\r\n\r\n")[2]) == 8192


async def test_http_1_0_takes_a_body(gateway):
    body = b'{"text": "hello"}'
    head = b"POST /v1/speech:synthesize HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert (await raw(gateway, head + body)).startswith(b"HTTP/1.0 200")


@pytest.mark.parametrize("path", GETS)
async def test_head_is_get_without_a_body(gateway, path):
    head, got = await gateway.http.head(path), await gateway.http.get(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    for name in ("content-type", "content-length", "accept-ranges"):
        assert head.headers.get(name) == got.headers.get(name)


async def test_after_head_the_connection_goes_on(gateway):
    requests = (
        b"HEAD /v1/profiles/ann/samples/1:audio HTTP/1.1\r\nhost: localhost\r\n\r\n"
        b"GET /v1/voices HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    )
    answer = await raw(gateway, requests)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.endswith(b'{"voices":[{"name":"flite/slt"}]}')


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/profiles/a/b", "/nothing"])
async def test_head_finds_nothing_where_get_does_not(gateway, path):
    assert (await gateway.http.head(path)).status_code == (await gateway.http.get(path)).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/v1/voices/", "/v1/profiles/ann/", "/v1/asr/models/", "/healthz/", "/v1/voices//", "/v1/voices/?language=de"],
)
async def test_a_slash_at_the_end_means_nothing(gateway, path):
    clean = re.sub(r"/+($|\?)", r"\1", path)
    with_slash, without = await gateway.http.get(path), await gateway.http.get(clean)
    assert (with_slash.status_code, with_slash.content) == (200, without.content)


async def test_uploads_behind_a_slash_have_no_limit_and_others_keep_theirs(gateway):
    upload = await gateway.http.post("/v1/speech:recognizeUpload/", content=bytes(6_000_000))
    assert upload.json() == {"transcript": "6000000 bytes"}
    assert (await gateway.http.post("/v1/speech:synthesize/", json={"text": "hello"})).status_code == 200


async def test_the_root_welcomes_programs_and_sends_browsers_to_the_page(gateway):
    answer = await gateway.http.get("/")
    assert (answer.status_code, answer.headers["content-type"], answer.json()["docs"]) == (
        200,
        "application/json",
        "/docs",
    )
    browser = await gateway.http.get("/", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert browser.status_code == 302
    assert browser.headers["location"].endswith("/docs")


NO_UTF_8 = ("%ff", "%C3%28", "%ED%A0%80", "a%80b", "%C0%AF", "%F5%80%80%80", "%E2%82", "%c3")


@pytest.mark.parametrize(
    "path", ["/v1/speech:play?text={}", "/v1/profiles/{}", "/v1/generations?filter={}", "/v1/models/{}"]
)
async def test_escapes_that_are_no_utf_8_are_a_400_with_a_sentence(gateway, path):
    requests = [
        f"GET {path.format(text)} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode()
        for text in NO_UTF_8
    ]
    answers = await asyncio.gather(*(raw(gateway, request) for request in requests))  # each closes after a second
    for text, answer in zip(NO_UTF_8, answers, strict=True):
        assert answer.startswith(b"HTTP/1.1 400 "), text
        assert b"not UTF-8" in answer, text
        assert not JARGON.search(answer.decode()), text


@pytest.mark.parametrize(
    "text", ["\u00e4\u20ac\U0001f600", "\ud7ff\ue000\ufffd", "50% off", "%", "a%2", "\x7f", "a\u0080b"]
)
async def test_every_other_text_goes_through(gateway, fakes, text):
    answer = await gateway.http.get("/v1/speech:play", params={"text": text})
    assert answer.status_code == 200
    assert fakes.seen.request.text == text


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/v1/nothing",
        "/v1/voices/none/none",
        "/v2/voices",
        "/v1/audio/songs",
        "/favicon.ico",
        "/v1/profiles/a/b/c",
    ],
)
async def test_a_404_is_free_of_jargon(gateway, path):
    answer = await gateway.http.get(path)
    assert answer.status_code == 404
    assert not JARGON.search(answer.text)
    assert '"service"' not in answer.text


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/v1/speech:recognizeUpload?x=1", "asr"),
        ("/v1/speech:transcribe?x=1", "asr"),
        ("/v1/speech:recognize?x=1", "asr"),
        ("/v1/asr/models/a/b:load?x=1", "asr"),
        ("/v1/profiles?x=1", "catalog"),
        ("/v1/profiles/ann/samples?x=1", "catalog"),
        ("/v1/generations:deleteAll?x=1", "catalog"),
        ("/v1/speech:synthesize?x=1", "tts"),
        ("/v1/tts/models/a/b:load?x=1", "tts"),
    ],
)
async def test_a_refusal_names_the_service_whose_path_it_is(gateway, path, service):
    answer = await gateway.http.post(path, content=b"{}")
    assert answer.status_code == 400
    assert error_info(answer)["metadata"]["service"] == service


async def test_a_query_of_openais_paths_is_handed_over(gateway):
    """The fakes serve no OpenAI path: what counts is that the gateway does not refuse it."""
    for path in ("/v1/audio/transcriptions?x=1", "/v1/audio/speech?x=1&y", "/v1/audio/speech/?x=1"):
        assert (await gateway.http.post(path, content=b"{}")).status_code == 501


@pytest.mark.parametrize(("is_tls", "scheme"), [(True, "https"), (False, "http")])
@pytest.mark.filterwarnings("ignore:.*not an async function")
def test_hints_name_the_scheme_that_is_served(is_tls, scheme):
    assert set(re.findall(r"(https?)://", "\n".join(app.hints("127.0.0.1:1", is_tls=is_tls)))) == {scheme}


@pytest.mark.filterwarnings("ignore:.*not an async function")
def test_the_pattern_of_escapes_is_that_of_utf_8():
    """All sequences of up to two bytes, and the edges of longer ones, against Python's own decoder."""
    samples = [bytes([first]) for first in range(256)] + [
        bytes([first, second]) for first in range(128, 256) for second in range(0, 256, 3)
    ]
    edges = (0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0)
    samples += [
        bytes([first, second, third])
        for first in (0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF)
        for second in edges
        for third in edges
    ]
    samples += [
        bytes([first, second, 0x80, 0x80]) for first in (0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5) for second in edges
    ]
    for sample in samples:
        escaped = "/a?b=" + "".join(f"%{byte:02X}" for byte in sample)
        assert bool(re.fullmatch(config.UTF8_ESCAPES, escaped)) == _is_utf_8(sample), sample


def _is_utf_8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


UNREADABLE_HEADERS = [
    b"x-request-id: caf\xc3\xa9\xff",
    b"x-junk-bin: !!!",
    b"x-junk-bin: AAAAA",
    b"x-junk-bin: \xff",
    b"grpc-tags-bin: ?",
    b"grpc-status-details-bin: ?",
    b"grpc-timeout: abc",
    b"grpc-timeout: 1n",
    b"grpc-timeout: 1234567890123S",
    b"grpc-encoding: none-such",
    b"grpc-status: 0",
    b"grpc-anything: \xff",
    b"x-forwarded-for: \xff",
    b"user-agent: \xe9",
    b"x-own: \x80\xff",
]


@pytest.mark.parametrize("header", UNREADABLE_HEADERS)
async def test_a_header_that_grpc_cannot_read_changes_nothing(gateway, fakes, header):
    body = b'{"text": "hello"}'
    head = (
        b"POST /v1/speech:synthesize HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %d\r\n"
        % len(body)
    )
    answer = await raw(gateway, head + header + b"\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert all(value.isascii() for value in fakes.seen.metadata.values())
    assert not [name for name in fakes.seen.metadata if name in ("grpc-timeout", "grpc-encoding", "grpc-status")]


@pytest.mark.parametrize("header", [b"x-junk-bin: !!!", b"x-junk-bin: AAAAA", b"grpc-timeout: abc", b"x-own: \xff"])
async def test_nor_one_of_grpc_web(gateway, header):
    message = tts_pb2.SynthesizeRequest(text="hello").SerializeToString()
    body = b"\0" + len(message).to_bytes(4, "big") + message
    head = b"POST /voicebox.tts.v1.TextToSpeechService/Synthesize HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    head += b"content-type: application/grpc-web+proto\r\ncontent-length: %d\r\n" % len(body)
    answer = await raw(gateway, head + header + b"\r\n\r\n" + body)
    assert b"grpc-status:0\r\n" in answer


async def test_headers_that_grpc_can_read_arrive(gateway, fakes):
    voices = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, gateway.channel)
    sent = (("x-junk-bin", b"\xff\x00"), ("x-own", "plain"))
    await voices.ListVoices(tts_pb2.ListVoicesRequest(), metadata=sent, timeout=20)
    assert fakes.seen.metadata["x-own"] == "plain"
    assert fakes.seen.binary["x-junk-bin"] == b"\xff\x00"


@pytest.mark.parametrize("sent", [b"", b"GET /v1/voices HTTP/1.1\r\nhost: localhost\r\n\r\n", b"PRI * HTTP/2.0\r\n"])
async def test_a_connection_without_a_request_ends(open_gateway, sent):
    async with open_gateway(GATEWAY_CONNECTION_IDLE_SECONDS="0.5") as serving:
        host, port = serving.endpoints[0].address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        answer = await reader.read()  # until it is closed
        assert answer.startswith(b"HTTP/1.1 200") or b"GET" not in sent
        writer.close()
