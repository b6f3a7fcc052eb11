"""A voice prompt as the bytes of a file: safetensors, which names what it was made of and carries a checksum of all
that it holds.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save
from voicebox_models.engine import Model

from voicebox_tts.engine import Packed, Reference

FORMAT = "voicebox-prompt-1"
MAX_BYTES = 256 * 1024 * 1024
"""No file that is larger is read: a prompt of pocket for 60 s, the largest that there is, takes 36 MB."""


def content_key(model: Model, reference: Reference) -> str:
    """SHA-256, in hex, of all that a prompt depends on. Whether an engine follows it in context is in the transcript:
    empty or not.
    """
    fields = [FORMAT, model.name, model.revision, reference.transcript, reference.sample_rate_hz]
    digest = hashlib.sha256(json.dumps(fields).encode() + b"\0")
    digest.update(reference.samples.astype(np.float32, copy=False).tobytes())
    return digest.hexdigest()


def file_name(key: str) -> str:
    """`{2 digits}/{key}.safetensors`: no folder grows beyond a 256th of all."""
    return f"{key[:2]}/{key}.safetensors"


def to_bytes(key: str, packed: Packed) -> bytes:
    """The file's content."""
    arrays = {name: np.asarray(array, order="C") for name, array in packed.arrays.items()}
    facts = json.dumps(dict(packed.facts), sort_keys=True)
    return save(arrays, {"format": FORMAT, "key": key, "facts": facts, "sha256": _checksum(key, facts, arrays)})


def from_bytes(key: str, data: bytes) -> Packed:
    """The packed prompt of this key; ValueError for any other bytes."""
    try:
        arrays = load(data)
        (header_bytes,) = struct.unpack_from("<Q", data)
        metadata = json.loads(data[8 : 8 + header_bytes])["__metadata__"]
        facts, checksum = metadata["facts"], metadata["sha256"]
    except (SafetensorError, struct.error, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it is not a voice prompt: {error}") from error
    if checksum != _checksum(key, facts, arrays):
        raise ValueError("its checksum is wrong, or it is another voice's")
    return Packed(arrays, json.loads(facts))


def _checksum(key: str, facts: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    names = sorted(arrays)
    fields = [key, facts, [(name, arrays[name].dtype.str, arrays[name].shape) for name in names]]
    digest = hashlib.sha256(json.dumps(fields).encode())
    for name in names:
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
