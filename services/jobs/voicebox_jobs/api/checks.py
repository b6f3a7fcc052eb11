"""What request fields must look like; each function raises InvalidField with the field's path."""

import re
from collections.abc import Mapping

from google.protobuf.duration_pb2 import Duration
from voicebox_kit.errors import InvalidField

MAX_LABELS = 64
MAX_DEVICE_BYTES = 1 << 50
MAX_PRIORITY = 100
DEFAULT_TIMEOUT_US = 3600 * 1_000_000
MAX_TIMEOUT_US = 7 * 86_400 * 1_000_000
_ID = re.compile("[0-9a-f-]{36}")
_NUMBER = re.compile("[0-9]{1,9}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_UUID4 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def identity(collection: str, value: str, field: str = "name") -> str:
    """The id in `jobs/{job}` or `inputs/{input}`."""
    kind, _, found = value.partition("/")
    if kind != collection or not _ID.fullmatch(found):
        raise InvalidField(field, f"{field} must be {collection}/ and an id.")
    return found


def result(value: str) -> tuple[str, str]:
    """The job's id and the file's name in `jobs/{job}/results/{file}`."""
    job, separator, file = value.partition("/results/")
    if not separator or not _FILE.fullmatch(file):
        raise InvalidField("name", "name must be jobs/{job}/results/{file}.")
    return identity("jobs", job), file


def item(value: str) -> tuple[str, int]:
    """The job's id and the item's number in `jobs/{job}/items/{index}`."""
    job, separator, number = value.partition("/items/")
    if not separator or not _NUMBER.fullmatch(number):
        raise InvalidField("name", "name must be jobs/{job}/items/{index}.")
    return identity("jobs", job), int(number)


def request_id(value: str) -> str | None:
    """A UUID4 in lower case, None when it is not given."""
    if value and not _UUID4.fullmatch(value.lower()):
        raise InvalidField("request_id", "request_id must be a UUID4.")
    return value.lower() or None


def labels(value: Mapping[str, str], field: str) -> dict[str, str]:
    """At most 64 labels: keys of 1 to 63, values of up to 255 characters."""
    if len(value) > MAX_LABELS:
        raise InvalidField(field, f"{field} must have at most {MAX_LABELS} labels, not {len(value)}.")
    for key, content in value.items():
        if not 1 <= len(key) <= 63 or len(content) > 255 or "\0" in key + content:
            raise InvalidField(field, f"{field} must have keys of 1 to 63, and values of up to 255 characters.")
    return dict(value)


def file_name(value: str) -> str:
    """What a person calls a file."""
    if len(value) > 255 or not value.isprintable():
        raise InvalidField("file_name", "file_name must have at most 255 printable characters.")
    return value


def priority(value: int) -> int:
    """From -100 to 100."""
    if not -MAX_PRIORITY <= value <= MAX_PRIORITY:
        raise InvalidField("job.priority", f"job.priority must be from -{MAX_PRIORITY} to {MAX_PRIORITY}.")
    return value


def timeout_us(value: Duration | None) -> int:
    """Microseconds, one hour when it is not given."""
    if value is None:
        return DEFAULT_TIMEOUT_US
    given = value.seconds * 1_000_000 + value.nanos // 1000
    if not 1_000_000 <= given <= MAX_TIMEOUT_US:
        raise InvalidField("job.timeout", "job.timeout must be from 1 s to 7 days.")
    return given


def device_memory_bytes(value: int) -> int:
    """From 0, which is not said, to 2^50."""
    if not 0 <= value <= MAX_DEVICE_BYTES:
        raise InvalidField("job.device_memory_bytes", "job.device_memory_bytes must be from 0 to 2^50.")
    return value
