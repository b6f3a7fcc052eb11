"""The page that shows the OpenAPI document: Scalar's API reference, served from here, without a request to anywhere
else.

It has an index, a search, examples and a way to try each operation; `page.py` is the same for who has no script.
https://github.com/scalar/scalar/tree/main/packages/api-reference
"""

import gzip
import json
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

BUNDLE = "scalar-1.46.4.js"
SCRIPT_TYPE = "text/javascript; charset=utf-8"
FOREVER = "public, max-age=31536000, immutable"
"""The bundle's name holds its version."""

POLICY = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "media-src 'self' data: blob:", "connect-src 'self'", "base-uri 'none'", "form-action 'none'",
    "frame-ancestors 'none'",
))  # fmt: skip
"""What the page may load and ask: this server. The bundle contains addresses of its makers; a browser calls none of
them.
"""

HEADERS = {"content-security-policy": POLICY, "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}

SETTINGS = {
    "url": "/openapi.json",
    "withDefaultFonts": False,
    "telemetry": False,
    "hideClientButton": True,
    "showDeveloperTools": "never",
    "agent": {"disabled": True},
    "mcp": {"disabled": True},
    "defaultHttpClient": {"targetKey": "shell", "clientKey": "curl"},
}
START = f"Scalar.createApiReference('#app', {json.dumps(SETTINGS)});\n"

PAGE = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>voicebox</title></head>
<body>
<div id="app"><p>Without scripts: <a href="/docs/plain">the plain page</a>,
<a href="/openapi.json">openapi.json</a>.</p></div>
<script src="/docs/{BUNDLE}"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""


async def docs(_request: Request) -> Response:
    """GET /docs."""
    return HTMLResponse(PAGE, headers=HEADERS)


async def start(_request: Request) -> Response:
    """GET /docs/start.js: inline it would need a weaker policy."""
    return Response(START, media_type=SCRIPT_TYPE, headers=HEADERS)


async def bundle(request: Request) -> Response:
    """GET /docs/scalar-....js, compressed for who takes that."""
    headers = {**HEADERS, "cache-control": FOREVER, "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(_compressed(), media_type=SCRIPT_TYPE, headers={**headers, "content-encoding": "gzip"})
    return Response(gzip.decompress(_compressed()), media_type=SCRIPT_TYPE, headers=headers)


@cache
def _compressed() -> bytes:
    return (files(__package__) / "static" / f"{BUNDLE}.gz").read_bytes()
