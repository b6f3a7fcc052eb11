"""The native API refuses what it does not know, and says in JSON's words what is wrong."""

import asyncio
import json
import re

import pytest
from google.api import annotations_pb2
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from voicebox.asr.v1 import asr_pb2
from voicebox.catalog.v1 import catalog_pb2
from voicebox.tts.v1 import tts_pb2
from voicebox_gateway.envoy import native_paths

from tests.support.proto_strategies import messages

from .test_http_entry import JARGON
from .test_json import error_info

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def fakes(shared_fakes):
    shared_fakes.seen.forget()
    return shared_fakes


@pytest.fixture
def gateway(shared_gateway):
    return shared_gateway


PROTO_JARGON = re.compile(
    r"TYPE_|type\.googleapis\.com/voicebox|oneof|Proto field|Root element|code points|voicebox\.\w+\.v1", re.IGNORECASE
)


def violation(answer):
    """The field and the sentence of a 400, after what holds for every one of them."""
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert not JARGON.search(answer.json()["message"])
    assert not PROTO_JARGON.search(answer.json()["message"])
    info = error_info(answer)
    assert info["metadata"]["request_id"]
    fields = [each for detail in answer.json()["details"] for each in detail.get("fieldViolations", ())]
    return (fields[0]["field"] if fields else ""), answer.json()["message"], info["reason"]


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "hint"),
    [
        ("POST", "/v1/speech:synthesize", {"text": "Hi", "config": {"voise": "slt"}}, "config.voise", '"config.voice"'),
        (
            "POST",
            "/v1/speech:stream",
            {"text": "Hi", "config": {"voice": {"voce": "slt"}}},
            "config.voice.voce",
            '"config.voice.voice"',
        ),
        ("POST", "/v1/speech:play", {"txt": "Hi"}, "txt", '"text"'),
        ("POST", "/v1/speech:synthesize", {"text": "Hi", "speed": 1.5}, "speed", '"config.style.speed"'),
        ("POST", "/v1/speech:synthesize", {"text": "Hi", "seed": 1}, "seed", '"config.seed"'),
        ("POST", "/v1/speech:synthesize", {"text": "Hi", "voice": {}}, "voice", '"config.voice"'),
        (
            "POST",
            "/v1/speech:synthesize",
            {"text": "Hi", "config": {"request_di": ""}},
            "config.request_di",
            '"config.requestId"',
        ),
        (
            "POST",
            "/v1/speech:synthesize",
            {"text": "Hi", "config": {"audio": {"sample_rate": 8000}}},
            "config.audio.sample_rate",
            '"config.audio.sampleRateHz"',
        ),
        (
            "POST",
            "/v1/speech:recognize",
            {"audio": "", "config": {"langauge": "en"}},
            "config.langauge",
            '"config.language"',
        ),
        ("POST", "/v1/profiles", {"displayName": "Ann", "lable": {}}, "lable", '"labels"'),
        ("PATCH", "/v1/profiles/ann?updateMask=displayName", {"display": "Ann"}, "display", ""),
        ("PATCH", "/v1/retentionRule", {"maxAgeDay": 3}, "maxAgeDay", ""),
        ("POST", "/v1/profiles/ann:duplicate", {"nombre": "x"}, "nombre", ""),
        ("POST", "/v1/asr/models/a/b:load", {"fast": True}, "fast", ""),
        ("POST", "/v1/voices:design", {"colour": "blue"}, "colour", ""),
        ("POST", "/v1/generations:deleteAll", {"filtr": ""}, "filtr", '"filter"'),
        ("POST", "/v1/speech:synthesize", {'a"\\\n\u00e9': 1}, 'a"\\\n\u00e9', ""),
    ],
)
async def test_an_unknown_field_is_an_error_that_names_it_and_what_is_near(gateway, method, path, body, field, hint):
    named, sentence, reason = violation(await gateway.http.request(method, path, json=body))
    assert (named, reason) == (field, "UNKNOWN_FIELD")
    assert f"Did you mean {hint}?" in sentence if hint else field.split(".")[-1][:2] in sentence


@pytest.mark.parametrize(
    ("method", "path", "name", "hint"),
    [
        ("GET", "/v1/voices?langauge=de", "langauge", '"language"'),
        ("GET", "/v1/voices?colour=blue", "colour", ""),
        ("GET", "/v1/speech:play?text=Hi&config.voice.voise=slt", "config.voice.voise", '"config.voice.voice"'),
        ("GET", "/v1/speech:play?text=Hi&voice.voice=slt", "voice", '"config.voice"'),
        ("GET", "/v1/speech:play?txet=Hi", "txet", '"text"'),
        ("GET", "/v1/generations?pagesize=3&page=1", "page", '"pageSize"'),
        ("POST", "/v1/speech:recognizeUpload?config.langage=de", "config.langage", '"config.language"'),
        ("POST", "/v1/speech:transcribe?fromat=SRT", "fromat", '"format"'),
        ("POST", "/v1/profiles/ann/samples?transcipt=x", "transcipt", '"transcript"'),
        ("DELETE", "/v1/profiles/ann?etga=1", "etga", '"etag"'),
        ("GET", "/v1/profiles/ann?text.more=1", "text", ""),
    ],
)
async def test_so_is_an_unknown_query_parameter(gateway, method, path, name, hint):
    named, sentence, reason = violation(
        await gateway.http.request(method, path, content=b"" if method == "GET" else b"{}")
    )
    assert reason == "UNKNOWN_FIELD"
    if "pagesize" not in path:
        assert named == name or name.startswith(named)
    assert f"Did you mean {hint}?" in sentence if hint else True


@pytest.mark.parametrize(
    ("body", "field", "part"),
    [
        ({"text": 1}, "text", "a string"),
        ({"text": ["a"]}, "text", "a string"),
        ({"text": {"a": 1}}, "text", "a string"),
        ({"config": "slt"}, "config", "an object"),
        ({"config": {"voice": []}}, "config.voice", "an object"),
        ({"config": {"store": "maybe"}}, "config.store", "true or false"),
        ({"config": {"check": 1}}, "config.check", "true or false"),
        ({"config": {"seed": -1}}, "config.seed", "between 0"),
        ({"config": {"seed": 1.5}}, "config.seed", "a whole number"),
        ({"config": {"seed": "many"}}, "config.seed", "a whole number"),
        ({"config": {"audio": {"sampleRateHz": 1e12}}}, "config.audio.sampleRateHz", "between"),
        ({"config": {"style": {"speed": "fast"}}}, "config.style.speed", "a number"),
        ({"config": {"style": {"speed": 1e300}}}, "config.style.speed", "too large"),
        ({"config": {"audio": {"encoding": "MP3"}}}, "config.audio.encoding", "AUDIO_ENCODING_MP3?"),
        ({"config": {"audio": {"encoding": "LOUD"}}}, "config.audio.encoding", "one of AUDIO_ENCODING_PCM_S16LE"),
        ({"config": {"audio": {"encoding": 1.5}}}, "config.audio.encoding", "name of a value"),
        ({"config": {"voice": {"voice": "a", "profile": "b"}}}, "config.voice.profile", "Only one of"),
        ({"config": {"voice": {"reference": {"audio": "$$$"}}}}, "config.voice.reference.audio", "base64"),
    ],
)
async def test_a_value_that_does_not_fit_is_reported_in_words_of_json(gateway, body, field, part):
    named, sentence, reason = violation(await gateway.http.post("/v1/speech:synthesize", json=body))
    assert (named, reason) == (field, "INVALID_FIELD")
    assert part in sentence


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("config.audio.encoding=MP3", "AUDIO_ENCODING_MP3?"),
        ("config.audio.sample_rate_hz=many", "whole number"),
        ("config.voice=slt", "an object"),
        ("config.audio.sampleRateHz=8000.0", "whole number"),
        ("config.store=maybe", "true or false"),
        ("config.style.speed=x", "a number"),
        ("config.voice.voice=a&config.voice.profile=b", "Only one of"),
    ],
)
async def test_so_is_one_of_the_query(gateway, query, sentence):
    assert sentence in violation(await gateway.http.get(f"/v1/speech:play?text=Hi&{query}"))[1]


@pytest.mark.parametrize(
    "body",
    [
        b"{text",
        b'{"text": ',
        b'{"text": "Hi"',
        b"{'text': 'Hi'}",
        b'{"text": "Hi",}',
        b"[]",
        b'"Hi"',
        b"null",
        b"text=Hi",
        b'{"text": "Hi"} x',
        b'{"text": tru}',
        b'{"seed": 01}',
        b'{"seed": +1}',
        b'{"seed": .5}',
        b'{"text": "\\x"}',
        b'{"text": "\\ud800"}',
        b'{"text" "Hi"}',
        b'{"text": "\xff"}',
        b'{"text": "\xed\xa0\x80"}',
        b'{"labels": ' + b"[" * 1000,
        b"--x\r\nContent-Disposition: form-data\r\n",
        b" ",
        b"{,}",
    ],
)
async def test_an_error_in_json_names_its_position(gateway, body):
    answer = await gateway.http.post("/v1/speech:synthesize", content=body)
    _, sentence, reason = violation(answer)
    assert reason in ("BAD_JSON", "UNKNOWN_FIELD")
    assert re.search(r"line \d+, column \d+|byte \d+|levels deep|no field", sentence)


async def test_lines_and_columns_are_counted_from_one(gateway):
    answer = await gateway.http.post("/v1/speech:synthesize", content=b'{\n  "text": "Hi"\n  "model": ""\n}')
    assert "line 3, column 3" in answer.json()["message"]


REQUESTS: dict[str, type[Message]] = {
    "/v1/speech:synthesize": tts_pb2.SynthesizeRequest,
    "/v1/speech:stream": tts_pb2.StreamSynthesizeRequest,
    "/v1/speech:recognize": asr_pb2.RecognizeRequest,
    "/v1/profiles": catalog_pb2.Profile,
    "/v1/voices:design": tts_pb2.DesignVoiceRequest,
    "/v1/generations:deleteAll": catalog_pb2.DeleteGenerationsRequest,
}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), spelling=st.booleans(), indent=st.sampled_from([None, 2]), is_ascii=st.booleans())
async def test_every_request_that_the_contract_allows_goes_through(gateway, data, spelling, indent, is_ascii):
    path = data.draw(st.sampled_from(sorted(REQUESTS)))
    message = data.draw(messages(REQUESTS[path].DESCRIPTOR))
    try:
        document = json_format.MessageToDict(message, preserving_proto_field_name=spelling)
    except (ValueError, json_format.Error):  # a moment that JSON cannot write
        reject()
    answer = await gateway.http.post(path, content=json.dumps(document, indent=indent, ensure_ascii=is_ascii).encode())
    assert answer.status_code != 400, answer.text


@pytest.mark.filterwarnings("ignore:.*not an async function")
def test_every_path_of_the_contract_is_in_the_table():
    for module in (tts_pb2, asr_pb2, catalog_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            assert service.name in native_paths.SERVICES
            for method in service.methods:
                rule = method.GetOptions().Extensions[annotations_pb2.http]
                path = rule.WhichOneof("pattern") and getattr(rule, rule.WhichOneof("pattern"))
                assert not path or native_paths.pattern(path).startswith("^%/v1%/")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/speech:synthesize", {"POST"}),
        ("DELETE", "/v1/speech:play", {"POST", "GET", "HEAD"}),
        ("PUT", "/v1/voices", {"GET", "HEAD"}),
        ("POST", "/v1/profiles/ann", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("GET", "/v1/profiles/ann:undelete", {"POST"}),
        ("PUT", "/v1/profiles/ann/samples/1", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("POST", "/v1/profiles/ann/avatar", {"PUT", "GET", "HEAD", "DELETE"}),
        ("GET", "/v1/asr/models/a/b:load", {"POST"}),
        ("DELETE", "/v1/tts/models", {"GET", "HEAD"}),
        ("PATCH", "/v1/generations:stats", {"GET", "HEAD"}),
        ("GET", "/v1/speech:recognizeUpload", {"POST"}),
        ("HEAD", "/v1/speech:transcribe", {"POST"}),
        ("GET", "/v1/audio/speech", {"POST"}),
        ("PUT", "/v1/audio/transcriptions", {"POST"}),
        ("PUT", "/v1/voices/", {"GET", "HEAD"}),
    ],
)
async def test_another_method_of_a_known_path_is_a_405_that_names_those_there_are(gateway, method, path, allowed):
    answer = await gateway.http.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed
    if method != "HEAD":
        reported = answer.json()
        assert (
            reported["error"]["code"] == "method_not_allowed"
            if "/audio/" in path
            else error_info(answer)["reason"] == "METHOD_NOT_ALLOWED"
        )


async def test_options_names_the_methods(gateway):
    answer = await gateway.http.options("/v1/profiles/ann")
    assert (answer.status_code, answer.content) == (204, b"")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PATCH", "DELETE"}


async def test_a_body_that_comes_in_pieces_is_checked_without_an_error_in_the_log(gateway, caplog):
    async def pieces():
        yield b'{"text": "hel'
        await asyncio.sleep(0.1)
        yield b'lo"}'

    answer = await gateway.http.post("/v1/speech:synthesize", content=pieces())
    assert answer.status_code == 200, answer.text
    assert not [record.getMessage() for record in caplog.records if record.name == "voicebox_gateway.envoy"]


@pytest.mark.parametrize(
    ("query", "kind"), [("", "audio/wav"), ("&config.audio.encoding=AUDIO_ENCODING_MP3", "audio/mpeg")]
)
async def test_head_of_speech_makes_none(gateway, fakes, query, kind):
    answer = await gateway.http.head(f"/v1/speech:play?text=hello{query}")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, kind, b"")
    assert fakes.seen.request is None
    assert (await gateway.http.head("/v1/speech:play?txt=hello")).status_code == 400
