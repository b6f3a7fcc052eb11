"""`voicebox dialogue`: a text file of several speakers becomes one file of speech."""

import sys
from pathlib import Path
from typing import get_args

import click

from voicebox_client.dialogue_file import turns
from voicebox_client.ranges import whole
from voicebox_client.requests import AS_FAST_AS_IT_CAN, Encoding, SpeechOptions
from voicebox_client.session import CommandSession, pass_session

from .say import DEFAULT_OUTPUT, STDIN, deliver, target_of


def _names(_ctx: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = [name.partition("=") for name in given]
    for name, equals, voice in pairs:
        if not (name.strip() and equals and voice.strip()):
            raise click.BadParameter(f"{name + equals + voice!r} is not NAME=VOICE, as in Ann=flite/slt.")
    return {name.strip(): voice.strip() for name, _, voice in pairs}


@click.command("dialogue")
@click.argument("path", metavar="FILE|-")
@click.option(
    "--as",
    "voices",
    multiple=True,
    metavar="NAME=VOICE",
    callback=_names,
    help="Who a name in the file is; repeatable.",
)
@click.option(
    "--gap", "gap_seconds", type=float, metavar="SECONDS", help="Silence between turns, 0 to 10; default 0.3."
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help=f"WAV, MP3, Ogg, FLAC or PCM by its ending; - is stdout.  [default: {DEFAULT_OUTPUT}]",
)
@click.option("--format", "encoding", type=click.Choice(get_args(Encoding)), help="How to write, whatever the ending.")
@click.option("--play", is_flag=True, help="Play it on the speakers.")
@click.option("--speed", type=float, metavar="X", help="Speed as a factor, 0.25 to 4.")
@click.option("--seed", type=whole(0, 2**32 - 1), help="The same seed gives the same samples.")
@click.option("--no-store", "store", flag_value=False, default=None, help="Store no record of it in the history.")
@pass_session
def command(
    session: CommandSession,
    /,
    path: str,
    voices: dict[str, str],
    gap_seconds: float | None,
    output: str | None,
    encoding: Encoding | None,
    play: bool,
    speed: float | None,
    seed: int | None,
    store: bool | None,
) -> None:
    """Speak a dialogue of several voices, from a text file.

    Each turn begins with a voice, as in "flite/slt: Hello.", or with a name given by --as.
    """
    text = sys.stdin.buffer.read().decode() if path == STDIN else Path(path).read_text("utf-8")
    target = target_of(output, encoding, play)
    given = {"encoding": target.encoding, "speed": speed, "seed": seed, "store": store}
    if not play:
        given["ahead_seconds"] = AS_FAST_AS_IT_CAN
    options: SpeechOptions = {name: value for name, value in given.items() if value is not None}  # type: ignore[assignment]
    try:
        spoken = turns(text, voices)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with session.client() as client:
        deliver(session, client.dialogue(spoken, gap_seconds, **options), target)
