"""A program that uses the unmodified OpenAI SDK's Realtime client as its users do, on orders: a line of JSON in, a line
of JSON out.

Runs in the SDK's own environment: it knows nothing of voicebox. An order has `steps`: a `call` of a method, a `raw`
frame, or the type of the event `until` which events are read.
"""

import asyncio
import json
import signal
import sys

import openai
import websockets

LONGEST_ORDER_SECONDS = 300
"""A program that hangs ends, and its test with it."""


def method(connection, name):
    for part in name.split("."):
        connection = getattr(connection, part)
    return connection


def sync_run(client, asked):
    events = []
    with client.realtime.connect(**asked["connect"]) as connection:
        for step in asked["steps"]:
            if "call" in step:
                method(connection, step["call"])(**step.get("given", {}))
            elif "raw" in step:
                connection.send_raw(step["raw"])
            else:
                unread = step["more"] or not events
                while unread or events[-1]["type"] != step["until"]:
                    events.append(connection.recv().model_dump())
                    unread = False
    return events


async def async_run(client, asked):
    events = []
    async with client.realtime.connect(**asked["connect"]) as connection:
        for step in asked["steps"]:
            if "call" in step:
                await method(connection, step["call"])(**step.get("given", {}))
            elif "raw" in step:
                await connection.send_raw(step["raw"])
            else:
                unread = step["more"] or not events
                while unread or events[-1]["type"] != step["until"]:
                    events.append((await connection.recv()).model_dump())
                    unread = False
    return events


async def obey(settings, asked):
    if asked.get("method"):
        with openai.OpenAI(**settings) as client:
            return method(client, asked["method"])(**asked["given"]).model_dump()
    if not asked["is_async"]:
        with openai.OpenAI(**settings) as client:
            return await asyncio.to_thread(sync_run, client, asked)
    async with openai.AsyncOpenAI(**settings) as client:
        return await async_run(client, asked)


def main():
    settings = {"base_url": sys.argv[1], "api_key": "none", "max_retries": 0}
    for line in sys.stdin:
        signal.alarm(LONGEST_ORDER_SECONDS)
        try:
            answer = {"answer": asyncio.run(obey(settings, json.loads(line)))}
        except openai.APIStatusError as error:
            answer = {
                "error": {
                    "class": type(error).__name__,
                    "status": error.status_code,
                    "code": error.code,
                    "message": str(error),
                }
            }
        except websockets.InvalidStatus as error:
            answer = {
                "error": {
                    "class": "InvalidStatus",
                    "status": error.response.status_code,
                    "body": error.response.body.decode(),
                }
            }
        except websockets.ConnectionClosed as error:
            answer = {"error": {"class": type(error).__name__, "message": str(error)}}
        signal.alarm(0)
        print(json.dumps(answer), flush=True)


main()
