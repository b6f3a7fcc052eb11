"""A program that uses the unmodified OpenAI SDK as its users do, on orders: a line of JSON in, a line of JSON out.

Runs in the SDK's own environment: it knows nothing of voicebox.
"""

import asyncio
import base64
import json
import pathlib
import sys
import time

import openai


def plain(answer):
    return answer if isinstance(answer, str) else answer.model_dump()


def method(client, name):
    for part in name.split("."):
        client = getattr(client, part)
    return client


def sync_call(client, name, order, given):
    if order == "bytes":
        return base64.b64encode(method(client, name)(**given).content).decode()
    if order == "pieces":
        began, pieces = time.monotonic(), []
        with method(client, name)(**given) as response:
            for piece in response.iter_bytes():
                pieces.append([time.monotonic() - began, base64.b64encode(piece).decode()])
            return {"content_type": response.headers["content-type"], "pieces": pieces}
    if order == "events":
        return [event.model_dump() for event in method(client, name)(**given)]
    return plain(method(client, name)(**given))


async def async_call(client, name, order, given):
    if order == "bytes":
        return base64.b64encode((await method(client, name)(**given)).content).decode()
    if order == "pieces":
        began = time.monotonic()
        async with method(client, name)(**given) as response:
            pieces = [
                [time.monotonic() - began, base64.b64encode(piece).decode()] async for piece in response.iter_bytes()
            ]
            return {"content_type": response.headers["content-type"], "pieces": pieces}
    if order == "events":
        return [event.model_dump() async for event in await method(client, name)(**given)]
    return plain(await method(client, name)(**given))


async def obey(settings, name, order, given, is_async):
    if not is_async:
        with openai.OpenAI(**settings) as client:
            return await asyncio.to_thread(sync_call, client, name, order, given)
    async with openai.AsyncOpenAI(**settings) as client:
        return await async_call(client, name, order, given)


def main():
    settings = {"base_url": sys.argv[1], "api_key": "none", "max_retries": 0}
    for line in sys.stdin:
        asked = json.loads(line)
        given = asked["given"]
        if "file" in given:
            given["file"] = pathlib.Path(given["file"])
        try:
            answer = {"answer": asyncio.run(obey(settings, asked["method"], asked["order"], given, asked["is_async"]))}
        except openai.APIStatusError as error:
            told = {
                "class": type(error).__name__,
                "status": error.status_code,
                "code": error.code,
                "param": error.param,
                "type": error.type,
            }
            answer = {
                "error": {**told, "message": str(error), "retry_after": error.response.headers.get("retry-after")}
            }
        print(json.dumps(answer), flush=True)


main()
