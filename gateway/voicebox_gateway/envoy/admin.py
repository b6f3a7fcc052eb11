"""Talks to Envoy's admin port."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Admin:
    """Where Envoy's admin port is: a Unix socket, or `host:port` where an address was set."""

    socket: Path
    address: str = ""

    async def request(self, path: str, method: str = "GET") -> str:
        """The body of the answer. Raises OSError when nobody listens there."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reader, writer = await self._connect()
            try:
                headers = "host: admin\r\nconnection: close\r\ncontent-length: 0\r\n"
                writer.write(f"{method} {path} HTTP/1.1\r\n{headers}\r\n".encode())
                answer = await reader.read()
            finally:
                writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return (_joined(body) if b"transfer-encoding: chunked" in head.lower() else body).decode()

    async def is_live(self) -> bool:
        """True when Envoy has its configuration and its workers run."""
        try:
            return (await self.request("/ready")).strip() == "LIVE"
        except OSError:
            return False

    async def listen_address(self, listener: str = "public") -> str:
        """`host:port` where a listener of the gateway really listens, when the port is 0."""
        listeners = json.loads(await self.request("/listeners?format=json"))["listener_statuses"]
        [address] = [each["local_address"]["socket_address"] for each in listeners if each["name"] == listener]
        host = f"[{address['address']}]" if ":" in address["address"] else address["address"]
        return f"{host}:{address['port_value']}"

    async def active_requests(self) -> int:
        """How many requests run through the gateway now."""
        stats = json.loads(await self.request("/stats?format=json&filter=^http.public.downstream_rq_active$"))["stats"]
        return sum(stat["value"] for stat in stats)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.address:
            host, _, port = self.address.rpartition(":")
            return await asyncio.open_connection(host.strip("[]"), int(port))
        return await asyncio.open_unix_connection(self.socket)


def _joined(chunked: bytes) -> bytes:
    parts: list[bytes] = []
    while chunked:
        size, _, rest = chunked.partition(b"\r\n")
        length = int(size, 16)
        parts.append(rest[:length])
        chunked = rest[length + 2 :] if length else b""
    return b"".join(parts)
