"""Google's unmodified SDKs, and a real platform with TLS for them to talk to: only `api_endpoint` is changed."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from bench.launch import Platform, platform
from tests.support.hearing import TEXT
from tests.support.sdk import sdk_environment

SDKS = ("google-cloud-texttospeech==2.38.0", "google-cloud-speech==2.41.0")
RECOGNIZER = "projects/any/locations/global/recognizers/_"
LINEAR16 = {"encoding": "LINEAR16", "sample_rate_hertz": 16_000, "language_code": "en-US"}
EXPLICIT = {"explicit_decoding_config": {"encoding": "LINEAR16", "sample_rate_hertz": 16_000, "audio_channel_count": 1}}
ENGLISH = {"auto_decoding_config": {}, "language_codes": ["en-US"]}


@dataclass(frozen=True)
class Secured:
    """A platform with TLS, and the certificate of the authority that vouches for it."""

    platform: Platform
    authority: Path


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("google")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    files = {name: folder / name for name in ("authority.pem", "tls.crt", "tls.key")}
    files["authority.pem"].write_bytes(authority.cert_pem.bytes())
    files["tls.crt"].write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    files["tls.key"].write_bytes(issued.private_key_pem.bytes())
    variables = {"GATEWAY_TLS_CERTIFICATE": str(files["tls.crt"]), "GATEWAY_TLS_KEY": str(files["tls.key"])}
    with platform(folder / "data", **variables) as running:
        yield Secured(running, files["authority.pem"])


class SdkError(Exception):
    """What the SDK raised: its class, its message, and the field and reason that its details name."""

    def __init__(self, reported: dict[str, str]) -> None:
        super().__init__(reported)
        self.reported = reported


@dataclass(frozen=True)
class Sdk:
    """The SDKs in their process. What is given goes to the program's method as it is."""

    process: subprocess.Popen[str]

    def call(self, method: str, /, **given: Any) -> Any:
        """What the method answers, as plain data; bytes are base64."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"method": method, "given": given}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise SdkError(answer["error"])
        return answer["answer"]

    def speech(self, text: str = TEXT, voice: dict[str, Any] | None = None, **audio_config: Any) -> bytes:
        request = {"input": {"text": text}, "voice": voice or {"language_code": "en-US"}, "audio_config": audio_config}
        return base64.b64decode(self.call("synthesize", request=request).get("audio_content", ""))

    def refused(self, method: str, /, **given: Any) -> dict[str, str]:
        """The error that the method must end with."""
        with pytest.raises(SdkError) as refused:
            self.call(method, **given)
        return refused.value.reported


@pytest.fixture(scope="session")
def sdk(secured: Secured) -> Iterator[Sdk]:
    python = sdk_environment("google", *SDKS)
    with _program(python, secured, "grpc") as running:
        yield running


@pytest.fixture(scope="session")
def rest(secured: Secured) -> Iterator[Sdk]:
    """The same with `transport="rest"`."""
    python = sdk_environment("google", *SDKS)
    with _program(python, secured, "rest") as running:
        yield running


@contextmanager
def _program(python: Path, secured: Secured, transport: str) -> Iterator[Sdk]:
    command = [python, Path(__file__).with_name("sdk_program.py"), secured.platform.gateway, transport]
    trust = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(secured.authority), "REQUESTS_CA_BUNDLE": str(secured.authority)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **trust}
    ) as process:
        yield Sdk(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="session")
def speech_wav(sdk: Sdk) -> bytes:
    """TEXT, spoken: a WAV file at 16 kHz."""
    return sdk.speech(audio_encoding="LINEAR16", sample_rate_hertz=16_000)


@pytest.fixture(scope="session")
def samples(sdk: Sdk) -> bytes:
    """The same without a header."""
    return sdk.speech(audio_encoding="PCM", sample_rate_hertz=16_000)


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def in_chunks(data: bytes, size: int = 3200) -> list[str]:
    """Pieces of 0.1 s at 16 kHz."""
    return [in_base64(data[start : start + size]) for start in range(0, len(data), size)]


def text_of(results: list[dict[str, Any]]) -> str:
    """The transcripts, joined as Google's documentation says: without a separator."""
    return "".join(result["alternatives"][0].get("transcript", "") for result in results)


def finals(responses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [result for response in responses for result in response.get("results", ()) if result.get("is_final")]
