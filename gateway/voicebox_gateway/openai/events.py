"""The events of OpenAI's Realtime API that go to the client.

https://platform.openai.com/docs/api-reference/realtime-server-events
"""

import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from .errors import ApiError


class SendEvent(Protocol):
    """Sends an event: its type, then its fields. Waits while the client does not read."""

    async def __call__(self, kind: str, /, **fields: Any) -> None: ...


def new_id(kind: str) -> str:
    """A fresh name, such as `item_5f0c...`."""
    return f"{kind}_{uuid.uuid4().hex[:24]}"


async def send_error(send: SendEvent, api_error: ApiError, cause: object = None) -> None:
    """Send an error; `cause` is the event_id of the client's event that caused it."""
    await send("error", error={**api_error.error, "event_id": cause if isinstance(cause, str) else None})


async def add_item(send: SendEvent, item: Mapping[str, Any]) -> None:
    """Send the events of an item that is complete when it is added."""
    await send("conversation.item.added", item=item, previous_item_id=None)
    await send("conversation.item.done", item=item, previous_item_id=None)


def user_item(item_id: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """An item of the user."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [content],
    }


def answer_item(item_id: str, status: str, transcript: str | None) -> Mapping[str, Any]:
    """An item of the assistant; it has no content until there is a transcript."""
    content = [] if transcript is None else [{"type": "output_audio", "transcript": transcript}]
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }
