"""Clients that others wrote, unmodified: grpc-requests, connect-web, grpc-web."""

import asyncio
import json
import subprocess
from importlib.resources import files
from pathlib import Path

from tests.support.npm import npm_folder, run_node
from tests.support.sdk import sdk_environment

GRPC_REQUESTS = "grpc-requests==0.1.21"
PACKAGES = (
    "@connectrpc/connect@2.3.0",
    "@connectrpc/connect-web@2.3.0",
    "@bufbuild/protobuf@2.17.0",
    "grpc-web@2.1.1",
    "xhr2@0.2.1",
)
DESCRIPTORS = str(files("voicebox") / "descriptors.binpb")


async def test_grpc_requests_finds_everything_by_reflection(gateway):
    python = await asyncio.to_thread(sdk_environment, "grpc-requests", GRPC_REQUESTS)
    program = Path(__file__).with_name("reflecting_program.py")
    command = [python, program, gateway.address]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reported = json.loads(done.stdout.strip().splitlines()[-1])
    assert {"voicebox.tts.v1.TextToSpeechService", "voicebox.asr.v1.SpeechToTextService"} <= set(reported["services"])
    assert reported["voices"]["voices"][0]["name"] == "flite/slt"
    assert reported["events"] == [["chunk"], ["chunk"], ["finished"]]
    assert reported["heard"]["transcript"] == "3 bytes"


async def test_connect_web_and_grpc_web_call_and_stream(gateway):
    home = await asyncio.to_thread(npm_folder, "grpc-web", *PACKAGES)
    program = Path(__file__).with_name("web_clients.mjs")
    reported = await asyncio.to_thread(run_node, home, program, f"http://{gateway.address}", DESCRIPTORS)
    assert reported["connectVoices"] == reported["textVoices"] == reported["binaryVoices"] == ["flite/slt"]
    assert reported["connectEvents"] == reported["webEvents"] == ["chunk", "chunk", "finished"]
    assert reported["connectError"][:2] == [True, 5]
    assert reported["webError"][0] == 5
