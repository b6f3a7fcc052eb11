"""A conversation's items, as far as a client may still ask for them."""

from collections.abc import Mapping
from typing import Any

from voicebox_kit.errors import InvalidField

MOST_ITEMS = 1000
"""Of one session. The oldest are forgotten."""

TRANSCRIBED = "conversation.item.input_audio_transcription.completed"

Item = Mapping[str, Any]


class Items:
    """Takes note of the items in events that go to the client."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._before: dict[str, str | None] = {}
        self._last: str | None = None

    def before(self, item_id: str) -> str | None:
        """Which item stands before one that is there or that is just added; None before the first."""
        if item_id not in self._before:
            self._before[item_id], self._last = self._last, item_id
            if len(self._before) > MOST_ITEMS:
                self._forget(next(iter(self._before)))
        return self._before[item_id]

    def note(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Take what an event tells of an item."""
        if kind in ("conversation.item.added", "conversation.item.done"):
            self._items[fields["item"]["id"]] = fields["item"]
        elif kind == TRANSCRIBED and fields["item_id"] in self._items:
            item = self._items[fields["item_id"]]
            self._items[fields["item_id"]] = {
                **item,
                "content": [{"type": "input_audio", "transcript": fields["transcript"]}],
            }

    def find(self, item_id: str) -> Item:
        """The item; InvalidField when it is not there, or was forgotten."""
        if item_id not in self._items:
            raise InvalidField("item_id", f"There is no item {item_id[:100]!r} in this conversation.", "ITEM_NOT_FOUND")
        return self._items[item_id]

    def delete(self, item_id: str) -> None:
        """Forget an item; InvalidField as `find`."""
        self.find(item_id)
        if item_id == self._last:
            self._last = self._before.get(item_id)
        self._forget(item_id)

    def truncate(self, item_id: str) -> None:
        """Of a spoken item only a part was heard; nobody knows how much of its text that is. InvalidField as `find`."""
        item = self.find(item_id)
        if item["role"] != "assistant":
            raise InvalidField("item_id", "Only what was spoken here can be truncated.", "INVALID_VALUE")
        content = [{name: value for name, value in part.items() if name != "transcript"} for part in item["content"]]
        self._items[item_id] = {**item, "status": "incomplete", "content": content}

    def _forget(self, item_id: str) -> None:
        self._items.pop(item_id, None)
        self._before.pop(item_id, None)
