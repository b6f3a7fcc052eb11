"""A Realtime client's text becomes speech, by OpenAI's speech path of tts."""

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any

import grpc
from google.api import httpbody_pb2
from voicebox.openai.v1 import openai_pb2

from .events import Send, answer_item, new_id
from .refusals import Refusal, of_rpc
from .services import Metadata, Services


class Answer:
    """One response: a text that is spoken."""

    def __init__(self, services: Services, caller: Metadata, text: str, speech: Mapping[str, Any], send: Send) -> None:
        """`speech` is how: the fields of OpenAI's speech request."""
        body = httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps({**speech, "input": text}).encode())
        self._call = services.speech.CreateSpeech(iter([openai_pb2.CreateSpeechRequest(body=body)]), metadata=caller)
        self._text, self._send = text, send
        self._response_id, self._item_id = new_id("resp"), new_id("item")
        self._cancelled_for = ""

    def cancel(self, reason: str) -> None:
        """Let `speak` come to its end: for `client_cancelled` or `turn_detected`."""
        self._cancelled_for = reason
        self._call.cancel()

    async def speak(self) -> None:
        """Send the speech as it is made; tts paces itself, so that little is lost by an interruption."""
        try:
            await self._begin()
            async for answer in self._call:
                await self._send_part("output_audio.delta", delta=base64.b64encode(answer.body.data).decode())
            await self._end("completed")
        except grpc.aio.AioRpcError as error:
            await self._end("failed", of_rpc(error))
        except asyncio.CancelledError:
            if not self._cancelled_for:
                raise  # the session is over
            await self._end("cancelled")
        finally:
            self._call.cancel()

    async def _begin(self) -> None:
        item = answer_item(self._item_id, "in_progress", None)
        await self._send("response.created", response=self._response("in_progress", []))
        await self._send("response.output_item.added", response_id=self._response_id, output_index=0, item=item)
        await self._send("conversation.item.added", item=item, previous_item_id=None)
        await self._send_part("content_part.added", part={"type": "audio", "transcript": ""})
        await self._send_part("output_audio_transcript.delta", delta=self._text)

    async def _end(self, status: str, refusal: Refusal | None = None) -> None:
        item = answer_item(self._item_id, "completed" if status == "completed" else "incomplete", self._text)
        await self._send_part("output_audio.done")
        await self._send_part("output_audio_transcript.done", transcript=self._text)
        await self._send_part("content_part.done", part={"type": "audio", "transcript": self._text})
        await self._send("response.output_item.done", response_id=self._response_id, output_index=0, item=item)
        await self._send("conversation.item.done", item=item, previous_item_id=None)
        await self._send("response.done", response=self._response(status, [item], refusal))

    async def _send_part(self, what: str, **fields: object) -> None:
        await self._send(
            f"response.{what}", response_id=self._response_id, item_id=self._item_id, output_index=0, content_index=0, **fields
        )

    def _response(self, status: str, output: list[Mapping[str, Any]], refusal: Refusal | None = None) -> Mapping[str, Any]:
        details: dict[str, Any] | None = None
        if refusal:
            details = {"type": "failed", "error": refusal.error}
        elif status == "cancelled":
            details = {"type": "cancelled", "reason": self._cancelled_for}
        common = {"id": self._response_id, "object": "realtime.response", "status": status, "status_details": details, "output": output}
        return {**common, "output_modalities": ["audio"], "usage": None}
