"""The images that `make images` built, as they run: `make images-test`, with podman or docker.

IMAGES names some of them, BASE_IMAGE the image that they were built on.
"""

import json
import os
import shutil
import subprocess
import tomllib

import pytest

from .conftest import ROOT

pytestmark = pytest.mark.containers

DEFAULT = "accounts catalog tts asr conversion jobs gateway"
IMAGES = (os.environ.get("IMAGES") or DEFAULT).split()
BASE = os.environ.get("BASE_IMAGE", "python:3.11-slim-bookworm")
OWN_BYTES = {"tts": 250_000_000, "gateway": 150_000_000, "asr": 520_000_000, "catalog": 450_000_000}
"""The most that an image may add to its base. Variants bring what they are for."""
RESTRICTED = ("--read-only", "--tmpfs", "/tmp", "--tmpfs", "/data:mode=1777", "--cap-drop", "ALL", "--network", "none")
STARTED_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0)


@pytest.fixture(scope="session")
def engine() -> str:
    """podman or docker."""
    found = shutil.which("podman") or shutil.which("docker")
    assert found, "neither podman nor docker is installed: apt-get install podman"
    return found


@pytest.fixture(params=IMAGES)
def image(request: pytest.FixtureRequest, engine: str) -> str:
    """The tag of an image that was built."""
    service, dash, variant = request.param.partition("-")
    folder = ROOT / ("gateway" if service == "gateway" else f"services/{service}")
    version = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"]
    tag = f"voicebox-{service}:{version}{dash}{variant}"
    there = subprocess.run([engine, "image", "inspect", tag], capture_output=True, check=False)
    assert there.returncode == 0, f"{tag} is not built: make images"
    return tag


def inspected(engine: str, tag: str) -> dict:
    found = subprocess.run([engine, "image", "inspect", tag], capture_output=True, text=True, check=True)
    return json.loads(found.stdout)[0]


def run(engine: str, tag: str, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [engine, "run", "--rm", *RESTRICTED, "--entrypoint", program, tag, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_a_user_of_its_own_and_cannot_write_to_its_root(engine: str, image: str) -> None:
    assert inspected(engine, image)["Config"]["User"] == "10001:10001"
    assert run(engine, image, "id", "-u").stdout.strip() == "10001"
    refused = run(engine, image, "touch", "/opt/voicebox/written")
    assert refused.returncode != 0
    assert "Read-only" in refused.stderr


@pytest.mark.parametrize("path", ["/opt/voicebox/bin", "/usr/local/bin:/usr/bin"], ids=["own", "base"])
def test_there_is_no_pip(engine: str, image: str, path: str) -> None:
    program = "import importlib.util as u; print(u.find_spec('pip'))"
    found = run(engine, image, "/usr/bin/env", f"PATH={path}", "python3", "-c", program)
    assert found.stdout.strip() == "None", found.stderr


@pytest.mark.parametrize("image", [each for each in IMAGES if each in OWN_BYTES], indirect=True)
def test_its_own_layers_are_small(engine: str, image: str) -> None:
    own = inspected(engine, image)["Size"] - inspected(engine, BASE)["Size"]
    name = image.removeprefix("voicebox-").partition(":")[0]
    print(f"{image}: {own / 1e6:.0f} MB above its base")
    assert own <= OWN_BYTES[name]


@pytest.mark.parametrize("seconds", STARTED_SECONDS)
def test_it_ends_whenever_it_is_told_to(engine: str, image: str, seconds: float) -> None:
    """SIGTERM in the midst of the start ends it, and nothing has to be killed."""
    more = ["--env", "VOICEBOX_DATA=/data", "--env", "VOICEBOX_GRACE_SECONDS=0"]
    started = subprocess.run(
        [engine, "run", "--detach", *RESTRICTED, *more, image], capture_output=True, text=True, check=True
    )
    container = started.stdout.strip()
    try:
        subprocess.run(["sleep", str(seconds)], check=True)
        subprocess.run([engine, "stop", "--time", "5", container], capture_output=True, check=True)
        state = subprocess.run(
            [engine, "inspect", "--format", "{{.State.ExitCode}}", container],
            capture_output=True,
            text=True,
            check=True,
        )
        assert state.stdout.strip() in ("0", "143"), "137: it was killed"
    finally:
        subprocess.run([engine, "rm", "--force", container], capture_output=True, check=True)


@pytest.mark.skipif("asr-cuda" not in IMAGES, reason="asr-cuda is built and tested only when IMAGES names it")
@pytest.mark.parametrize("image", ["asr-cuda"], indirect=True)
def test_the_cuda_image_has_cublas(engine: str, image: str) -> None:
    load = "from voicebox_asr.engines.whisper.device import *; load_cublas(cublas_folders())"
    program = f"import ctypes; {load}; ctypes.CDLL(CUBLAS)"
    done = run(engine, image, "/opt/voicebox/bin/python", "-c", program)
    assert done.returncode == 0, done.stderr
