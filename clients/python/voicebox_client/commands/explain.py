"""`voicebox explain`: how a text would be spoken."""

from pathlib import Path
from typing import cast

import click
from voicebox.tts.v1 import tts_pb2

from voicebox_client.commands.say import read_text
from voicebox_client.output import as_json, print_json
from voicebox_client.requests import SpeechOptions
from voicebox_client.session import CommandSession, pass_session


@click.command("explain")
@click.argument("words", nargs=-1, metavar="[TEXT...|-]")
@click.option(
    "-f", "--file", "text_path", type=click.Path(dir_okay=False, path_type=Path), help="Explain this text file."
)
@click.option("--ssml", is_flag=True, default=None, help="The text is a document of SSML.")
@click.option("--profile", help="As this stored profile would speak it.")
@click.option("--voice", help="As this built-in voice would speak it.")
@click.option("--language", help="BCP 47 language of the text.")
@click.option("--model", help="The model that would speak, as `voicebox models tts list` names it.")
@click.option(
    "--lexicon", "lexicons", multiple=True, metavar="NAME", help="Read it with this lexicon; may be given again."
)
@pass_session
def command(
    session: CommandSession,
    /,
    words: tuple[str, ...],
    text_path: Path | None,
    lexicons: tuple[str, ...],
    **options: object,
) -> None:
    """Show how a text would be spoken: numbers and signs in words, lexicons, phonemes."""
    text = read_text(words, text_path)
    if options["profile"] and options["voice"]:
        raise click.UsageError("Choose one of --profile and --voice.")
    given = {name: value for name, value in options.items() if value is not None}
    if lexicons:
        given["lexicons"] = lexicons
    with session.client() as client:
        explanation = client.explain(text, **cast("SpeechOptions", given))
    if session.json:
        print_json(as_json(explanation))
        return
    for warning in explanation.warnings:
        click.echo(f"Warning: {warning}", err=True)
    for sentence in explanation.sentences:
        _print(sentence)


def _print(sentence: tts_pb2.ExplainedSentence) -> None:
    click.echo(sentence.text)
    if sentence.spoken != sentence.text:
        click.echo(f"  spoken:   {sentence.spoken}")
    if sentence.phonemes:
        click.echo(f"  phonemes: {sentence.phonemes}")
    for each in sentence.replacements:
        said = f"/{each.phoneme}/" if each.phoneme else each.alias
        click.echo(f"  {each.written} = {said} ({each.lexicon or 'in the text'})")
