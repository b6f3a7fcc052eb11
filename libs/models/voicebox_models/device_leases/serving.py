"""The leases of a service that answers calls: one of each device on which it has a model."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from prometheus_client import CollectorRegistry, Gauge

from .folder import DeviceLeases, HeldLease
from .lease import Kind, Lease
from .settings import Sharing

log = logging.getLogger(__name__)

LINGER_SECONDS = 2.0
"""A device counts as busy for so long after the last call: people soon go on, and pauses of jobs cost them time."""


class ServingLeases:
    """Those of the service `holder`. They are written at once, and a disk that cannot be written to is no reason to
    refuse a call: then jobs know less than they should. `memory_bytes` counts on each device where it is more than
    the models say.
    """

    def __init__(self, sharing: Sharing, holder: str, registry: CollectorRegistry, memory_bytes: int = 0) -> None:
        self._sharing, self._holder, self._memory_bytes = sharing, holder, memory_bytes
        self._held: dict[DeviceLeases, HeldLease] = {}
        self._leases: dict[str, DeviceLeases | None] = {}
        self._calls: dict[DeviceLeases, int] = {}
        self._lingering: dict[DeviceLeases, asyncio.TimerHandle] = {}
        self._gauge = Gauge(
            "voicebox_device_lease_bytes", "Memory of a shared device that this service says it takes.", ["device"],
            registry=registry,
        )  # fmt: skip

    def hold(self, memory: Mapping[str, int]) -> None:
        """The bytes that models take now, by device; devices that are not named are given back."""
        taken: dict[DeviceLeases, int] = {}
        for device, count in memory.items():
            if leases := self._of(device):
                taken[leases] = taken.get(leases, 0) + count
        for leases in [each for each in self._held if each not in taken]:
            self._held.pop(leases).close()
            self._gauge.remove(leases.device)
        for leases, count in taken.items():
            self._write(leases, max(count, self._memory_bytes))
            self._gauge.labels(leases.device).set(max(count, self._memory_bytes))

    @contextmanager
    def busy(self, device: str) -> Iterator[None]:
        """A call uses the device until the block ends."""
        leases = self._of(device)
        if leases is None:
            yield
            return
        self._count(leases, 1)
        try:
            yield
        finally:
            self._count(leases, -1)

    def close(self) -> None:
        """Give all back."""
        for handle in self._lingering.values():
            handle.cancel()
        self.hold({})

    def _of(self, device: str) -> DeviceLeases | None:
        if device not in self._leases:
            self._leases[device] = self._sharing.leases(device)
        return self._leases[device]

    def _count(self, leases: DeviceLeases, change: int) -> None:
        """Busy as soon as there is a call; idle some time after the last one."""
        self._calls[leases] = self._calls.get(leases, 0) + change
        if handle := self._lingering.pop(leases, None):
            handle.cancel()
        if self._calls[leases]:
            self._mark(leases, is_busy=True)
        else:
            later = asyncio.get_running_loop().call_later
            self._lingering[leases] = later(LINGER_SECONDS, lambda: self._mark(leases, is_busy=False))

    def _mark(self, leases: DeviceLeases, *, is_busy: bool) -> None:
        if held := self._held.get(leases):
            self._change(held, replace(held.lease, is_busy=is_busy))

    def _write(self, leases: DeviceLeases, memory_bytes: int) -> None:
        if held := self._held.get(leases):
            self._change(held, replace(held.lease, memory_bytes=memory_bytes))
            return
        lease = Lease(self._holder, Kind.SERVING, memory_bytes, is_busy=bool(self._calls.get(leases)))
        try:
            self._held[leases] = leases.hold(lease)
        except OSError as error:
            log.warning("jobs do not know that %s uses %s: %s", self._holder, leases.device, error)

    def _change(self, held: HeldLease, lease: Lease) -> None:
        try:
            held.change(lease)
        except OSError as error:
            log.warning("jobs do not know what %s does on its device: %s", self._holder, error)
