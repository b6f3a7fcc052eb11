"""A program that uses the unmodified `wyoming` client as Home Assistant does: one order of JSON in, the events that
were read out.

Runs in the library's own environment: it knows nothing of voicebox.
"""

import asyncio
import base64
import json
import sys

from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice

SENT = (
    Describe,
    Ping,
    Synthesize,
    SynthesizeStart,
    SynthesizeChunk,
    SynthesizeStop,
    Transcribe,
    AudioStart,
    AudioChunk,
    AudioStop,
)
READ = (
    Info,
    Pong,
    Error,
    AudioStart,
    AudioChunk,
    AudioStop,
    SynthesizeStopped,
    Transcript,
    TranscriptStart,
    TranscriptChunk,
    TranscriptStop,
)


def event(order):
    kind, given = next(each for each in SENT if each.__name__ == order["event"]), dict(order.get("given", {}))
    if "audio" in given:
        given["audio"] = base64.b64decode(given["audio"])
    if "voice" in given:
        given["voice"] = SynthesizeVoice(**given["voice"])
    return kind(**given).event()


async def write(client, orders):
    for order in orders:
        await client.write_event(event(order))


async def read(client, until):
    reported = []
    while (came := await client.read_event()) is not None:
        [kind] = [each for each in READ if each.is_type(came.type)]
        kind.from_event(came)  # every field that the library wants is there
        reported.append(
            {"type": came.type, "data": came.data, "payload": base64.b64encode(came.payload or b"").decode()}
        )
        if came.type in (until, "error"):
            break
    return reported


async def main():
    requested = json.load(sys.stdin)
    async with AsyncTcpClient.from_uri(sys.argv[1]) as client:
        writing = asyncio.create_task(write(client, requested["orders"]))
        print(json.dumps(await read(client, requested["until"])))
        writing.cancel()


asyncio.run(main())
