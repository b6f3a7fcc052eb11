"""GET /healthz answers whether everything serves, and what does not."""

import asyncio
import socket

import httpx


async def test_everything_serves(gateway):
    answer = await gateway.http.get("/healthz")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "status": "SERVING",
        "services": {"tts": "SERVING", "asr": "SERVING", "catalog": "SERVING"},
    }
    assert (await gateway.http.get("/healthz?verbose=1")).json()["status"] == "SERVING"
    assert (await gateway.http.head("/healthz")).status_code == 200


async def test_one_is_loading_and_one_is_gone(gateway, fakes):
    await fakes.tts.set_serving(False)
    await fakes.catalog.server.stop(0)
    answer = await gateway.http.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "NOT_SERVING",
        "services": {"tts": "NOT_SERVING", "asr": "SERVING", "catalog": "UNREACHABLE"},
    }


async def test_it_recovers(gateway, fakes):
    await fakes.asr.set_serving(False)
    assert (await gateway.http.get("/healthz")).status_code == 503
    await fakes.asr.set_serving(True)
    assert (await gateway.http.get("/healthz")).status_code == 200


async def test_success_is_cached_for_a_moment_only(gateway, fakes):
    assert (await gateway.http.get("/healthz")).status_code == 200
    await fakes.asr.set_serving(False)
    async with asyncio.timeout(60):
        while (await gateway.http.get("/healthz")).status_code == 200:
            pass


async def test_the_gateway_starts_before_its_services(open_gateway):
    nobody = "127.0.0.1:1"
    addresses = {"TTS_ADDRESS": nobody, "ASR_ADDRESS": nobody, "CATALOG_ADDRESS": nobody}
    async with open_gateway(**addresses) as serving, httpx.AsyncClient() as http:
        answer = await http.get(f"http://{serving.endpoints[0].address}/healthz")
    assert answer.status_code == 503
    assert set(answer.json()["services"].values()) == {"UNREACHABLE"}


async def test_a_service_that_does_not_answer_holds_nothing_up(open_gateway):
    """It takes the connection and says nothing; the check ends after its own limit."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        async with (
            open_gateway(ASR_ADDRESS=address, GATEWAY_HEALTH_SECONDS="0.2") as serving,
            httpx.AsyncClient() as http,
        ):
            async with asyncio.timeout(60):
                answer = await http.get(f"http://{serving.endpoints[0].address}/healthz")
    assert answer.json()["services"] == {"tts": "SERVING", "asr": "UNREACHABLE", "catalog": "SERVING"}
