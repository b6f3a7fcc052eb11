"""Every example of the documentation runs, as it stands there, against a real platform."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import wave
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from voicebox_client import AsyncClient, Client, VoiceboxClientError

from bench.launch import Platform, jobs_worker

ROOT = Path(__file__).parents[2]
BUF = ROOT / ".tools/buf/node_modules/.bin/buf"
DOCUMENTS = ("README.md", "services/asr/README.md")
LIBRARY_DOCUMENTS = ("README.md", "clients/python/README.md")
SECONDS = 300


def examples(document: str) -> str:
    """The shell examples of a document, one after the other, less what sets the platform up."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)
    return "\n".join(block for block in blocks if not re.search(r"^(make|kubectl|docker) ", block, re.MULTILINE))


@pytest.fixture
def folder(tmp_path: Path, speech_data, running: Platform) -> Path:
    """Where the examples run: recordings, our command under `.venv/bin`, a grpcurl, and a curl that fails on HTTP
    errors.
    """
    with Client(running.gateway) as client, suppress(VoiceboxClientError):  # of the document before
        client.delete_profile("ann", permanently=True)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/bin").symlink_to(Path(sys.executable).parent)
    programs = tmp_path / "programs"
    programs.mkdir()
    grpcurl = programs / "grpcurl"
    grpcurl.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("grpcurl.py")} {BUF} "$@"\n')
    grpcurl.chmod(0o755)
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    speech, rate = soundfile.read(speech_data.path("LJ001-0002.wav"), dtype="float32")
    (tmp_path / "demo").mkdir()
    for name in ("ann.wav", "demo/ann.wav"):
        shutil.copy(ROOT / "demo/ann.wav", tmp_path / name)
    soundfile.write(tmp_path / "talk.mp4", speech, rate, format="WAV")  # what a file is, its bytes say
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
    with jobs_worker(running):
        done = subprocess.run(
            ["sh", "-eux"],
            input=script,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert done.returncode == 0, f"{done.stderr[-3000:]}\n{done.stdout[-2000:]}"
    assert "+ " in done.stderr, "there is no example"


def test_the_readme_speaks_a_file_that_players_take(folder: Path, running: Platform) -> None:
    first = examples("README.md").splitlines()[0].replace("localhost:8080", running.gateway)
    subprocess.run(
        ["sh", "-eu", "-c", first],
        cwd=folder,
        env={**os.environ, "CURL_HOME": str(folder)},
        check=True,
        timeout=SECONDS,
    )
    with wave.open(str(folder / "hello.wav")) as spoken:
        assert spoken.getframerate() >= 16_000


def python_examples(document: str) -> list[str]:
    """The Python blocks of a document; in tests/openai are those of other people's packages."""
    blocks: list[str] = re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "openai." not in block]


class Microphone:
    """Blocks of samples, by whatever name an example takes them: `microphone_blocks` and `microphone_blocks()`."""

    def __init__(self, samples: bytes) -> None:
        self._samples = samples

    def __iter__(self) -> Iterator[bytes]:
        return (self._samples[at : at + 3200] for at in range(0, len(self._samples), 3200))

    def __call__(self) -> Iterator[bytes]:
        return iter(self)


@pytest.mark.parametrize("document", LIBRARY_DOCUMENTS)
def test_the_python_examples_run(
    document: str, folder: Path, running: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    played: list[bytes] = []
    with Client(running.gateway) as client:
        client.say("Hello there.").save("hello.wav")
        microphone = Microphone(client.say("Please open the window.", encoding="pcm", sample_rate_hz=16000).read())
        names = {"play": played.append, "microphone_blocks": microphone, "client": client, "AsyncClient": AsyncClient}
        for block in python_examples(document):
            code = re.sub(r"Client\((\"127.0.0.1:8080\")?\)", f"Client({running.gateway!r})", block).replace(
                "whisper/small", "whisper/tiny"
            )
            work = eval(compile(code, document, "exec", PyCF_ALLOW_TOP_LEVEL_AWAIT), {**names})
            if work is not None:
                asyncio.run(work)
    assert any(played)
    assert "window" in capsys.readouterr().out
