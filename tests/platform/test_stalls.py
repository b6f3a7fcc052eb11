"""Callers of one address that take places and do nothing keep nobody else out."""

import asyncio
from pathlib import Path

from bench.launch import platform
from bench.stalls import served, stalled


def test_another_caller_is_served_beside_callers_that_stall(tmp_path: Path) -> None:
    async def beside(address: str) -> int:
        async with stalled(address):
            await asyncio.sleep(1.0)  # they begin
            return (await served(address, calls=5)).refused

    with platform(tmp_path / "var", VOICEBOX_EMBEDDED="small", WEB_MAX_SESSIONS="100") as running:
        assert asyncio.run(beside(running.gateway)) == 0
