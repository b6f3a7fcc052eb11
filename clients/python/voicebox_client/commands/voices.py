"""`voicebox voices`: the built-in voices."""

import click
from voicebox.tts.v1 import tts_pb2

from voicebox_client.output import print_list, print_table
from voicebox_client.session import Session, pass_session


@click.command("voices")
@click.option("--language", default="", help='Only voices that speak it; "en" covers "en-US".')
@click.option("--engine", default="", help="Only voices of this engine.")
@pass_session
def command(session: Session, language: str, engine: str) -> None:
    """List the built-in voices."""
    with session.client() as client:
        voices = client.list_voices(language, engine)
    if session.json:
        print_list("voices", voices)
    else:
        print_table(("NAME", "LANGUAGES", "RATE", "CAN", "DEFAULT"), map(_row, voices))


def _row(voice: tts_pb2.Voice) -> tuple[str, ...]:
    can = (tts_pb2.Capability.Name(capability).removeprefix("CAPABILITY_").lower() for capability in voice.capabilities)
    return voice.name, ", ".join(voice.languages), f"{voice.sample_rate_hz} Hz", ", ".join(can), "default" if voice.is_default else ""
