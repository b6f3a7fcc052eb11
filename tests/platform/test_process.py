"""The process that `make run` starts: what it prints, how it ends, and what it says when it cannot start."""

import os
import signal
import subprocess

import pytest

from bench.launch import VOICEBOX, PlatformFailed, free_ports, platform
from tests.support.history import recorded


def test_it_prints_a_line_for_each_port_and_what_to_try(tmp_path):
    ports = free_ports(8)
    names = ("GATEWAY", "TTS", "ASR", "CATALOG", "TTS_METRICS", "ASR_METRICS", "CATALOG_METRICS", "GATEWAY_ADMIN")
    addresses = {f"{name}_ADDRESS": f"127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)}
    environment = {**os.environ, **addresses, "VOICEBOX_DATA": str(tmp_path)}
    command = [VOICEBOX, "serve", "catalog", "tts", "asr", "gateway"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        lines = [process.stdout.readline()]
        while lines[-1] and not lines[-1].startswith("Try:"):
            lines.append(process.stdout.readline())
        hints = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        rest, log = process.communicate()
    printed = "".join(lines)
    assert all(addresses[f"{name}_ADDRESS"] in printed for name in names[:-1])
    assert f"http://{addresses['GATEWAY_ADDRESS']}/docs" in hints[0]
    assert f"voicebox --server {addresses['GATEWAY_ADDRESS']} say --play" in hints[1]
    assert all("curl" in hint for hint in hints[2:])
    assert "alembic" not in log
    assert rest == ""
    assert process.returncode == 0
    assert "Traceback" not in log


def test_a_second_platform_on_the_same_ports_says_so(running, tmp_path):
    sentence = r"voicebox: Another program listens on .*: stop it, or set CATALOG_ADDRESS to another address\."
    with pytest.raises(PlatformFailed, match=sentence), platform(tmp_path, CATALOG_ADDRESS=running.catalog):
        pass


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"TTS_ENGINE": "nobody"}, "voicebox: There is no engine 'nobody'"),
        (
            {"TTS_ENGINE": "flite", "TTS_DEVICE": "cuda:7"},
            "voicebox: flite runs on cpu, there is no device 'cuda:7' for it.",
        ),
        (
            {"ASR_ENGINE": "pocketsphinx", "ASR_DEVICE": "cuda:7"},
            "voicebox: pocketsphinx runs on cpu, there is no device 'cuda:7' for it.",
        ),
        ({"TTS_STREAMS": "many"}, "voicebox: TTS_STREAMS must be a whole number"),
        ({"TTS_ADDRESS": "here"}, "voicebox: TTS_ADDRESS must be host:port"),
    ],
)
def test_a_wrong_variable_is_one_sentence(tmp_path, variables, sentence):
    with pytest.raises(PlatformFailed) as failed, platform(tmp_path, **variables):
        pass
    assert sentence in str(failed.value)
    assert "Traceback" not in str(failed.value)


def test_each_service_can_have_a_process_of_its_own(tmp_path):
    with (
        platform(tmp_path, ("catalog",)) as catalog,
        platform(tmp_path, ("tts",), CATALOG_ADDRESS=catalog.catalog) as tts,
    ):
        from voicebox_client import Client

        with Client(tts.tts) as speech, Client(catalog.catalog) as history:
            finished = speech.say("Hello from two processes.").save(tmp_path / "x.wav")
            assert [generation.name for generation in recorded(history.list_generations)] == [finished.generation]
            assert history.get_generation(finished.generation).text == "Hello from two processes."


def test_speech_that_the_catalog_missed_is_delivered_when_it_comes_back(tmp_path):
    from voicebox_client import Client

    with platform(tmp_path, ("catalog",)) as catalog:
        address = catalog.catalog
    with platform(tmp_path, ("tts",), CATALOG_ADDRESS=address) as tts, Client(tts.tts) as client:
        finished = client.say("Nobody writes this down yet.").save(tmp_path / "x.wav")
        assert "later" in finished.warnings[0]
        with platform(tmp_path, ("catalog",), CATALOG_ADDRESS=address), Client(address) as history:
            assert [generation.name for generation in recorded(history.list_generations)] == [finished.generation]
