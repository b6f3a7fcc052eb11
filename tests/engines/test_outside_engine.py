"""An engine of another package: installed, passed by the suite, served, and no trouble to this project's own tests."""

import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc

from bench.launch import platform

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the example was installed, as `pip install examples/beep` does."""
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-deps",
        "--no-build-isolation",
        "--python",
        sys.executable,
    ]
    subprocess.run([*command, "--target", folder, ROOT / "examples" / "beep"], check=True)
    return folder


def run(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)} | {"PYTEST_XDIST_WORKER": "", "PYTEST_ADDOPTS": ""}
    del environment["PYTEST_XDIST_WORKER"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_suite_runs_on_it_from_anywhere(installed: Path, tmp_path: Path) -> None:
    ran = run(installed, tmp_path, "--engine", "beep", "-p", "no:cacheprovider")
    assert ran.returncode == 0, ran.stdout
    assert "passed" in ran.stdout
    assert "skipped" not in ran.stdout


def test_the_suite_finds_what_is_wrong(installed: Path, tmp_path: Path) -> None:
    source = (installed / "beep_for_voicebox.py").read_text()
    (tmp_path / "beep_for_voicebox.py").write_text(source.replace("raise NotFound", "return BeepSession()  #"))
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{installed}"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--engine",
        "beep",
        "-k",
        "unknown_voice",
        "-p",
        "no:cacheprovider",
    ]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout


def test_our_own_suite_does_not_see_it(installed: Path) -> None:
    ran = run(
        installed, ROOT, "tests/engines/test_tts_contract.py", "-k", "every_engine_is_tested", "-p", "no:cacheprovider"
    )
    assert ran.returncode == 0, ran.stdout


def test_it_is_served(installed: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    with (
        platform(tmp_path, ("catalog", "tts"), PYTHONPATH=path) as running,
        grpc.insecure_channel(running.tts) as channel,
    ):
        request = tts_pb2.SynthesizeRequest(
            text="Beep.", config=tts_pb2.SynthesisConfig(voice=tts_pb2.VoiceSelection(voice="beep/sine"))
        )
        answer = tts_pb2_grpc.TextToSpeechServiceStub(channel).Synthesize(request)
    assert (answer.started.engine, answer.finished.sample_count) == ("beep", 4 * 800)
