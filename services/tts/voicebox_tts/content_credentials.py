"""C2PA manifests in whole files: signed statements, which other programs verify, that the speech is synthetic."""

import io
import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from voicebox_audio.encoding.encoder import whole_wav
from voicebox_audio.encoding.marks import DIGITAL_SOURCE_TYPE, SOFTWARE, UNMARKED
from voicebox_kit.errors import StartError

SIGNED_TYPES = ("audio/wav", "audio/mpeg", "audio/mp4")
"""The media types that get a manifest."""
CREATED = {
    "label": "c2pa.actions.v2",
    "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": DIGITAL_SOURCE_TYPE}]},
}
SETTINGS = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": False}}
"""Nothing is fetched from anywhere."""
_SILENCE = whole_wav(bytes(320), 16_000, UNMARKED)


class ContentCredentials:
    """Signs with one certificate. Blocking and thread-safe."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """PEM files: the certificate with those that signed it behind it, without the root, and its private key.
        StartError when they cannot be used, or without c2pa-python.
        """
        if find_spec("c2pa") is None:
            raise StartError("TTS_C2PA_CERTIFICATE needs c2pa-python: install voicebox-tts[c2pa].")
        self._c2pa: Any = import_module("c2pa")
        try:
            self._certificate, self._key = certificate.read_bytes(), key.read_bytes()
            self._algorithm = _algorithm(self._key)
            self.signed(_SILENCE, "audio/wav", "voicebox")
        except (OSError, ValueError, TypeError, self._c2pa.C2paError) as error:
            raise StartError(f"TTS_C2PA_CERTIFICATE and TTS_C2PA_KEY cannot be used: {error}.") from error

    def signed(self, file: bytes, media_type: str, model: str) -> bytes:
        """The file with a manifest, where its media type is one of SIGNED_TYPES, else as it is."""
        if media_type not in SIGNED_TYPES:
            return file
        manifest = {
            "claim_generator_info": [{"name": SOFTWARE, "model": model}],
            "format": media_type,
            "assertions": [CREATED],
        }
        written = io.BytesIO()
        with self._signer() as signer, self._c2pa.Context.from_dict(SETTINGS) as context:
            builder = self._c2pa.Builder(json.dumps(manifest), context)
            builder.sign(signer, media_type, io.BytesIO(file), written)
        return written.getvalue()

    def _signer(self) -> Any:
        info = self._c2pa.C2paSignerInfo(self._algorithm, self._certificate, self._key, None)
        return self._c2pa.Signer.from_info(info)


def _algorithm(key: bytes) -> str:
    """C2PA's name for what a private key signs with."""
    serialization = import_module("cryptography.hazmat.primitives.serialization")
    loaded = serialization.load_pem_private_key(key, None)
    curve = getattr(getattr(loaded, "curve", None), "name", "")
    by_curve = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
    if curve in by_curve:
        return by_curve[curve]
    kind = type(loaded).__name__
    if "Ed25519" in kind:
        return "ed25519"
    if "RSA" in kind:
        return "ps256"
    raise ValueError("the key is of none of the kinds that C2PA knows: EC, Ed25519 or RSA")
