"""What a type of jobs is: it checks a request, and has steps. Found by entry point, in `voicebox.jobs.types`."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from voicebox_blobs.blobs import Blobs
from voicebox_kit import plugins
from voicebox_kit.errors import StartError

from .devices.devices import JobDevice
from .state import Outcome, State

if TYPE_CHECKING:
    from .peers.all import Peers
    from .store.runs import RunStore
    from .store.tables import Job

GROUP = "voicebox.jobs.types"

Request = Mapping[str, Any]
"""The field of `work`, as JSON with the contract's names."""


class Report(Protocol):
    """Says how far a step is, from 0 to 1, and what it does now. What comes more often than each second is dropped, but
    not what comes without a fraction: it is as far as it was, and has to wait or goes on.
    """

    async def __call__(self, fraction: float | None, stage: str = "") -> None: ...


@dataclass(frozen=True)
class Work:
    """What a step works with. `step` is its name; `completed` has what earlier steps left, by their names; `folder` is
    the job's own, and is there again when the step is run again on this machine. `device` is to be held by what works
    on it.
    """

    job: "Job"
    step: str
    completed: Mapping[str, Mapping[str, Any]]
    runs: "RunStore"
    blobs: Blobs
    peers: "Peers"
    folder: Path
    report: Report
    device: JobDevice

    @property
    def request(self) -> Request:
        """What was asked for."""
        return self.job.request


@dataclass(frozen=True)
class Step:
    """A step of a job. `share` is its part of the job's progress. It runs again when its process ended before it was
    completed, so what it does must bear repetition; it may be cancelled at any time.
    """

    name: str
    state: State
    share: float
    run: Callable[[Work], Awaitable[Outcome]]


class JobType(Protocol):
    """A type of jobs."""

    @property
    def name(self) -> str:
        """As in the contract: the name of a field of `work`."""
        ...

    @property
    def steps(self) -> Sequence[Step]:
        """In order; their shares add up to 1."""
        ...

    @property
    def needs_device(self) -> bool:
        """Whether it has a device for itself while it runs."""
        ...

    @property
    def scopes(self) -> Collection[str]:
        """What its creator must be allowed beside `manage`: what its calls to other services need, which go past the
        gateway.
        """
        ...

    def inputs(self, request: Request) -> Sequence[str]:
        """The ids of the inputs that it needs. Raises InvalidField for a request that is wrong."""
        ...


Types = Mapping[str, JobType]


def installed_types() -> Types:
    """All types that are installed. Raises StartError for one that cannot be loaded."""
    found: dict[str, JobType] = {name: plugins.load(GROUP, name) for name in plugins.names(GROUP)}
    for name, each in found.items():
        if each.name != name or abs(sum(step.share for step in each.steps) - 1) > 1e-6:
            raise StartError(f"The type of jobs {name!r} is not well formed.")
    return found
