"""The description of the HTTP face, for programs and for people."""

from functools import cache
from importlib.metadata import version
from importlib.resources import files

# Before the descriptor set is read: options of these files are unknown fields without it.
from google.api import annotations_pb2  # noqa: F401
from google.protobuf import descriptor_pb2
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from . import openapi, page
from .schemas import Json


async def openapi_json(_request: Request) -> Response:
    """GET /openapi.json."""
    return _json()


async def plain(_request: Request) -> Response:
    """GET /docs/plain."""
    return _html()


# Made for the first request: it takes 0.1 s, which a start should not.
@cache
def _json() -> Response:
    return JSONResponse(_document())


@cache
def _html() -> Response:
    return HTMLResponse(
        page.render(_document()), headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
    )


def _document() -> Json:
    descriptors = descriptor_pb2.FileDescriptorSet.FromString((files("voicebox") / "descriptors.binpb").read_bytes())
    return openapi.document(descriptors, version("voicebox-gateway"))
