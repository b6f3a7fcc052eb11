"""The files of a model of tts or asr."""

from collections.abc import Sequence

from voicebox_kit.errors import InvalidField

from voicebox_jobs.job_type import Request, Step, Work
from voicebox_jobs.state import Outcome, State

from . import requests

FIELD = "download_model"
SERVICES = ("tts", "asr")


class DownloadModel:
    """As job_type.JobType."""

    name = FIELD
    needs_device = False
    scopes = ("admin",)

    @property
    def steps(self) -> Sequence[Step]:
        return (Step("download", State.RUNNING, 1.0, _download),)

    def inputs(self, request: Request) -> Sequence[str]:
        if request.get("service") not in SERVICES:
            raise InvalidField(f"{FIELD}.service", f"{FIELD}.service must be {' or '.join(SERVICES)}.")
        requests.model(request.get("model"), f"{FIELD}.model")
        return []


TYPE = DownloadModel()


async def _download(work: Work) -> Outcome:
    service, model = work.request["service"], work.request["model"]
    async for done, total in work.peers.models.download(service, model, work.job.owner):
        if total:
            await work.report(done / total, f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")
    return Outcome(outputs={"model": model})
