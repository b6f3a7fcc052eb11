"""`voicebox voices`: the built-in voices."""

import click
from voicebox.models.v1 import models_pb2
from voicebox.tts.v1 import tts_pb2

from voicebox_client.client import Client
from voicebox_client.errors import VoiceboxClientError
from voicebox_client.output import print_list, print_table
from voicebox_client.session import CommandSession, pass_session

ABSENT = (models_pb2.MODEL_STATE_ABSENT, models_pb2.MODEL_STATE_FAILED)


@click.command("voices")
@click.option("--language", default="", help='Only voices that speak it; "en" covers "en-US".')
@click.option("--engine", default="", help="Only voices of this engine.")
@pass_session
def command(session: CommandSession, language: str, engine: str) -> None:
    """List the built-in voices."""
    with session.client() as client:
        voices = client.list_voices(language, engine)
        absent = {} if session.json else _absent(client, engine)
    if session.json:
        print_list("voices", voices)
    else:
        print_table(("NAME", "LANGUAGES", "RATE", "CAN", "MODEL", "DEFAULT"), map(_row, voices))

    for name, detail in absent.items():
        click.echo(f"{name} is not available: {detail}", err=True)


def _absent(client: Client, engine: str) -> dict[str, str]:
    """The engines that are installed and have no model here, each with a sentence on what it needs."""
    try:
        models = client.list_models("tts")
    except VoiceboxClientError:
        return {}
    here = {model.engine for model in models if model.state not in ABSENT}
    return {
        model.engine: model.detail
        for model in reversed(models)
        if model.engine not in here and engine in {"", model.engine}
    }


def _row(voice: tts_pb2.Voice) -> tuple[str, ...]:
    can = (tts_pb2.Capability.Name(capability).removeprefix("CAPABILITY_").lower() for capability in voice.capabilities)
    state = (
        models_pb2.ModelState.Name(voice.model_state).removeprefix("MODEL_STATE_").lower() if voice.model_state else ""
    )
    default = "default" if voice.is_default else ""
    return voice.name, ", ".join(voice.languages), f"{voice.sample_rate_hz} Hz", ", ".join(can), state, default
