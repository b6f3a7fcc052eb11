"""`voicebox transcribe`: recordings become text, whole or while they play."""

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import click
from voicebox.asr.v1 import asr_pb2

from voicebox_client import live
from voicebox_client.client import Client
from voicebox_client.errors import VoiceboxClientError
from voicebox_client.output import as_json, print_json, print_table, seconds
from voicebox_client.requests import RecognitionOptions
from voicebox_client.session import Session, pass_session, progress
from voicebox_client.stdin import stdin

STDIN = "-"


@click.command("transcribe")
@click.argument("files", nargs=-1, required=True, metavar="FILE...|-")
@click.option("--live", "is_live", is_flag=True, help="Send it at the speed of speech, and show what is heard meanwhile.")
@click.option("--words", "word_offsets", is_flag=True, help="Tell each word's time and confidence.")
@click.option("--language", help="BCP 47 language.")
@click.option("--rate", "sample_rate_hz", type=int, metavar="HZ", help="The input is headerless 16-bit mono samples, so many per second.")
@pass_session
def command(
    session: Session, files: tuple[str, ...], is_live: bool, word_offsets: bool, language: str | None, sample_rate_hz: int | None
) -> None:
    """Tell what is said in recordings."""
    given = {"word_offsets": word_offsets, "language": language, "sample_rate_hz": sample_rate_hz}
    options = cast("RecognitionOptions", {name: value for name, value in given.items() if value is not None})
    with session.client() as client:
        for file in files:
            if is_live:
                _listen(session, client, file, options)
            else:
                _transcribe(session, client, file, options, is_one=len(files) == 1)


def _transcribe(session: Session, client: Client, file: str, options: RecognitionOptions, is_one: bool) -> None:
    progress(f"Listening to {file} …")
    try:
        answer = client.transcribe(stdin() if file == STDIN else Path(file), **options)
    except VoiceboxClientError as error:
        if error.field.partition(".")[0] != "audio":
            raise
        raise click.ClickException(f"{file}: {error.sentence}") from error
    progress("")
    if session.json:
        print_json({"file": file} | as_json(answer), line=True)
        return
    click.echo(answer.transcript if is_one else f"{file}: {answer.transcript}")
    if options.get("word_offsets"):
        _print_words(word for utterance in answer.utterances for word in utterance.words)


def _listen(session: Session, client: Client, file: str, options: RecognitionOptions) -> None:
    spoken = live.samples(stdin()) if file == STDIN else live.recording(Path(file), options.get("sample_rate_hz"), session.sleep)
    options = {"sample_rate_hz": live.DEFAULT_RATE_HZ} | options | spoken.options
    for event in client.listen(spoken.blocks, **options):
        if session.json:
            print_json(as_json(event), line=True)
        elif event.HasField("interim"):
            progress(event.interim.transcript)
        elif event.HasField("final"):
            progress("")
            click.echo(event.final.transcript)
            _print_words(event.final.words)


def _print_words(words: Iterable[asr_pb2.Word]) -> None:
    rows = [_row(word) for word in words]
    if rows:
        print_table(("START", "END", "CONFIDENCE", "WORD"), rows)


def _row(word: asr_pb2.Word) -> tuple[str, str, str, str]:
    confidence = f"{word.confidence:.2f}" if word.HasField("confidence") else ""
    return f"{seconds(word.start_offset):.2f}", f"{seconds(word.end_offset):.2f}", confidence, word.word
