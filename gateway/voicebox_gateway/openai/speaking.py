"""Speaks a Realtime client's text with OpenAI's speech RPC of tts."""

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any

import grpc
from google.api import httpbody_pb2
from voicebox.compat.openai.v1 import openai_pb2
from voicebox_compat import openai
from voicebox_compat.openai import IGNORED_HEADER, Diagnostics
from voicebox_compat.synthetic import SYNTHETIC_FIELD

from .errors import ApiError, from_rpc_error
from .events import SendEvent, answer_item, new_id
from .services import Metadata, Services
from .session import RATE_HZ

AUDIO_TOKENS_PER_SECOND = 20
BYTES_PER_SECOND = 2 * RATE_HZ


class SpokenResponse:
    """One response: a text that is spoken."""

    def __init__(
        self,
        services: Services,
        caller: Metadata,
        text: str,
        speech: Mapping[str, Any],
        diagnostics: Diagnostics,
        send: SendEvent,
    ) -> None:
        """`speech` has the fields of OpenAI's speech request; those that tts ignores are named in `diagnostics`."""
        body = httpbody_pb2.HttpBody(
            content_type="application/json", data=json.dumps({**speech, "input": text}).encode()
        )
        self._call = services.speech.CreateSpeech(iter([openai_pb2.CreateSpeechRequest(body=body)]), metadata=caller)
        self._text, self._diagnostics, self._send = text, diagnostics, send
        self._bytes = 0
        self.response_id, self._item_id = new_id("resp"), new_id("item")
        self._cancelled_for = ""

    def cancel(self, reason: str) -> None:
        """End `speak`; the reason is `client_cancelled` or `turn_detected`."""
        self._cancelled_for = reason
        self._call.cancel()

    async def speak(self) -> None:
        """Send the speech while it is generated."""
        try:
            await self._begin()
            async for answer in self._call:
                self._bytes += len(answer.body.data)
                await self._send_part("output_audio.delta", delta=base64.b64encode(answer.body.data).decode())
            await self._take_diagnostics()
            await self._end("completed")
        except grpc.aio.AioRpcError as error:
            await self._end("failed", from_rpc_error(error))
        except asyncio.CancelledError:
            if not self._cancelled_for:
                raise  # the session is over
            await self._end("cancelled")
        finally:
            self._call.cancel()

    async def _take_diagnostics(self) -> None:
        for name, value in await self._call.initial_metadata() or ():
            if name == IGNORED_HEADER:
                for each in str(value).split(", "):
                    self._diagnostics.ignore(f"response.{each}")

    async def _begin(self) -> None:
        item = answer_item(self._item_id, "in_progress", None)
        await self._send("response.created", response=self._response("in_progress", []))
        await self._send("response.output_item.added", response_id=self.response_id, output_index=0, item=item)
        await self._send("conversation.item.added", item=item, previous_item_id=None)
        await self._send_part("content_part.added", part={"type": "audio", "transcript": ""})
        await self._send_part("output_audio_transcript.delta", delta=self._text)

    async def _end(self, status: str, api_error: ApiError | None = None) -> None:
        item = answer_item(self._item_id, "completed" if status == "completed" else "incomplete", self._text)
        await self._send_part("output_audio.done")
        await self._send_part("output_audio_transcript.done", transcript=self._text)
        await self._send_part("content_part.done", part={"type": "audio", "transcript": self._text})
        await self._send("response.output_item.done", response_id=self.response_id, output_index=0, item=item)
        await self._send("conversation.item.done", item=item, previous_item_id=None)
        await self._send("response.done", response=self._response(status, [item], api_error))

    async def _send_part(self, what: str, **fields: object) -> None:
        await self._send(
            f"response.{what}",
            response_id=self.response_id,
            item_id=self._item_id,
            output_index=0,
            content_index=0,
            **fields,
        )

    def _response(
        self, status: str, output: list[Mapping[str, Any]], api_error: ApiError | None = None
    ) -> Mapping[str, Any]:
        details: dict[str, Any] | None = None
        if api_error:
            details = {"type": "failed", "error": api_error.error}
        elif status == "cancelled":
            details = {"type": "cancelled", "reason": self._cancelled_for}
        common = {
            "id": self.response_id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": output,
            SYNTHETIC_FIELD: True,
        }
        usage = None if status == "in_progress" else self._usage()
        return {**common, "output_modalities": ["audio"], "usage": usage, **self._diagnostics.fields}

    def _usage(self) -> Mapping[str, Any]:
        """In OpenAI's tokens: one for 4 characters of text, one for 50 ms of audio."""
        input_tokens, output_tokens = (
            openai.text_tokens(self._text),
            round(AUDIO_TOKENS_PER_SECOND * self._bytes / BYTES_PER_SECOND),
        )
        return {
            "total_tokens": input_tokens + output_tokens,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "input_token_details": {
                "text_tokens": input_tokens,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": 0,
            },
            "output_token_details": {"text_tokens": 0, "audio_tokens": output_tokens},
        }
