"""What authentication adds to a call and to first audio, through the gateway: the same platform with it and without,
in turns. flite.
"""

from pathlib import Path

import grpc
import httpx
from voicebox_accounts.command import create_key
from voicebox_client.keyed import with_key

from bench.figures import Figure
from bench.gateway import added, interleaved, list_voices, quantiles
from bench.launch import platform
from bench.openai import NATIVE, by_grpc, by_http

OFF, ON = "without authentication", "with authentication"
SMALL = {"VOICEBOX_EMBEDDED": "small"}
SCOPES = ("speak", "read")


def measure(folder: Path) -> list[Figure]:
    """Two platforms, one of which is always idle."""
    guarded = folder / "guarded"
    with platform(folder / "open", **SMALL) as off, platform(guarded, VOICEBOX_AUTH="keys", **SMALL) as on:
        key = create_key({"VOICEBOX_DATA": str(guarded)}, "ann", SCOPES, "", None)
        with (
            grpc.insecure_channel(off.gateway) as plain,
            grpc.insecure_channel(on.gateway) as channel,
            httpx.Client(base_url=f"http://{off.gateway}") as http,
            httpx.Client(base_url=f"http://{on.gateway}", headers={"x-api-key": key}) as keyed_http,
        ):
            keyed = with_key(channel, key)
            calls = interleaved({OFF: lambda: list_voices(plain), ON: lambda: list_voices(keyed)})
            audio = interleaved({OFF: lambda: by_grpc(plain), ON: lambda: by_grpc(keyed)})
            over_http = interleaved(
                {
                    OFF: lambda: by_http(http, "/v1/speech:play", NATIVE),
                    ON: lambda: by_http(keyed_http, "/v1/speech:play", NATIVE),
                }
            )
    return [
        *quantiles("first audio by gRPC", audio),
        added("ListVoices", calls, ON, OFF, 1),
        added("first audio by gRPC", audio, ON, OFF, 1),
        added("first audio by HTTP", over_http, ON, OFF, 1),
    ]
