"""The devices of a worker: which are shared, and who gets one when."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from voicebox_kit.errors import Unavailable
from voicebox_models.device_leases.admission import obstacles, reason, require_room
from voicebox_models.device_leases.folder import DeviceLeases, HeldLease
from voicebox_models.device_leases.lease import Kind, Lease
from voicebox_models.device_leases.settings import Sharing

from .allowance import Allowance
from .memory import device_bytes
from .metrics import DeviceMetrics

POLL_SECONDS = 0.2
OTHERS_NAME = "another job"
"""What a job is called to those that wait for it, which may be other owners'."""

Say = Callable[[str], Awaitable[None]]
"""Says in a few words what a job does now."""


@dataclass(frozen=True)
class DeviceSettings:
    """How jobs share devices. `total_bytes` is the memory of each, 0 for what the driver says; `job_bytes` what a job
    takes of it that does not say, 0 for all; `yield_seconds` how long it gives way to calls at a time.
    """

    sharing: Sharing
    total_bytes: int
    job_bytes: int
    yield_seconds: float


class Devices:
    """Those of one worker."""

    def __init__(self, settings: DeviceSettings, metrics: DeviceMetrics) -> None:
        self.settings, self._metrics = settings, metrics

    def is_sized(self, device: str, memory_bytes: int) -> bool:
        """Whether a job that asks for so much may run beside others on its device."""
        return bool(device and (memory_bytes or self.settings.job_bytes) and self.settings.sharing.leases(device))

    def of_job(self, device: str, memory_bytes: int, allowance: Allowance) -> "JobDevice":
        """A job's use of its device. `memory_bytes` is what it asks for; 0 is not said."""
        leases = self.settings.sharing.leases(device)
        asked = Lease(OTHERS_NAME, Kind.JOB, memory_bytes or self.settings.job_bytes)
        return JobDevice(leases, asked, self.settings, allowance, self._metrics)


class JobDevice:
    """A job's use of its device."""

    def __init__(
        self,
        leases: DeviceLeases | None,
        asked: Lease,
        settings: DeviceSettings,
        allowance: Allowance,
        metrics: DeviceMetrics,
    ) -> None:
        self._leases, self._asked, self._settings = leases, asked, settings
        self._allowance, self._metrics = allowance, metrics

    @asynccontextmanager
    async def held(self, say: Say) -> AsyncIterator[HeldLease | None]:
        """A lease that a process may inherit, as soon as there is room; None for a device that is not shared.

        Precondition("DEVICE_MEMORY") when it asks for more than there is; Unavailable("DEVICE_LEASES") when leases
        cannot be written.
        """
        if self._leases is None:
            yield None
            return
        total = self._settings.total_bytes or await asyncio.to_thread(device_bytes, self._leases.device)
        require_room(self._leases.device, self._asked.memory_bytes, total)
        with _written(self._leases.device):
            held = self._leases.hold(replace(self._asked, kind=Kind.WAITING, since_ns=time.time_ns()))
        with held:
            await self._admitted(self._leases, held, total, say)
            with self._metrics.leases.labels(self._leases.device).track_inprogress():
                yield held

    def request(self) -> dict[str, Any]:
        """What the process of the job has to know in order to give way; empty when it has the device for itself."""
        if self._leases is None:
            return {}
        leases = {"root": str(self._leases.root), "device": self._leases.device}
        return {"leases": leases, "yield_seconds": self._settings.yield_seconds}

    @asynccontextmanager
    async def giving_way(self) -> AsyncIterator[None]:
        """The job gives way to calls until the block ends."""
        device, began = self._leases.device if self._leases else "", time.monotonic()
        try:
            with self._allowance.paused():
                yield
        finally:
            self._metrics.yielded.labels(device).inc(time.monotonic() - began)

    async def _admitted(self, leases: DeviceLeases, held: HeldLease, total: int, say: Say) -> None:
        """Wait for room, and take it."""
        began, said = time.monotonic(), ""
        with self._allowance.paused():
            while (found := self._obstacles(leases, held, total)) is not None:
                if found and (words := reason(leases.device, self._asked, found, total)) != said:
                    await say(said := words)
                await asyncio.sleep(POLL_SECONDS)
        self._metrics.waited.labels(leases.device).inc(time.monotonic() - began)

    def _obstacles(self, leases: DeviceLeases, held: HeldLease, total: int) -> Sequence[Lease] | None:
        """For whom it has to wait; None when it has the device now. Empty where another job is being admitted."""
        with _written(leases.device), leases.admitting() as is_ours:
            found = obstacles(held.lease, leases.others(held), total)
            if found or not is_ours:
                return found
            held.change(replace(self._asked, since_ns=held.lease.since_ns))
            return None


@contextmanager
def _written(device: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable("DEVICE_LEASES", f"The leases of {device} cannot be written: {error}.") from error
