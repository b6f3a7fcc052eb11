"""A recording in another voice."""

import re
from collections.abc import Sequence

from voicebox_kit.errors import InvalidField

from voicebox_jobs.job_type import Request, Step, Work
from voicebox_jobs.peers.conversion import Converted
from voicebox_jobs.state import Outcome, State

from . import files, requests

FIELD = "convert_speech"
RESULT = "converted.wav"
MAX_BYTES = 1 << 32
_TARGET = re.compile(r"(voiceModels|profiles)/[a-z0-9][a-z0-9-]{0,62}")


class ConvertSpeech:
    """As job_type.JobType. The device is the conversion service's own."""

    name = FIELD
    needs_device = False
    scopes = ("speak",)

    @property
    def steps(self) -> Sequence[Step]:
        return (Step("convert", State.RUNNING, 1.0, _convert),)

    def inputs(self, request: Request) -> Sequence[str]:
        if not _TARGET.fullmatch(request.get("target", "")):
            raise InvalidField(f"{FIELD}.target", f"{FIELD}.target must be voiceModels/MODEL or profiles/PROFILE.")
        return [requests.input_id(request.get("input"), f"{FIELD}.input")]


TYPE = ConvertSpeech()


async def _convert(work: Work) -> Outcome:
    converted = Converted()
    source = await files.uploaded(work, work.request["input"])
    audio = work.peers.conversion.convert(source, work.request["target"], work.job.owner, converted)
    await files.keep(work, RESULT, "audio/wav", audio, MAX_BYTES)
    return Outcome(warnings=tuple(converted.warnings))
