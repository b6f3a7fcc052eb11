"""`voicebox convert`: speech becomes speech in another voice."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import click

from voicebox_client.commands.profile_files import FILE
from voicebox_client.conversion_requests import ConversionOptions, ConvertedEncoding
from voicebox_client.output import print_json
from voicebox_client.ranges import real, whole
from voicebox_client.session import CommandSession, pass_session, progress
from voicebox_client.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicebox.conversion.v1 import conversion_pb2

ENCODING_OF_SUFFIX: dict[str, ConvertedEncoding] = {
    ".wav": "wav",
    ".flac": "flac",
    ".ogg": "ogg",
    ".opus": "ogg",
    ".mp3": "mp3",
    ".aac": "aac",
    ".pcm": "pcm",
}


@click.command("convert")
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--to", "target", required=True, metavar="NAME", help="A voice model, or profiles/NAME.")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write."
)
@click.option("--strength", type=real(0, 1), help="How much of the voice is replaced; default 0.5.")
@click.option("--pitch", "pitch_semitones", type=real(-24, 24), help="Semitones higher than the voice.")
@click.option("--rate", "sample_rate_hz", type=whole(8000, 48000), help="Samples per second.")
@click.option(
    "--format", "encoding", type=click.Choice(get_args(ConvertedEncoding)), help="How to write, whatever the ending."
)
@pass_session
def command(session: CommandSession, /, file: Path, target: str, output: Path, **options: Any) -> None:
    """Convert the speech of a file into another voice.

    The voice is a voice model, which `voicebox voice-models` lists, or a stored profile.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if "encoding" not in given:
        given["encoding"] = _encoding_for(output)
    with session.client() as client, whole_file(output) as out:
        size_bytes, warnings = 0, list[str]()
        events: Iterator[conversion_pb2.ConvertSpeechResponse] = client.convert(
            file, target, **cast("ConversionOptions", given)
        )
        for event in events:
            size_bytes += out.write(event.audio.data)
            warnings += [*event.started.warnings, *event.finished.warnings]
            progress(f"{size_bytes / 1e6:.1f} MB")
    progress("")
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=True)
    if session.json:
        print_json({"output": str(output), "sizeBytes": size_bytes, "warnings": warnings})
    else:
        click.echo(f"Wrote {output}: {size_bytes} bytes.")


def _encoding_for(output: Path) -> ConvertedEncoding:
    suffix = output.suffix.lower()
    if suffix not in ENCODING_OF_SUFFIX:
        raise click.UsageError(f"{output}: end it with one of {', '.join(ENCODING_OF_SUFFIX)}, or say --format.")
    return ENCODING_OF_SUFFIX[suffix]
