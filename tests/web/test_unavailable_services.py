"""While web, or what it asks, is away, its paths give the one error, and it comes back."""

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bench.launch import free_ports, platform


@pytest.fixture(scope="module")
def without_web(tmp_path_factory):
    [port] = free_ports(1)
    with platform(tmp_path_factory.mktemp("away"), ("gateway",), WEB_ADDRESS=f"127.0.0.1:{port}") as running:
        yield running.gateway


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """web without tts and asr."""
    [port] = free_ports(1)
    with platform(tmp_path_factory.mktemp("alone"), ("web", "gateway"), WEB_ADDRESS=f"127.0.0.1:{port}") as running:
        yield running.gateway


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/x", "/v1/realtime"])
def test_openais_paths_give_openais_error(without_web, path):
    answer = httpx.get(f"http://{without_web}{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_the_others_give_ours(without_web, path):
    answer = httpx.get(f"http://{without_web}{path}")
    assert (answer.status_code, answer.json()["code"]) == (503, 14)
    assert answer.json()["details"][0]["reason"] == "SERVICE_UNAVAILABLE"


async def test_a_websocket_is_refused(without_web):
    with pytest.raises(InvalidStatus) as raised:
        await connect(f"ws://{without_web}/v1/realtime")
    assert raised.value.response.status_code == 503


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/x", "/v1/audio/models", "/v1/audio/voices"])
def test_the_services_behind_are_unavailable(alone, path):
    answer = httpx.get(f"http://{alone}{path}")
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "server_error")


def test_a_key_needs_nobody(alone):
    assert httpx.post(f"http://{alone}/v1/realtime/client_secrets", json={}).json()["value"].startswith("ek_")


def test_the_description_needs_nobody(alone):
    assert httpx.get(f"http://{alone}/openapi.json").json()["openapi"].startswith("3.1.")


async def test_an_upgrade_is_for_one_path_alone(without_web):
    with pytest.raises(InvalidStatus) as raised:
        await connect(f"ws://{without_web}/v1/voices")
    assert raised.value.response.status_code != 101
