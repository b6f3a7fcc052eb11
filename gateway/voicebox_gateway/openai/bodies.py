"""Bodies of requests."""

import json

from starlette.requests import Request
from voicebox_kit.errors import InvalidField

MAX_BODY_BYTES = 64 * 1024


async def json_body(request: Request) -> object:
    """The JSON of a body, of whole characters; an empty one is an empty object. InvalidField("body")."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise InvalidField("body", f"The body may have {MAX_BODY_BYTES} bytes.", "REQUEST_TOO_LARGE")
    try:
        found: object = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise InvalidField("body", "The body of the request must be a JSON object.", "INVALID_JSON") from None
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):  # "\ud800" is good JSON
        raise InvalidField("body", "The body has an unpaired surrogate, or is nested too deeply.") from None
    return found
