"""TLS: one certificate and key by two variables, for HTTP and gRPC on the one port."""

import ssl
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_kit.errors import StartError
from voicebox_kit.tls import Tls, TlsSettings

from tests.support.certificates import issue


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def variables(authority, tmp_path):
    """GATEWAY_TLS_CERTIFICATE and GATEWAY_TLS_KEY, for 127.0.0.1."""
    issued = authority.issue_cert("127.0.0.1", "localhost")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return {"GATEWAY_TLS_CERTIFICATE": str(certificate), "GATEWAY_TLS_KEY": str(key)}


async def test_http_and_grpc_over_tls(open_gateway, variables, authority):
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    async with open_gateway(**variables) as serving:
        address = serving.endpoints[0].address
        async with httpx.AsyncClient(base_url=f"https://{address}", verify=trust) as http:
            assert (await http.get("/healthz")).status_code == 200
            assert (await http.get("/v1/voices")).json()["voices"][0]["name"] == "flite/slt"
        async with grpc.aio.secure_channel(address, credentials) as channel:
            voices = await tts_pb2_grpc.TextToSpeechServiceStub(channel).ListVoices(
                tts_pb2.ListVoicesRequest(), timeout=10
            )
            assert voices.voices[0].name == "flite/slt"


async def test_no_plain_answer_where_tls_is_requested(open_gateway, variables):
    async with open_gateway(**variables) as serving, httpx.AsyncClient() as http:
        with pytest.raises(httpx.TransportError):
            await http.get(f"http://{serving.endpoints[0].address}/healthz")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
async def test_an_old_protocol_is_refused(open_gateway, variables, authority):
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    trust.minimum_version = ssl.TLSVersion.TLSv1
    trust.maximum_version = ssl.TLSVersion.TLSv1_1
    trust.set_ciphers("ALL:@SECLEVEL=0")
    async with open_gateway(**variables) as serving, httpx.AsyncClient(verify=trust) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(f"https://{serving.endpoints[0].address}/healthz")


@pytest.mark.parametrize("missing", ["GATEWAY_TLS_CERTIFICATE", "GATEWAY_TLS_KEY"])
async def test_one_without_the_other_does_not_start(open_gateway, variables, missing):
    with pytest.raises(StartError, match="both be set"):
        async with open_gateway(**{**variables, missing: ""}):
            pass


@pytest.mark.parametrize("variable", ["GATEWAY_TLS_CERTIFICATE", "GATEWAY_TLS_KEY"])
async def test_a_file_that_is_not_there_is_named(open_gateway, variables, variable, tmp_path):
    with pytest.raises(StartError, match=variable):
        async with open_gateway(**{**variables, variable: str(tmp_path / "none.pem")}):
            pass


async def test_a_file_that_is_no_certificate_stops_the_start(open_gateway, variables, tmp_path):
    (tmp_path / "tls.crt").write_text("not a certificate")
    with pytest.raises(StartError):
        async with open_gateway(**variables):
            pass


async def test_replaced_files_are_used_by_new_connections(open_gateway, tmp_path):
    folder = issue(trustme.CA(), tmp_path / "tls")
    files = {"GATEWAY_TLS_CERTIFICATE": str(folder / "tls.crt"), "GATEWAY_TLS_KEY": str(folder / "tls.key")}
    async with open_gateway(**files) as serving:
        url = f"https://{serving.endpoints[0].address}/healthz"
        issue(trustme.CA(), folder)
        trust = ssl.create_default_context(cafile=folder / "ca.crt")
        while True:
            async with httpx.AsyncClient(verify=trust) as http:
                with suppress(httpx.ConnectError):
                    assert (await http.get(url)).status_code == 200
                    return


async def test_the_key_of_another_certificate_stops_the_start(open_gateway, variables, authority):
    key = authority.issue_cert("localhost").private_key_pem.bytes()
    Path(variables["GATEWAY_TLS_KEY"]).write_bytes(key)
    with pytest.raises(StartError, match="is not the key of"):
        async with open_gateway(**variables):
            pass


async def test_a_service_is_believed_by_its_certificate_for_the_name(open_gateway, authority, tmp_path):
    """Both sides show their certificates: that of the service must have the host of its address, or the name."""
    folder = issue(authority, tmp_path / "tls", "speech.example")
    async with closed_service(folder) as address:
        of_the_name = {"VOICEBOX_TLS_FOLDER": str(folder), "VOICEBOX_TLS_NAME": "speech.example"}
        assert await health_of_tts(open_gateway, TTS_ADDRESS=address, **of_the_name) == "SERVING"
        of_the_host = {"VOICEBOX_TLS_FOLDER": str(folder)}
        assert await health_of_tts(open_gateway, TTS_ADDRESS=address, **of_the_host) == "UNREACHABLE"
        other = issue(trustme.CA(), tmp_path / "other", "speech.example")
        of_another = {**of_the_name, "VOICEBOX_TLS_FOLDER": str(other)}
        assert await health_of_tts(open_gateway, TTS_ADDRESS=address, **of_another) == "UNREACHABLE"


@asynccontextmanager
async def closed_service(folder):
    """Something that serves health, by TLS."""
    server, health = grpc.aio.server(), HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    port = server.add_secure_port("127.0.0.1:0", Tls(TlsSettings(folder, "", "")).server_credentials())
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


async def health_of_tts(open_gateway, **variables):
    async with open_gateway(**variables) as serving, httpx.AsyncClient() as http:
        answer = await http.get(f"http://{serving.endpoints[0].address}/healthz")
        return answer.json()["services"]["tts"]
