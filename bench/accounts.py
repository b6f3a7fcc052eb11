"""What authentication adds to a call and to first audio, through the gateway: the same platform with it and without,
in turns; and whether the time of an answer says that something of another owner exists. flite.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import grpc
import httpx
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_accounts.command import create_key
from voicebox_client.keyed import with_key

from bench.figures import Figure, quantile
from bench.gateway import added, interleaved, list_voices, quantiles
from bench.launch import platform
from bench.openai import NATIVE, by_grpc, by_http

OFF, ON = "without authentication", "with authentication"
SMALL = {"VOICEBOX_EMBEDDED": "small"}
SCOPES = ("speak", "read", "manage")
LOOKS = 1000
"""How often each thing is asked for, in turns with one that nobody has."""


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
            others = create_key({"VOICEBOX_DATA": str(guarded)}, "bob", SCOPES, "", None)
            seen = [*looks(keyed, with_key(channel, others))]
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
        *seen,
    ]


def looks(ann: grpc.Channel, bob: grpc.Channel) -> Iterator[Figure]:
    """How long Bob's NOT_FOUND takes for Ann's over how long it takes for what nobody has; an order of its own for each
    pair, since the later call of two has the warmer caches.
    """
    catalog, tts = catalog_pb2_grpc.CatalogServiceStub(ann), tts_pb2_grpc.TextToSpeechServiceStub(ann)
    profile = catalog.CreateProfile(
        catalog_pb2.CreateProfileRequest(profile=catalog_pb2.Profile(display_name="Ann"), profile_id="ann-0000")
    )
    generation = tts.Synthesize(tts_pb2.SynthesizeRequest(text="Hello.")).finished.generation
    stub = catalog_pb2_grpc.CatalogServiceStub(bob)
    asked: dict[str, tuple[Callable[[str], object], str, str]] = {
        "GetProfile": (lambda name: stub.GetProfile(catalog_pb2.GetProfileRequest(name=name)), profile.name,
                       "profiles/ann-0001"),
        "GetGeneration": (lambda name: stub.GetGeneration(catalog_pb2.GetGenerationRequest(name=name)), generation,
                          f"generations/{uuid.uuid4()}"),
        "ListSamples": (lambda name: stub.ListSamples(catalog_pb2.ListSamplesRequest(parent=name)), profile.name,
                        "profiles/ann-0001"),
    }  # fmt: skip
    for method, (ask, theirs, nobodys) in asked.items():
        times: dict[str, list[float]] = {theirs: [], nobodys: []}
        for run in range(2 * LOOKS):
            name = (theirs, nobodys)[(run + run // 2) % 2]
            times[name].append(refused_seconds(partial(ask, name)))
        ratio = quantile(times[theirs], 0.5) / quantile(times[nobodys], 0.5)
        yield Figure(f"{method} p50, another owner's over nobody's", ratio, "x", 1.05)


def refused_seconds(ask: Callable[[], object]) -> float:
    """Until a call ends in NOT_FOUND."""
    began = time.perf_counter()
    try:
        ask()
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return time.perf_counter() - began
    raise AssertionError("what is another's was answered")
