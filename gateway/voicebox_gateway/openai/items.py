"""The items of a conversation that a client can still retrieve."""

from collections.abc import Mapping
from typing import Any

from voicebox_kit.errors import InvalidField

MAX_ITEMS = 1000
"""Of one session; older ones are dropped."""

TRANSCRIBED = "conversation.item.input_audio_transcription.completed"

Item = Mapping[str, Any]


class Items:
    """Collects the items of the events that are sent to the client."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._before: dict[str, str | None] = {}
        self._last: str | None = None

    def before(self, item_id: str) -> str | None:
        """The id of the item before this one; None for the first. A new id is added at the end."""
        if item_id not in self._before:
            self._before[item_id], self._last = self._last, item_id
            if len(self._before) > MAX_ITEMS:
                self._forget(next(iter(self._before)))
        return self._before[item_id]

    def note(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Store the item of an event."""
        if kind in ("conversation.item.added", "conversation.item.done"):
            self._items[fields["item"]["id"]] = fields["item"]
        elif kind == TRANSCRIBED and fields["item_id"] in self._items:
            item = self._items[fields["item_id"]]
            self._items[fields["item_id"]] = {
                **item,
                "content": [{"type": "input_audio", "transcript": fields["transcript"]}],
            }

    def find(self, item_id: str) -> Item:
        """The item; InvalidField when there is none of that id, or it was dropped."""
        if item_id not in self._items:
            raise InvalidField("item_id", f"There is no item {item_id[:100]!r} in this conversation.", "ITEM_NOT_FOUND")
        return self._items[item_id]

    def delete(self, item_id: str) -> None:
        """Remove an item; InvalidField as `find`."""
        self.find(item_id)
        if item_id == self._last:
            self._last = self._before.get(item_id)
        self._forget(item_id)

    def truncate(self, item_id: str) -> None:
        """Mark a spoken item as incomplete and remove its transcript, since it is unknown how much of it was played.
        InvalidField as `find`.
        """
        item = self.find(item_id)
        if item["role"] != "assistant":
            raise InvalidField("item_id", "Only what was spoken here can be truncated.", "INVALID_VALUE")
        content = [{name: value for name, value in part.items() if name != "transcript"} for part in item["content"]]
        self._items[item_id] = {**item, "status": "incomplete", "content": content}

    def _forget(self, item_id: str) -> None:
        self._items.pop(item_id, None)
        self._before.pop(item_id, None)
