"""Which fields an update changes."""

from collections.abc import Collection, Iterable

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from voicebox_kit.errors import InvalidField


def masked(message: Message, mask: FieldMask, known: Collection[str]) -> Iterable[str]:
    """The fields that the mask names: those that are set without a mask, all for `*`. InvalidField for one that is not
    known.
    """
    if not mask.paths:
        present = {field.name for field, _ in message.ListFields()}
        return [name for name in known if name in present]
    if list(mask.paths) == ["*"]:
        return known
    for path in mask.paths:
        if path not in known:
            raise InvalidField("update_mask", f"update_mask names {path!r}; it may name {', '.join(known)}.")
    return mask.paths
