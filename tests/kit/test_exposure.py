"""What stays on this machine, and with its user."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from voicebox_kit.errors import StartError
from voicebox_kit.exposure import refuse_exposed

from bench.launch import free_ports


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "192.168.1.7:80", "8.8.8.8:1", "[fe80::1]:1", "host:1"])
def test_what_others_reach_is_refused(address: str) -> None:
    with pytest.raises(StartError, match=r"TTS_ADDRESS names .* VOICEBOX_INSECURE=1"):
        refuse_exposed({"TTS_ADDRESS": address}, {})
    refuse_exposed({"TTS_ADDRESS": address}, {"VOICEBOX_INSECURE": "1"})
    refuse_exposed({"TTS_ADDRESS": address}, {"VOICEBOX_AUTH": "keys"})
    refuse_exposed({"TTS_METRICS_ADDRESS": address}, {})


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"])
def test_loopback_is_not(address: str) -> None:
    refuse_exposed({"TTS_ADDRESS": address}, {})


def serve(data: Path, **variables: str) -> tuple[str, int]:
    """What a catalog that is stopped as soon as it serves has logged, and its exit code."""
    ports = free_ports(2)
    addresses = {"CATALOG_ADDRESS": f"127.0.0.1:{ports[0]}", "CATALOG_METRICS_ADDRESS": f"127.0.0.1:{ports[1]}"}
    command = [Path(sys.executable).with_name("voicebox"), "serve", "catalog"]
    environment = {**os.environ, **addresses, "VOICEBOX_DATA": str(data), **variables}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, umask=0o022
    ) as process:
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "catalog metrics" in line:
                process.terminate()
    return "".join(lines), process.returncode


def modes(folder: Path) -> set[int]:
    """The modes of all files and folders, as far as others may use them."""
    return {stat.S_IMODE(path.lstat().st_mode) & 0o077 for path in [folder, *folder.rglob("*")]}


def test_what_is_kept_is_for_its_user_alone(tmp_path: Path) -> None:
    output, code = serve(tmp_path / "var")
    assert code == 0
    assert "other users" not in output
    assert modes(tmp_path / "var") == {0}
    assert any(path.is_file() for path in (tmp_path / "var").rglob("*"))


def test_an_open_folder_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir(mode=0o755)
    (tmp_path / "var").chmod(0o755)
    output, _ = serve(tmp_path / "var")
    assert "chmod -R go=" in output


def test_a_service_that_others_reach_does_not_start(tmp_path: Path) -> None:
    output, code = serve(tmp_path / "var", CATALOG_ADDRESS="0.0.0.0:0")
    assert code == 1
    assert "VOICEBOX_INSECURE=1" in output
