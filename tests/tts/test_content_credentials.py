"""C2PA manifests in whole files, signed by a certificate that the test makes, and read by the library's own reader."""

import datetime
import io
import json
from collections.abc import Callable

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from voicebox.compat.google import texttospeech_v1_pb2 as google
from voicebox.compat.google import texttospeech_v1_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_audio.encoding.marks import DIGITAL_SOURCE_TYPE
from voicebox_kit.errors import StartError
from voicebox_tts.app import open_service
from voicebox_tts.content_credentials import ContentCredentials

from tests.support.aio import aio_stub

PEM = serialization.Encoding.PEM
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def certificate(key: Key, issuer: tuple[x509.Certificate, Key] | None = None) -> x509.Certificate:
    """A root, or a certificate that an issuer gives to a signer."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer" if issuer else "root")])
    now, is_root = datetime.datetime.now(datetime.UTC), issuer is None
    signing = issuer[1] if issuer else key
    usage = x509.KeyUsage(not is_root, False, False, False, False, is_root, is_root, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer[0].subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(is_root, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    if issuer:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(signing, None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256())


KEYS: dict[str, Callable[[], Key]] = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.fixture(params=KEYS)
def pem(request, tmp_path):
    """A certificate with its chain, and its key, as files."""
    make = KEYS[request.param]
    root_key, key = make(), make()
    root = certificate(root_key)
    chain = certificate(key, (root, root_key)).public_bytes(PEM) + root.public_bytes(PEM)
    private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(private)
    return tmp_path / "chain.pem", tmp_path / "key.pem"


def manifest_of(file: bytes, media_type: str) -> dict:
    read = json.loads(c2pa.Reader(media_type, io.BytesIO(file)).json())
    assert read["validation_state"] == "Valid"
    return read["manifests"][read["active_manifest"]]


def says_that_it_is_synthetic(manifest: dict) -> bool:
    actions = [each for each in manifest["assertions"] if each["label"] == "c2pa.actions.v2"]
    return actions[0]["data"]["actions"] == [{"action": "c2pa.created", "digitalSourceType": DIGITAL_SOURCE_TYPE}]


async def test_whole_files_are_signed(start, catalog, pem):
    running = await start(
        open_service, CATALOG_ADDRESS=catalog.address, TTS_C2PA_CERTIFICATE=str(pem[0]), TTS_C2PA_KEY=str(pem[1])
    )
    tts = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, running.channel)
    for encoding, media_type in (
        (tts_pb2.AUDIO_ENCODING_WAV, "audio/wav"),
        (tts_pb2.AUDIO_ENCODING_MP3, "audio/mpeg"),
    ):
        config = tts_pb2.SynthesisConfig(audio=tts_pb2.AudioSpec(encoding=encoding))
        made = await tts.Synthesize(tts_pb2.SynthesizeRequest(text="Hello.", config=config))
        assert says_that_it_is_synthetic(manifest_of(made.audio, media_type))
        at = 400 if media_type == "audio/wav" else len(made.audio) - 100  # where audio is
        changed = made.audio[:at] + bytes(each ^ 1 for each in made.audio[at : at + 20]) + made.audio[at + 20 :]
        assert json.loads(c2pa.Reader(media_type, io.BytesIO(changed)).json())["validation_state"] == "Invalid"
    stub = aio_stub(texttospeech_v1_pb2_grpc.TextToSpeechStub, running.channel)
    for google_encoding, media_type in ((google.M4A, "audio/mp4"), (google.MULAW, "audio/wav")):
        request = google.SynthesizeSpeechRequest(
            input=google.SynthesisInput(text="Hello."),
            voice=google.VoiceSelectionParams(language_code="en-US"),
            audio_config=google.AudioConfig(audio_encoding=google_encoding),
        )
        spoken = (await stub.SynthesizeSpeech(request)).audio_content
        assert says_that_it_is_synthetic(manifest_of(spoken, media_type))


def test_other_media_types_stay_as_they_are(pem):
    assert ContentCredentials(*pem).signed(b"fLaC", "audio/flac", "m") == b"fLaC"


def test_what_is_no_certificate_stops_the_start(tmp_path, pem):
    other = tmp_path / "other.pem"
    with pytest.raises(StartError, match="cannot be used"):
        ContentCredentials(other, pem[1])
    other.write_bytes(b"not PEM")
    for pair in ((other, pem[1]), (pem[0], other)):
        with pytest.raises(StartError, match="cannot be used"):
            ContentCredentials(*pair)


async def test_a_certificate_without_a_key_stops_the_start(start):
    with pytest.raises(StartError, match="go together"):
        await start(open_service, TTS_C2PA_CERTIFICATE="chain.pem")
