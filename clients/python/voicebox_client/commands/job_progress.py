"""How far a job is, as a person sees it: a line in place that goes on when the server is started anew."""

from collections.abc import Iterator

import click
from voicebox.jobs.v1 import jobs_pb2

from voicebox_client.client import Client
from voicebox_client.errors import VoiceboxClientError
from voicebox_client.job_requests import ENDED, state_name
from voicebox_client.output import as_json, print_json, seconds
from voicebox_client.ranges import whole
from voicebox_client.session import CommandSession, progress

BAR_CHARACTERS = 30
PAUSE_SECONDS = 1.0
LOST = ("NO_ANSWER", "CONNECTION_LOST", "UNAVAILABLE", "UPSTREAM", "STREAM_CUT_SHORT")
MAX_PAUSES = 600
"""A server that is away for longer is not waited for."""
DEVICE_MEMORY = click.option(
    "--device-memory",
    type=whole(0),
    default=0,
    metavar="BYTES",
    help="What the training takes of a GPU that it shares. Default: all of it.",
)


def events(session: CommandSession, client: Client, name: str, after: int = 0) -> Iterator[jobs_pb2.JobEvent]:
    """The events of a job to its end, also over a restart of the server. Raises VoiceboxClientError."""
    pauses = 0
    while True:
        try:
            for event in client.watch_job(name, after):
                yield event
                after, pauses = event.sequence, 0
        except VoiceboxClientError as error:
            pauses += 1
            if pauses > MAX_PAUSES or not (error.code == "UNAVAILABLE" or error.reason in LOST):
                raise
            progress(f"{name}  the server is away: {error.sentence}")
            session.sleep(PAUSE_SECONDS)
        else:
            return


def follow(session: CommandSession, client: Client, job: jobs_pb2.Job) -> jobs_pb2.Job:
    """Show how far the job is until it ends. Raises click.ClickException for one that does not succeed."""
    for event in events(session, client, job.name):
        if session.json:
            print_json(as_json(event), line=True)
        else:
            progress(line(event))
    progress("")
    ended = client.get_job(job.name)
    if ended.state in ENDED and ended.state != jobs_pb2.JOB_STATE_SUCCEEDED:
        reason = ended.error.message or "It may be tried again with `voicebox jobs retry`."
        raise click.ClickException(f"{ended.name} is {state_name(ended.state)}. {reason}")
    return ended


def line(event: jobs_pb2.JobEvent) -> str:
    """A bar, the state and the stage, and how much longer it takes."""
    bar = "#" * int(event.progress * BAR_CHARACTERS)
    left = f", {seconds(event.remaining):.0f} s left" if event.HasField("remaining") else ""
    stage = f" {event.stage}" if event.stage else ""
    return f"{event.job}  [{bar:.<{BAR_CHARACTERS}}] {event.progress:4.0%} {state_name(event.state)}{stage}{left}"
