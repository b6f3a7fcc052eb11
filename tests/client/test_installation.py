"""The client alone, as its README installs it: from a checkout, into an environment of its own."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with nothing but the client; its dependencies come from this one, offline."""
    folder = tmp_path_factory.mktemp("client-only")
    uv = Path(sys.executable).with_name("uv")
    wheels, found = folder / "wheels", folder / "site"
    for package in ("protos", "clients/python"):
        build = [uv, "build", "--quiet", "--wheel", "--offline", "--no-build-isolation", "--python", sys.executable]
        subprocess.run([*build, "--out-dir", wheels, ROOT / package], check=True)
    install = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--target", found]
    subprocess.run([*install, *wheels.glob("*.whl")], check=True)
    for name in ("grpc", "google", "click", "typing_extensions.py"):
        source = Path(__import__("click").__file__).parents[1] / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, found / name)
    return found


def run(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    isolated = f"import sys; sys.path.append({str(site)!r}); sys.argv[0] = 'voicebox'\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", isolated + words[0], *words[1:]], capture_output=True, text=True, check=False
    )


def test_the_readme_names_the_packages_that_it_needs() -> None:
    text = (ROOT / "clients/python/README.md").read_text()
    [packages] = re.findall(r"^pip install (.*)$", text, re.MULTILINE)
    assert packages.split() == ["./protos", "./clients/python"]


def test_the_library_works_alone(python: Path) -> None:
    done = run(python, "from voicebox_client import AsyncClient, Client; Client('127.0.0.1:1'); print('fine')")
    assert (done.stdout, done.stderr) == ("fine\n", "")


@pytest.mark.parametrize("words", [["--help"], ["say", "--help"], ["profiles", "--help"], ["transcribe", "--help"]])
def test_the_command_works_alone(python: Path, words: list[str]) -> None:
    done = run(python, "from voicebox_client.command import main; main()", *words)
    assert done.returncode == 0, done.stderr
    assert "Usage: voicebox" in done.stdout


def test_serving_says_that_it_comes_with_the_platform(python: Path) -> None:
    done = run(python, "from voicebox_client.command import main; main()", "serve", "tts")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: This is a client-only installation")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_is_printed_as_the_readme_says(shell: str) -> None:
    text = (ROOT / "clients/python/README.md").read_text()
    assert f"_VOICEBOX_COMPLETE={shell}_source voicebox" in text
    environment = {"PATH": "/usr/bin:/bin", "_VOICEBOX_COMPLETE": f"{shell}_source"}
    command = [Path(sys.executable).with_name("voicebox")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "_VOICEBOX_COMPLETE" in done.stdout
