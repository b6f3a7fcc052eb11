"""Hostile code in the process that decodes: it may compute, and use the socket that it has."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest
from voicebox_audio.decoding import system_calls
from voicebox_audio.decoding.decoder import open_decoder

CODE = Path(__file__).with_name("hostile_code.py")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of the calls are those of x86-64")
@pytest.mark.parametrize("user", [[], ["nobody"]])
def test_hostile_code_gets_no_system_call_that_reaches_out(user: list[str]) -> None:
    done = subprocess.run([sys.executable, CODE, *user], stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode() == "done\n"


def test_a_service_hides_its_memory() -> None:
    code = "import ctypes; from voicebox_kit.serve import hide_memory; hide_memory(); print(ctypes.CDLL(None).prctl(3))"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"0\n"


async def test_a_kernel_without_seccomp_is_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(system_calls, "can_restrict", lambda: False)
    async with open_decoder():
        assert "no seccomp" in caplog.text
