"""Judges what clients saw of a store that was killed again and again: pure, and given everything.

Every key is written once, with a value of its own. An operation is acknowledged when its answer came, unknown when the
store was gone before that, refused when the store said no.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    WRITE = auto()
    DELETE = auto()
    READ = auto()


class Outcome(Enum):
    ACKNOWLEDGED = auto()
    UNKNOWN = auto()
    REFUSED = auto()


@dataclass(frozen=True)
class Operation:
    """What one client did with a key, between two moments. `value` is what it wrote, or what it read, None for
    nothing.
    """

    kind: Kind
    key: str
    invoked: float
    completed: float
    outcome: Outcome
    value: str | None = None


def violations(operations: Iterable[Operation], final: Mapping[str, str]) -> list[str]:
    """What no correct store could have shown, as sentences. `final` is all that is there in the end: values by their
    keys.
    """
    by_key: defaultdict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_key[operation.key].append(operation)
    found = [f"{key}: nobody wrote it" for key in final if not _written(by_key[key])]
    for key, history in by_key.items():
        found += [f"{key}: {sentence}" for sentence in (*_of_reads(history), *_of_end(history, final.get(key)))]
    return found


def _of_end(history: list[Operation], value: str | None) -> Iterable[str]:
    write, deletes = _written(history), _all(history, Kind.DELETE)
    if write is None:
        return
    if value is not None and value != write.value:
        yield f"{write.value!r} was written, {value!r} is there"
    if value is not None and write.outcome is Outcome.REFUSED:
        yield "its write was refused, and it is there"
    if value is not None and any(delete.outcome is Outcome.ACKNOWLEDGED for delete in deletes):
        yield "its delete was acknowledged, and it is there"
    maybe_deleted = any(delete.outcome is not Outcome.REFUSED for delete in deletes)
    if value is None and write.outcome is Outcome.ACKNOWLEDGED and not maybe_deleted:
        yield "its write was acknowledged, and it is gone"


def _of_reads(history: list[Operation]) -> Iterable[str]:
    write, deletes = _written(history), _all(history, Kind.DELETE)
    for read in _all(history, Kind.READ):
        if read.outcome is not Outcome.ACKNOWLEDGED:
            continue
        if read.value is None:
            deleted = any(
                delete.invoked < read.completed and delete.outcome is not Outcome.REFUSED for delete in deletes
            )
            if write and write.outcome is Outcome.ACKNOWLEDGED and write.completed < read.invoked and not deleted:
                yield "a read after its write was acknowledged found nothing"
        elif write is None or write.invoked > read.completed or read.value != write.value:
            yield f"a read found {read.value!r}, which was not written before"
        elif any(delete.outcome is Outcome.ACKNOWLEDGED and delete.completed < read.invoked for delete in deletes):
            yield "a read after its delete was acknowledged found it"


def _written(history: list[Operation]) -> Operation | None:
    return next(iter(_all(history, Kind.WRITE)), None)


def _all(history: list[Operation], kind: Kind) -> list[Operation]:
    return [operation for operation in history if operation.kind is kind]
