"""The events of OpenAI's Realtime API that go to the client.

https://platform.openai.com/docs/api-reference/realtime-server-events
"""

import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from .errors import Refusal


class Send(Protocol):
    """Sends an event: its type, then its fields. Waits while the client does not read."""

    async def __call__(self, kind: str, /, **fields: Any) -> None: ...


def new_id(kind: str) -> str:
    """A fresh name, such as `item_5f0c...`."""
    return f"{kind}_{uuid.uuid4().hex[:24]}"


async def refuse(send: Send, refusal: Refusal, cause: object = None) -> None:
    """Tell of an error; `cause` is the event_id that the client gave to what it is about."""
    await send("error", error={**refusal.error, "event_id": cause if isinstance(cause, str) else None})


async def add_item(send: Send, item: Mapping[str, Any]) -> None:
    """Tell of an item that is complete when it is added."""
    await send("conversation.item.added", item=item, previous_item_id=None)
    await send("conversation.item.done", item=item, previous_item_id=None)


def user_item(item_id: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a person said or wrote."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [content],
    }


def answer_item(item_id: str, status: str, transcript: str | None) -> Mapping[str, Any]:
    """An answer: without content until it has a transcript."""
    content = [] if transcript is None else [{"type": "output_audio", "transcript": transcript}]
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }
