"""The command as people run it: a process of its own."""

import os
import signal
import subprocess
import sys

import pytest

VOICEBOX = (sys.executable, "-c", "from voicebox_client.command import main; main()")


@pytest.fixture
def start(platform, tmp_path):
    """Starts the command against the fakes, in an empty folder."""
    started = []

    def start(*words, **options):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        process = subprocess.Popen([*VOICEBOX, "--server", platform.address, *words], cwd=tmp_path, **pipes)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_say_writes_a_file(start, tmp_path):
    out, err = start("say", "Hello").communicate(timeout=30)
    assert out.startswith(b"Wrote speech.wav")
    assert err == b"Warning: It was a fake.\n"
    assert (tmp_path / "speech.wav").stat().st_size == 44 + 6400


def test_say_streams_to_a_pipe_before_it_is_finished(start, platform):
    platform.silent_speech = True
    process = start("say", "Hello", "-o", "-", "--format", "pcm", bufsize=0)
    heard = b""
    while len(heard) < len(platform.spoken):
        heard += process.stdout.read(65536)
    assert heard == platform.spoken
    assert process.poll() is None


def test_ctrl_c_is_quiet_leaves_nothing_and_cancels(start, platform, tmp_path):
    platform.silent_speech = True
    process = start("say", "Hello", "-o", "-", "--format", "pcm", bufsize=0)
    process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"")
    assert platform.cancelled.wait(10)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_nothing_is_written(start, platform):
    process = start("say", "--live", "-o", "-", stdin=subprocess.PIPE, bufsize=0)
    process.stdin.write(b"Hello. ")
    while not platform.requested["ConverseSynthesize"]:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert process.stderr.read() == b""


def test_ctrl_c_while_a_pipe_is_silent(start, platform):
    process = start("transcribe", "--live", "-", stdin=subprocess.PIPE, bufsize=0)
    process.stdin.write(bytes(32_000))
    process.stdin.flush()
    while not platform.requested["StreamingRecognize"]:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert process.stderr.read() == b""


def test_a_reader_that_leaves_is_no_error(start):
    read, write = os.pipe()
    os.close(read)
    process = start("say", "Hello", "-o", "-", stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=30)
    assert b"Traceback" not in err
    assert b"Error" not in err


def test_live_samples_come_from_a_pipe(start, platform):
    out, err = start("transcribe", "--live", "-", stdin=subprocess.PIPE).communicate(bytes(10_000), timeout=30)
    assert (out.splitlines()[0], err) == (b"hello world", b"")
    assert platform.uploaded == bytes(10_000)


def test_a_player_is_stopped_when_speech_fails(start, platform, tmp_path):
    platform.silent_speech = True
    script = tmp_path / "aplay"
    script.write_text("#!/bin/sh\necho $$ > pid\nexec /bin/cat > heard\n")
    script.chmod(0o755)
    process = start("--timeout", "2", "say", "Hello", "--play", env=os.environ | {"PATH": str(tmp_path)})
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.startswith(b"Error: ")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def imported_by(*words):
    """The modules that a run of the command imports."""
    run = [sys.executable, "-X", "importtime", *VOICEBOX[1:], *words]
    lines = subprocess.run(run, capture_output=True, text=True, check=False).stderr.splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


def test_help_imports_neither_grpc_nor_protobuf():
    imported = imported_by("--help")
    assert "click" in imported
    assert not imported & {"grpc", "google.protobuf", "asyncio", "voicebox_kit", "urllib.request"}


def test_a_verb_imports_no_server():
    imported = imported_by("--server", "127.0.0.1:1", "--timeout", "1", "voices")
    assert "grpc" in imported
    assert not {
        name for name in imported if name.startswith(("voicebox_kit", "voicebox_tts", "voicebox_audio", "numpy"))
    }


def test_the_package_offers_its_names_lazily():
    code = (
        "import voicebox_client, sys; assert 'grpc' not in sys.modules; voicebox_client.Client; assert 'grpc' in "
        "sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
