"""Whether a job may use a device beside those that hold it: pure."""

from collections.abc import Sequence

from voicebox_kit.errors import Precondition

from .lease import Kind, Lease, gigabytes


def require_room(device: str, memory_bytes: int, total_bytes: int) -> None:
    """Precondition("DEVICE_MEMORY") for a job that wants more memory than the device has; 0 is unknown."""
    if total_bytes and memory_bytes > total_bytes:
        sentence = f"It asks for {gigabytes(memory_bytes)} of {device}, which has {gigabytes(total_bytes)}."
        raise Precondition("DEVICE_MEMORY", device, sentence)


def obstacles(asked: Lease, others: Sequence[Lease], total_bytes: int) -> Sequence[Lease]:
    """The leases for which a job has to wait; none when it may begin.

    Jobs come in their order. One of unknown size waits until nobody else is there, and so does any where the memory
    of the device is unknown. Any other waits until what it asks for fits beside the rest.
    """
    earlier = [each for each in others if each.kind is Kind.WAITING and each.since_ns < asked.since_ns]
    holders = [each for each in others if each.kind is not Kind.WAITING]
    if not asked.memory_bytes or not total_bytes:
        return [*holders, *earlier]
    whole = [each for each in holders if each.kind is Kind.JOB and not each.memory_bytes]
    held = sum(each.memory_bytes for each in holders)
    full = held + asked.memory_bytes > total_bytes
    return [*(holders if full else whole), *earlier]


def reason(device: str, asked: Lease, found: Sequence[Lease], total_bytes: int) -> str:
    """In a few words, why a job waits."""
    names = ", ".join(_described(each) for each in found[:3]) + (" and others" if len(found) > 3 else "")
    if not asked.memory_bytes:
        return f"waits for all of {device}: {names}"
    free = f" of {gigabytes(total_bytes)}" if total_bytes else ", whose size is unknown"
    return f"waits for {gigabytes(asked.memory_bytes)}{free} on {device}: {names}"


def _described(lease: Lease) -> str:
    if lease.kind is Kind.WAITING:
        return f"{lease.holder} comes first"
    if lease.kind is Kind.JOB and not lease.memory_bytes:
        return f"{lease.holder} has it"
    return f"{lease.holder} holds {gigabytes(lease.memory_bytes) if lease.memory_bytes else 'some'}"
