"""As the first process of a container, a service ends by SIGTERM at every moment of its start."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

VOICEBOX = Path(sys.executable).with_name("voicebox-serve")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return os.environ | {
        "VOICEBOX_DATA": str(tmp_path / "data"),
        "CATALOG_ADDRESS": "127.0.0.1:0",
        "CATALOG_METRICS_ADDRESS": "127.0.0.1:0",
    }


def container(command: Sequence[str], env: dict[str, str]) -> subprocess.Popen[str]:
    """The command as the first process of a PID namespace, as a container's is. Its output is the returned stdout."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return subprocess.Popen(
        ["unshare", *user, "--pid", "--fork", *command], env=env, stdout=subprocess.PIPE, text=True, process_group=0
    )


def child(parent: int) -> int:
    """The process id of its first child, once it is there."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    while not (found := children.read_text().split()):
        pass
    return int(found[0])


@pytest.mark.parametrize("moment", ["starts", "imports", "serves"])
def test_sigterm_ends_it_at_every_moment_of_its_start(env: dict[str, str], moment: str) -> None:
    with container(["tini", "--", VOICEBOX.as_posix(), "catalog"], env) as namespace:
        init = child(namespace.pid)
        service = child(init)
        if moment == "imports":
            while "cygrpc" not in Path(f"/proc/{service}/maps").read_text():
                pass
        if moment == "serves":
            assert namespace.stdout
            assert "catalog gRPC" in namespace.stdout.readline()
        os.kill(init, signal.SIGTERM)
        assert namespace.wait() in (0, 128 + signal.SIGTERM)
