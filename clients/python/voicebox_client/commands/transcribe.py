"""`voicebox transcribe`: recordings become text or subtitles, whole or while they play."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast, get_args

import click
from voicebox.asr.v1 import asr_pb2

from voicebox_client import live
from voicebox_client.client import Client
from voicebox_client.errors import VoiceboxClientError
from voicebox_client.output import as_json, print_json, print_table, seconds
from voicebox_client.ranges import whole
from voicebox_client.recognition_requests import DocumentOptions, RecognitionOptions, Task, TranscriptFormat
from voicebox_client.records import STDOUT, labelled, save
from voicebox_client.session import CommandSession, pass_session, progress, working
from voicebox_client.stdin import stdin
from voicebox_client.upload import Source, size_bytes

STDIN = "-"
SUFFIXES: dict[TranscriptFormat, str] = {"text": ".txt", "srt": ".srt", "vtt": ".vtt", "tsv": ".tsv", "json": ".json"}
LAYOUT = DocumentOptions.__optional_keys__ - RecognitionOptions.__optional_keys__


@click.command("transcribe")
@click.argument("files", nargs=-1, required=True, metavar="FILE...|-")
@click.option("--live", "is_live", is_flag=True, help="Send it at the speed of speech, and show results meanwhile.")
@click.option("--words", "word_offsets", is_flag=True, default=None, help="Show each word's time and confidence.")
@click.option(
    "--model", metavar="ENGINE/MODEL", help="The model, such as whisper/small; `voicebox models asr` lists them."
)
@click.option("--language", help="BCP 47 language.")
@click.option("--multilingual", is_flag=True, default=None, help="The language may change within the audio.")
@click.option("--task", type=click.Choice(get_args(Task)), help="translate: write English, whatever is spoken.")
@click.option(
    "--prompt", metavar="TEXT", help="Text that precedes this audio: its spelling and names are carried over."
)
@click.option("--hotword", "hotwords", multiple=True, metavar="WORDS", help="Likely words; may be repeated.")
@click.option(
    "--grammar",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file with the JSGF grammar of the texts that can be recognised.",
)
@click.option(
    "--phrase",
    "phrases",
    multiple=True,
    metavar="WORDS",
    help="One of the only phrases that can be recognised; may be repeated.",
)
@click.option("--channels", "separate_channels", is_flag=True, default=None, help="Recognise each channel separately.")
@click.option("--speakers", "diarization", is_flag=True, default=None, help="Show who speaks.")
@click.option("--max-speakers", type=whole(1, 20), metavar="N", help="Show who speaks: at most this many people.")
@click.option("--min-speakers", type=whole(1, 20), metavar="N", help="Show who speaks: at least this many people.")
@click.option("--store", is_flag=True, default=None, help="Store the audio and the text in the history.")
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label of the stored record; may be repeated."
)
@click.option(
    "--rate",
    "sample_rate_hz",
    type=int,
    metavar="HZ",
    help="The input is headerless 16-bit mono samples, this many per second.",
)
@click.option("--format", "form", type=click.Choice(get_args(TranscriptFormat)), help="Write a document of this form.")
@click.option(
    "-o", "--output", metavar="FILE|FOLDER", help="Where the document goes, or all of them.  [default: stdout]"
)
@click.option("--max-line-length", type=int, metavar="N", help="Subtitles: characters in a line.")
@click.option("--max-line-count", type=int, metavar="N", help="Subtitles: lines that are shown at once.")
@click.option(
    "--max-words", "max_words_per_cue", type=int, metavar="N", help="Subtitles: words that are shown at once."
)
@click.option("--max-cue-seconds", type=float, metavar="S", help="Subtitles: how long they are shown.")
@click.option("--highlight-words", is_flag=True, default=None, help="Subtitles (vtt): each word's time.")
@pass_session
def command(
    session: CommandSession,
    /,
    files: tuple[str, ...],
    is_live: bool,
    form: TranscriptFormat | None,
    output: str | None,
    **given: object,
) -> None:
    """Transcribe recordings."""
    options = _options({name: value for name, value in given.items() if value not in (None, ())})
    _check(files, is_live, form, output, options)
    with session.client() as client:
        for file in files:
            if is_live:
                _listen(session, client, file, options)
            elif form:
                _write(session, client, file, form, output or STDOUT, options)
            else:
                _transcribe(session, client, file, options, is_one=len(files) == 1)


def _options(given: dict[str, object]) -> DocumentOptions:
    options = cast("DocumentOptions", given)
    if "grammar" in options and "phrases" in options:
        raise click.UsageError("Choose one of --grammar and --phrase.")
    if "grammar" in options:
        options["grammar"] = Path(options["grammar"]).read_text("utf-8")
    if "labels" in options:
        if not options.get("store"):
            raise click.UsageError("--label needs --store.")
        options["labels"] = labelled({}, options["labels"])
    return options


def _check(
    files: Sequence[str], is_live: bool, form: TranscriptFormat | None, output: str | None, options: DocumentOptions
) -> None:
    if is_live and form:
        raise click.UsageError("--format is for whole recordings, not --live.")
    if not form and (output or options.keys() & LAYOUT):
        raise click.UsageError("Say with --format what to write.")
    if form and len(files) > 1 and not (output and Path(output).is_dir()):
        raise click.UsageError("Say with -o FOLDER where the documents go: each has the name of its recording.")


def _target(file: str, form: TranscriptFormat, output: str) -> str:
    """The document's file."""
    if not Path(output).is_dir():
        return output
    name = "stdin" if file == STDIN else Path(file).stem
    return str(Path(output, name + SUFFIXES[form]))


def _write(
    session: CommandSession, client: Client, file: str, form: TranscriptFormat, output: str, options: DocumentOptions
) -> None:
    with _hearing(file) as sent:
        document = client.transcribe_as(_source(file), form, sent=sent, **options)
    save(session, [document.encode()], _target(file, form, output))


def _transcribe(
    session: CommandSession, client: Client, file: str, options: RecognitionOptions, *, is_one: bool
) -> None:
    with _hearing(file) as sent:
        answer = client.transcribe(_source(file), sent=sent, **options)
    if session.json:
        print_json({"file": file} | as_json(answer), line=True)
        return
    for line in _lines(answer):
        click.echo(line if is_one else f"{file}: {line}")
    if options.get("word_offsets"):
        _print_words(word for utterance in answer.utterances for word in utterance.words)
    _print_notes(answer.warnings, answer.transcription)


@contextmanager
def _hearing(file: str) -> Iterator[Callable[[int], None]]:
    """While a file is recognised, it is named, with how much of it the server took; also when it is no audio."""
    total = None if file == STDIN else size_bytes(file)
    try:
        with working(f"Listening to {file}") as work:

            def sent(count: int) -> None:
                work.share = count / total if total else None

            yield sent
    except VoiceboxClientError as error:
        if error.field.partition(".")[0] != "audio":
            raise
        raise click.ClickException(f"{file}: {error.sentence}") from error


def _source(file: str) -> Source:
    return stdin() if file == STDIN else Path(file)


def _lines(answer: asr_pb2.RecognizeResponse) -> list[str]:
    """The text; with speakers or channels, a line for each utterance."""
    if any(map(_who, answer.utterances)):
        return [_labelled(utterance) for utterance in answer.utterances]
    return [answer.transcript]


def _labelled(utterance: asr_pb2.Hypothesis) -> str:
    who = _who(utterance)
    return f"{who}: {utterance.transcript}" if who else utterance.transcript


def _who(utterance: asr_pb2.Hypothesis) -> str:
    return utterance.speaker or (f"channel {utterance.channel}" if utterance.channel else "")


def _listen(session: CommandSession, client: Client, file: str, options: RecognitionOptions) -> None:
    spoken = (
        live.samples(stdin())
        if file == STDIN
        else live.recording(Path(file), options.get("sample_rate_hz"), session.sleep)
    )
    options = {"sample_rate_hz": live.DEFAULT_RATE_HZ} | options | spoken.options
    for event in client.listen(spoken.blocks, **options):
        if session.json:
            print_json(as_json(event), line=True)
        elif event.HasField("interim"):
            progress(_labelled(event.interim))
        elif event.HasField("final"):
            progress("")
            click.echo(_labelled(event.final))
            _print_words(event.final.words)
        elif event.HasField("finished"):
            _print_notes(event.finished.warnings, event.finished.transcription)


def _print_notes(warnings: Iterable[asr_pb2.RecognitionWarning], transcription: str) -> None:
    for warning in warnings:
        place = (
            f" ({seconds(warning.start_offset):.2f} to {seconds(warning.end_offset):.2f} s)"
            if warning.HasField("start_offset")
            else ""
        )
        click.echo(f"Warning: {warning.message}{place}", err=True)
    if transcription:
        click.echo(f"Stored as {transcription}.", err=True)


def _print_words(words: Iterable[asr_pb2.Word]) -> None:
    rows = [_row(word) for word in words]
    if rows:
        print_table(("START", "END", "CONFIDENCE", "WORD"), rows)


def _row(word: asr_pb2.Word) -> tuple[str, str, str, str]:
    confidence = f"{word.confidence:.2f}" if word.HasField("confidence") else ""
    return f"{seconds(word.start_offset):.2f}", f"{seconds(word.end_offset):.2f}", confidence, word.word
