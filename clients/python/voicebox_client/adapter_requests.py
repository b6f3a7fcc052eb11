"""Requests of adapters."""

from collections.abc import Iterator

from google.api import httpbody_pb2
from voicebox.models.v1 import models_pb2

COLLECTION = "adapters"


def import_adapter(adapter_id: str, pieces: Iterator[bytes]) -> Iterator[models_pb2.ImportAdapterRequest]:
    """The messages of an import."""
    yield models_pb2.ImportAdapterRequest(adapter_id=adapter_id)
    for piece in pieces:
        yield models_pb2.ImportAdapterRequest(archive=httpbody_pb2.HttpBody(data=piece))
