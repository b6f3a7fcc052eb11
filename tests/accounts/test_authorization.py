"""Keys over HTTP and gRPC: right, wrong, revoked and none; wherever clients send them; and nothing of them goes on."""

import base64
import json
import subprocess
import threading
import time

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2, status_pb2
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_client import VoiceboxClientError
from voicebox_kit.status import DETAILS_HEADER

REFUSED = [("", "KEY_MISSING"), ("wrong", "KEY_INVALID"), ("revoked", "KEY_INVALID")]
SPEECH = {"model": "tts-1", "voice": "alloy", "input": "Hello there."}


@pytest.mark.parametrize(("name", "reason"), REFUSED)
def test_json_says_who_is_refused_and_why(guarded, name, reason):
    with guarded.http(name) as http:
        answer = http.get("/v1/voices")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    body = answer.json()
    assert body["code"] == 16
    [info] = body["details"]
    assert info["reason"] == reason
    assert info["metadata"]["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(("name", "reason"), REFUSED)
def test_openais_paths_answer_in_openais_form(guarded, name, reason):
    with guarded.http(name) as http:
        for answer in (http.post("/v1/audio/speech", json=SPEECH), http.get("/v1/models")):
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "invalid_api_key"
            assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(("name", "reason"), REFUSED)
def test_google_paths_answer_in_googles_form(guarded, name, reason):
    with guarded.http(name) as http:
        answer = http.post("/v1/text:synthesize", json={"input": {"text": "Hello."}})
    assert answer.status_code == 401
    assert answer.json()["error"]["status"] == "UNAUTHENTICATED"
    assert answer.json()["error"]["code"] == 401


@pytest.mark.parametrize(("name", "reason"), REFUSED)
def test_grpc_gets_a_status_with_its_details(guarded, name, reason):
    metadata = [("authorization", f"Bearer {guarded.secrets[name]}")] if name else []
    with (
        grpc.insecure_channel(guarded.platform.gateway) as channel,
        pytest.raises(grpc.RpcError) as refused,
    ):
        tts_pb2_grpc.TextToSpeechServiceStub(channel).ListVoices(tts_pb2.ListVoicesRequest(), metadata=metadata)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    trailers: dict[str, bytes] = dict(refused.value.trailing_metadata())
    status = status_pb2.Status.FromString(trailers[DETAILS_HEADER])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.reason == reason


@pytest.mark.parametrize("header", ["x-api-key", "xi-api-key", "x-goog-api-key"])
def test_a_key_may_stand_in_other_headers(guarded, header):
    with guarded.http() as http:
        assert http.get("/v1/profiles", headers={header: guarded.secrets["ann"]}).status_code == 200
        assert http.get("/v1/profiles", headers={header: guarded.secrets["wrong"]}).status_code == 401


@pytest.mark.parametrize("path", ["/v1/profiles", "/v1/profiles?page_size=3", "/v1/models", "/v1beta1/voices"])
def test_a_key_may_stand_in_the_query(guarded, path):
    sign = "&" if "?" in path else "?"
    with guarded.http() as http:
        assert http.get(f"{path}{sign}key={guarded.secrets['ann']}").status_code == 200
        assert http.get(f"{path}{sign}key={guarded.secrets['wrong']}").status_code == 401


def test_two_keys_that_differ_are_refused_and_one_that_comes_twice_is_not(guarded):
    ann, bob = guarded.secrets["ann"], guarded.secrets["bob"]
    with guarded.http("ann") as http:
        for headers, path in (({"x-api-key": bob}, ""), ({"x-goog-api-key": bob}, ""), ({}, f"?key={bob}")):
            answer = http.get(f"/v1/profiles{path}", headers=headers)
            assert answer.status_code == 401
            assert answer.json()["details"][0]["reason"] == "SEVERAL_KEYS"
        assert http.get(f"/v1/profiles?key={ann}", headers={"x-api-key": ann}).status_code == 200


def test_a_missing_scope_is_refused_before_anything_is_looked_up(guarded):
    with guarded.http("reads") as http:
        for path in ("/v1/profiles/nobody", "/v1/generations/nobody"):
            answer = http.delete(path)
            assert answer.status_code == 403
            assert answer.json()["code"] == 7
            assert answer.json()["details"][0]["reason"] == "SCOPE_MISSING"
        answer = http.post("/v1/audio/speech", json=SPEECH)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing")


def test_nobody_calls_what_is_for_the_platforms_own_parts(guarded):
    metadata = (("authorization", f"Bearer {guarded.secrets['admin']}"),)
    with grpc.insecure_channel(guarded.platform.gateway) as channel, pytest.raises(grpc.RpcError) as refused:
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)
        stub.DeleteOwner(catalog_pb2.DeleteOwnerRequest(owner="ann", force=True), metadata=metadata)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("path", ["/healthz", "/", "/docs", "/openapi.json"])
def test_probes_and_pages_need_no_key(guarded, path):
    with guarded.http() as http:
        assert http.get(path).status_code == 200


@pytest.mark.parametrize("principal", ["", "ann", "ann.e30.e30", "local"])
def test_a_service_believes_no_stranger(guarded, principal):
    metadata = (("x-voicebox-principal", principal),) if principal else ()
    for address in (guarded.platform.tts, guarded.platform.catalog):
        with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as refused:
            if address == guarded.platform.tts:
                tts_pb2_grpc.TextToSpeechServiceStub(channel).ListVoices(tts_pb2.ListVoicesRequest(), metadata=metadata)
            else:
                catalog_pb2_grpc.CatalogServiceStub(channel).ListProfiles(
                    catalog_pb2.ListProfilesRequest(), metadata=metadata
                )
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_gateway_drops_what_a_stranger_says_about_itself(guarded):
    with guarded.client("bob") as bob:
        bob.create_profile("Bob's", "bobs-own")
    with guarded.http("bob") as http:
        names = [
            profile["name"]
            for profile in http.get("/v1/profiles", headers={"x-voicebox-principal": "ann"}).json()["profiles"]
        ]
    assert "profiles/bobs-own" in names
    with guarded.client("ann") as ann:
        assert "profiles/bobs-own" not in [profile.name for profile in ann.list_profiles()]


def test_curl_and_the_command_work_with_a_key(guarded, tmp_path):
    out = tmp_path / "hello.wav"
    command = ["curl", "-sf", "-H", f"x-api-key: {guarded.secrets['ann']}", "-o", out]
    subprocess.run([*command, f"{guarded.base}/v1/speech:play?text=Hello+there."], check=True)
    assert out.read_bytes()[:4] == b"RIFF"
    failed = subprocess.run(["curl", "-sf", f"{guarded.base}/v1/voices"], check=False)
    assert failed.returncode == 22  # an HTTP error


def test_a_speaking_key_speaks_for_its_owner(guarded):
    with guarded.client("bob") as bob:
        speech = bob.say("Hello there.")
        assert speech.read()
        listed = eventually(lambda: [each for each in bob.list_generations() if each.text == "Hello there."])
    assert {each.owner for each in listed} == {"bob"}


def test_a_new_key_of_another_kind_is_no_key(guarded):
    token = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    for secret in ("none", "x" * 30_000, f"{token}.e30.", "ek_abc", "ek_abc.def.ghi.jkl", "vbx_", "Ünïcode"):
        answer = httpx.get(f"{guarded.base}/v1/voices", headers={"x-api-key": secret.encode()}, timeout=30)
        assert answer.status_code in (401, 431), secret[:20]


def test_no_key_is_in_logs_audit_history_or_database(guarded):
    with guarded.client("ann") as ann:
        ann.say("Where are my keys?").read()
        with pytest.raises(VoiceboxClientError):
            ann.get_profile("nobody")
    with guarded.http() as http:
        http.get(f"/v1/voices?key={guarded.secrets['wrong']}")
    time.sleep(0.1)
    for path in guarded.data.rglob("*"):
        if path.is_file() and path.suffix not in (".wav", ".flac"):
            content = path.read_bytes()
            for name, secret in guarded.secrets.items():
                assert secret.encode() not in content, (path, name)


def eventually(look):
    deadline = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_the_streams_of_a_revoked_key_end_and_say_why(guarded):
    with guarded.client("admin") as admin:
        made = admin.create_key("ann", ["speak"], "soon revoked")
        metadata = (("authorization", f"Bearer {made.secret}"),)

        def silent():
            yield tts_pb2.ConverseSynthesizeRequest(config=tts_pb2.ConverseConfig())
            yield tts_pb2.ConverseSynthesizeRequest(text="Hello there. ")
            yield tts_pb2.ConverseSynthesizeRequest(control=tts_pb2.CONVERSE_CONTROL_FLUSH)
            ended.wait(60)

        ended = threading.Event()
        with grpc.insecure_channel(guarded.platform.gateway) as channel:
            stub = tts_pb2_grpc.TextToSpeechServiceStub(channel)
            events = stub.ConverseSynthesize(silent(), metadata=metadata, timeout=120)
            for event in events:
                assert event.HasField("started")
                break
            admin.revoke_key(made.key.name)
            with pytest.raises(grpc.RpcError) as refused:
                list(events)
            ended.set()
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "revoked" in (refused.value.details() or "")


STRANGE = [b"\xff\xfe", b"a b", "ünï".encode(), b"x" * 5000, b'"}']


@pytest.mark.parametrize("value", STRANGE)
@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_strange_headers_are_refused_and_no_fault_of_ours(guarded, header, value):
    with guarded.http() as http:
        alone = http.get("/v1/profiles", headers={header.encode(): value})
        beside = http.get(
            "/v1/profiles", headers={b"x-goog-api-key": guarded.secrets["ann"].encode(), header.encode(): value}
        )
    assert (alone.status_code, beside.status_code) == (401, 401)


@pytest.mark.parametrize("value", ["a b", "x" * 5000, '"}', "a,b"])
def test_a_strange_request_id_is_no_reason_to_refuse(guarded, value):
    with guarded.http("ann") as http:
        assert http.get("/v1/profiles", headers={"x-request-id": value}).status_code == 200
