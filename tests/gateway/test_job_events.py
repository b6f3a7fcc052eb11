"""Events of jobs over HTTP: a JSON object a line, or server-sent events for who asks for them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import pytest
from prometheus_client import CollectorRegistry
from voicebox.jobs.v1 import jobs_pb2, jobs_pb2_grpc
from voicebox_gateway.envoy.app import open_service
from voicebox_kit.errors import NotFound
from voicebox_kit.interceptor import RpcInterceptor


class Events(jobs_pb2_grpc.JobServiceServicer):
    """Two events of a job; `jobs/nobody` is not there."""

    async def WatchJob(self, request: Any, context: Any) -> AsyncIterator[Any]:
        if request.name == "jobs/nobody":
            raise NotFound("job", request.name)
        for sequence in (request.after_sequence + 1, request.after_sequence + 2):
            yield jobs_pb2.JobEvent(sequence=sequence, job=request.name)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the gateway before the fake."""
    server = grpc.aio.server(interceptors=[RpcInterceptor(CollectorRegistry())])
    jobs_pb2_grpc.add_JobServiceServicer_to_server(Events(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    env = {"GATEWAY_ADDRESS": "127.0.0.1:0", "JOBS_ADDRESS": f"127.0.0.1:{port}", "VOICEBOX_GRACE_SECONDS": "0"}
    async with (
        open_service(env) as serving,
        httpx.AsyncClient(base_url=f"http://{serving.endpoints[0].address}", timeout=60) as client,
    ):
        yield client
    await server.stop(0)


PATH = "/v1/jobs/1:watch?after_sequence=6"


def sequences(lines: list[str]) -> list[int]:
    return [int(json.loads(line)["sequence"]) for line in lines if line]


async def test_events_are_lines_of_json(http: httpx.AsyncClient) -> None:
    answer = await http.get(PATH)
    assert answer.headers["content-type"] == "application/json"
    assert sequences(answer.text.splitlines()) == [7, 8]


@pytest.mark.parametrize("accept", ["text/event-stream", "text/event-stream, */*;q=0.1"])
async def test_events_are_server_sent_for_who_asks(http: httpx.AsyncClient, accept: str) -> None:
    answer = await http.get(PATH, headers={"accept": accept})
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text.endswith("\n\n")
    lines = answer.text.split("\n\n")[:-1]
    assert all(line.startswith("data: ") for line in lines)
    assert sequences([line.removeprefix("data: ") for line in lines]) == [7, 8]


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_errors_are_the_same_in_both_forms(http: httpx.AsyncClient, accept: str) -> None:
    missing = await http.get("/v1/jobs/nobody:watch", headers={"accept": accept})
    assert missing.status_code == 404
    assert (
        missing.json()["error"]["status"] == "NOT_FOUND" if "error" in missing.json() else missing.json()["code"] == 5
    )
    unknown = await http.get("/v1/jobs/1:watch?colour=red", headers={"accept": accept})
    assert unknown.status_code == 400
