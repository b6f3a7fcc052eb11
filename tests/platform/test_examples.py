"""Every example of the documentation runs, as it stands there, against a real platform."""

import os
import re
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.launch import Platform

ROOT = Path(__file__).parents[2]
BUF = ROOT / ".tools/buf/node_modules/.bin/buf"
DOCUMENTS = ("README.md", "services/asr/README.md")
SECONDS = 300


def examples(document: str) -> str:
    """The shell examples of a document, one after the other, less what sets the platform up."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)
    return "\n".join(block for block in blocks if not re.search(r"^(make|kubectl|docker) ", block, re.MULTILINE))


@pytest.fixture
def folder(tmp_path: Path, speech_data) -> Path:
    """Where the examples run: recordings, our command under `.venv/bin`, a grpcurl, and a curl that fails on HTTP errors."""
    if not BUF.exists():
        pytest.skip("buf is not here: `make .tools/buf.stamp` fetches it")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/bin").symlink_to(Path(sys.executable).parent)
    programs = tmp_path / "programs"
    programs.mkdir()
    grpcurl = programs / "grpcurl"
    grpcurl.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("grpcurl.py")} {BUF} "$@"\n')
    grpcurl.chmod(0o755)
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    speech, rate = soundfile.read(speech_data.path("LJ001-0002.wav"), dtype="float32")
    soundfile.write(tmp_path / "ann.wav", speech, rate)
    soundfile.write(tmp_path / "call.wav", np.stack([speech, np.roll(speech, rate)], axis=1), rate)
    return tmp_path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_examples_run(document: str, folder: Path, running: Platform) -> None:
    script = re.sub(r"(localhost|127\.0\.0\.1):8080", running.gateway, examples(document))
    environment = {
        **os.environ,
        "PATH": f"{folder / 'programs'}:{folder / '.venv/bin'}:{os.environ['PATH']}",
        "CURL_HOME": str(folder),
        "VOICEBOX_SERVER": running.gateway,
    }
    done = subprocess.run(
        ["sh", "-eux"], input=script, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, f"{done.stderr[-3000:]}\n{done.stdout[-2000:]}"
    assert "+ " in done.stderr, "there is no example"


def test_the_readme_speaks_a_file_that_players_take(folder: Path, running: Platform) -> None:
    first = examples("README.md").splitlines()[0].replace("localhost:8080", running.gateway)
    subprocess.run(["sh", "-eu", "-c", first], cwd=folder, env={**os.environ, "CURL_HOME": str(folder)}, check=True, timeout=SECONDS)
    with wave.open(str(folder / "hello.wav")) as spoken:
        assert spoken.getframerate() >= 16_000
