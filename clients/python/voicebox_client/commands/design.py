"""`voicebox design`: voices of a description, to choose from."""

import shlex
from pathlib import Path

import click
from voicebox.tts.v1 import tts_pb2

from voicebox_client.output import as_json, print_json, print_table, seconds
from voicebox_client.ranges import whole
from voicebox_client.requests import DesignOptions
from voicebox_client.session import CommandSession, pass_session, working
from voicebox_client.whole_file import whole_file


@click.command("design")
@click.argument("description")
@click.option("--text", required=True, help="What the voices say, 1 to 300 characters; some 10 seconds are best.")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where the files go.  [default: .]",
)
@click.option("--count", type=whole(1, 8), default=3, show_default=True, help="How many voices.")
@click.option("--language", default="", help="BCP 47 language of the text.")
@click.option("--seed", type=whole(0, 2**32 - 1), help="The first voice's seed; the others have the ones after it.")
@click.option("--model", default="", help="The model, as `voicebox models tts list` names it.")
@pass_session
def command(
    session: CommandSession,
    description: str,
    text: str,
    folder: Path,
    count: int,
    language: str,
    seed: int | None,
    model: str,
) -> None:
    """Make voices of a description.

    DESCRIPTION is such as "a calm old man with a deep, husky voice". One file is written for each voice.
    """
    options: DesignOptions = {"count": count, "language": language, "model": model}
    if seed is not None:
        options["seed"] = seed
    folder.mkdir(parents=True, exist_ok=True)
    with session.client() as client, working(f"Making {count} voices"):
        voices = client.design_voice(description, text, **options)
    paths = [_write(folder, voice) for voice in voices]
    if session.json:
        print_json(
            {
                "voices": [
                    {"output": str(path)} | _without_audio(voice) for path, voice in zip(paths, voices, strict=True)
                ]
            }
        )
    else:
        print_table(("FILE", "SEED", "SECONDS", "MODEL"), map(_row, paths, voices))
        click.echo(
            f"To store one: voicebox profiles create NAME --sample {shlex.quote(str(paths[0]))} "
            f"--transcript {shlex.quote(text)}"
        )
    for warning in (warning for voice in voices for warning in voice.warnings):
        click.echo(f"Warning: {warning}", err=True)


def _write(folder: Path, voice: tts_pb2.DesignedVoice) -> Path:
    path = folder / f"voice-{voice.seed}.flac"
    with whole_file(path) as file:
        file.write(voice.audio)
    return path


def _row(path: Path, voice: tts_pb2.DesignedVoice) -> tuple[str, ...]:
    return str(path), str(voice.seed), f"{seconds(voice.duration):.2f}", voice.model


def _without_audio(voice: tts_pb2.DesignedVoice) -> dict[str, object]:
    return {name: value for name, value in as_json(voice).items() if name != "audio"}
