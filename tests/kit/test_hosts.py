"""By which names a server may be called."""

import re

import httpx
import pytest
from prometheus_client import CollectorRegistry
from voicebox_kit import hosts
from voicebox_kit.errors import StartError
from voicebox_kit.metrics import metrics_server

OWN = """
localhost localhost:8080 LOCALHOST localhost. voice.localhost:1 127.0.0.1 127.0.0.1:8080 [::1]:80 192.168.1.7:8080
10.0.0.1 [fe80::1%25eth0]:8080
""".split()
FOREIGN = """
evil.example evil.example:8080 localhost.evil.example 127.0.0.1.evil.example evil-localhost notlocalhost
localhost:8080:9 localhost:port 127.0.0.1.nip.io 1.2.3 speech.example a@localhost
""".split()


@pytest.mark.parametrize("host", OWN)
def test_addresses_and_localhost_are_own(host: str) -> None:
    assert re.fullmatch(hosts.pattern(()), host)


@pytest.mark.parametrize("host", [*FOREIGN, "", " localhost"])
def test_every_other_name_is_foreign(host: str) -> None:
    assert not re.fullmatch(hosts.pattern(()), host)


def test_the_variable_adds_names() -> None:
    pattern = hosts.pattern(hosts.allowed({"GATEWAY_HOSTS": "Speech.example, *.team.example"}))
    for host in ("speech.example", "SPEECH.EXAMPLE:443", "a.team.example", "a.b.team.example:1", "localhost"):
        assert re.fullmatch(pattern, host)
    for host in ("team.example", "speech.example.evil", "speechxexample", "evil.example"):
        assert not re.fullmatch(pattern, host)
    assert re.fullmatch(hosts.pattern(hosts.allowed({"GATEWAY_HOSTS": "*"})), "any.example")


@pytest.mark.parametrize("names", ["https://a.example", "a.example:80", "a b", "*.", "a*b", "[::1]"])
def test_what_is_no_name_is_refused(names: str) -> None:
    with pytest.raises(StartError, match="GATEWAY_HOSTS must be names without a port"):
        hosts.allowed({"GATEWAY_HOSTS": names})


@pytest.mark.parametrize(("host", "status"), [("localhost:1", 200), ("10.1.2.3:9091", 200), ("evil.example", 403)])
def test_metrics_on_loopback_are_for_this_machine(host: str, status: int) -> None:
    with metrics_server("127.0.0.1:0", "TTS_METRICS_ADDRESS", CollectorRegistry()) as address:
        assert httpx.get(f"http://{address}/metrics", headers={"host": host}, timeout=20).status_code == status
