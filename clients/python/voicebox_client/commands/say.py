"""`voicebox say`: text becomes speech, in a file, on stdout or on the speakers."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast, get_args

import click
from voicebox.tts.v1 import tts_pb2

from voicebox_client.errors import VoiceboxClientError
from voicebox_client.long_text import WholeParts
from voicebox_client.output import as_json, print_json, seconds
from voicebox_client.player import SamplesOf, find_player, playing
from voicebox_client.ranges import whole
from voicebox_client.requests import AS_FAST_AS_IT_CAN, Encoding, SpeechOptions
from voicebox_client.session import CommandSession, pass_session, progress
from voicebox_client.speech import Speech
from voicebox_client.stdin import text_as_it_comes
from voicebox_client.whole_file import whole_file

ENCODING_OF_SUFFIX: dict[str, Encoding] = {
    ".wav": "wav",
    ".flac": "flac",
    ".ogg": "ogg",
    ".opus": "ogg",
    ".mp3": "mp3",
    ".aac": "aac",
    ".pcm": "pcm",
    ".raw": "pcm",
    ".ulaw": "mulaw",
    ".alaw": "alaw",
}
STDIN = STDOUT = "-"
DEFAULT_OUTPUT = "speech.wav"


@dataclass(frozen=True)
class Target:
    """Where the speech goes: a path, `-` for stdout, or "" for none; a player's name, or ""; and how it is written."""

    output: str
    player: str
    encoding: Encoding


@click.command("say")
@click.argument("words", nargs=-1, metavar="[TEXT...|-]")
@click.option(
    "-f", "--file", "text_path", type=click.Path(dir_okay=False, path_type=Path), help="Speak this text file."
)
@click.option("--ssml", is_flag=True, default=None, help="The text is a document of SSML.")
@click.option("--live", "is_live", is_flag=True, help="Speak stdin while it is still being written.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help=f"WAV, MP3, Ogg, FLAC or PCM by its ending; - is stdout.  [default: {DEFAULT_OUTPUT}]",
)
@click.option("--format", "encoding", type=click.Choice(get_args(Encoding)), help="How to write, whatever the ending.")
@click.option("--play", is_flag=True, help="Play it on the speakers.")
@click.option("--profile", help="Speak as this stored profile.")
@click.option("--voice", help="Speak with this built-in voice.")
@click.option(
    "--reference", type=click.Path(dir_okay=False, path_type=Path), help="Speak as in this recording, stored nowhere."
)
@click.option("--reference-transcript", metavar="TEXT", help="What is said in that recording.")
@click.option("--reference-consent", metavar="TEXT", help="That its speaker agreed: who did, and to what.")
@click.option("--rate", "sample_rate_hz", type=int, metavar="HZ", help="Samples per second, 8000 to 48000.")
@click.option("--speed", type=float, metavar="X", help="Speed as a factor, 0.25 to 4.")
@click.option("--pitch", "pitch_semitones", type=float, metavar="SEMITONES", help="Pitch shift, -12 to 12.")
@click.option("--loudness", "loudness_lufs", type=float, metavar="LUFS", help="How loud, -40 to -5.")
@click.option("--true-peak", "true_peak_dbtp", type=float, metavar="DB", help="The greatest peak, -20 to 0.")
@click.option("--trim", "trim_silence", is_flag=True, default=None, help="Leave out silence around the speech.")
@click.option("--language", help="BCP 47 language of the text.")
@click.option("--instructions", metavar="TEXT", help="How to speak, in words, where the engine follows them.")
@click.option("--seed", type=whole(0, 2**32 - 1), help="The same seed gives the same samples.")
@click.option(
    "--lexicon", "lexicons", multiple=True, metavar="NAME", help="Read it with this lexicon; may be given again."
)
@click.option("--model", help="The model that speaks, as `voicebox models tts list` names it.")
@click.option("--check", is_flag=True, help="Have it recognised afterwards, and show the word error rate.")
@click.option("--no-store", "store", flag_value=False, default=None, help="Store no record of it in the history.")
@pass_session
def command(
    session: CommandSession,
    /,
    words: tuple[str, ...],
    text_path: Path | None,
    is_live: bool,
    output: str | None,
    encoding: Encoding | None,
    play: bool,
    reference: Path | None,
    lexicons: tuple[str, ...],
    **options: object,
) -> None:
    """Speak a text, to a file or to the speakers."""
    text = _text(words, text_path, is_live)
    target = target_of(output, encoding, play)
    if sum(map(bool, (options["profile"], options["voice"], reference))) > 1:
        raise click.UsageError("Choose one of --profile, --voice and --reference.")
    given = {"encoding": target.encoding} | {name: value for name, value in options.items() if value is not None}
    if not play:
        given["ahead_seconds"] = AS_FAST_AS_IT_CAN
    if lexicons:
        given["lexicons"] = lexicons
    if reference is not None:
        given["reference"] = reference.read_bytes()
    with session.client() as client:
        how = cast("SpeechOptions", given)
        try:
            speech = client.say(text, **how) if isinstance(text, str) else client.converse(text, **how)
        except UnicodeError:
            raise
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        deliver(session, speech, target)


def deliver(session: CommandSession, speech: Speech, target: Target) -> None:
    """Send the audio to its target while it arrives, then print a summary."""
    first_audio_seconds = _stream(speech, target)
    _report(session, speech, target, first_audio_seconds)


def _text(words: tuple[str, ...], path: Path | None, is_live: bool) -> str | Iterator[str]:
    """The text, or its pieces as they are written."""
    if is_live:
        if path is not None or words not in {(), (STDIN,)}:
            raise click.UsageError("With --live, the text comes from stdin.")
        return text_as_it_comes()
    return read_text(words, path)


def read_text(words: tuple[str, ...], path: Path | None) -> str:
    """The text of the command's words, of a file, or of stdin for `-`. Raises click.UsageError."""
    if bool(words) == bool(path):
        raise click.UsageError("Give a text, or -f FILE, or - to read it from stdin.")
    if path is not None:
        return _read(path)
    return sys.stdin.buffer.read().decode() if words == (STDIN,) else " ".join(words)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path} is not valid UTF-8 text.") from error


def target_of(output: str | None, encoding: Encoding | None, play: bool) -> Target:
    """Where it goes, and its encoding where that is not given. Raises click.UsageError."""
    player = find_player() if play else ""
    if output is None:
        output = "" if play else DEFAULT_OUTPUT
    if encoding is None:
        encoding = _encoding_for(output)
    if player and encoding not in {"wav", "pcm"}:
        raise click.UsageError("With --play, write WAV or PCM.")
    return Target(output, player, encoding)


def _encoding_for(output: str) -> Encoding:
    if output in {"", STDOUT}:
        return "wav"
    suffix = Path(output).suffix.lower()
    if suffix not in ENCODING_OF_SUFFIX:
        raise click.UsageError(f"{output}: end it with one of {', '.join(ENCODING_OF_SUFFIX)}, or say --format.")
    return ENCODING_OF_SUFFIX[suffix]


def _stream(speech: Speech, target: Target) -> float:
    """Sends the audio on while it arrives, and returns the seconds from the request to the first of it."""
    began = time.monotonic()
    first_audio_seconds = 0.0
    received_seconds = 0.0
    parts = speech.whole_parts()
    with ExitStack() as stack:
        file = stack.enter_context(whole_file(target.output)) if target.output not in {"", STDOUT} else None
        sinks = _sinks(target, file, parts)
        try:
            for event in speech:
                if event.HasField("started") and target.player:
                    play = stack.enter_context(playing(target.player, event.started.audio.sample_rate_hz))
                    sinks.append(SamplesOf(play).write if target.encoding == "wav" else play)
                if event.HasField("chunk"):
                    first_audio_seconds = first_audio_seconds or time.monotonic() - began
                    received_seconds += seconds(event.chunk.duration)
                    progress(f"{received_seconds:.1f} s")
                    for sink in sinks:
                        sink(event.chunk.audio)
        except VoiceboxClientError as error:
            if file is None:
                raise
            parts.keep(file, target.output, error)
        progress("")
    parts.ended()
    return first_audio_seconds


def _sinks(target: Target, file: BinaryIO | None, parts: WholeParts) -> list[Callable[[bytes], object]]:
    if target.output == STDOUT:
        return [_to_stdout]
    return [partial(parts.write, file)] if file else []


def _to_stdout(audio: bytes) -> None:
    sys.stdout.buffer.write(audio)
    sys.stdout.buffer.flush()  # whoever reads the pipe may be playing it


def _report(session: CommandSession, speech: Speech, target: Target, first_audio_seconds: float) -> None:
    assert speech.started is not None
    assert speech.finished is not None
    to_stderr = target.output == STDOUT
    for warning in speech.finished.warnings:
        click.echo(f"Warning: {warning}", err=True)
    if session.json:
        print_json(
            {
                "output": target.output,
                "firstAudioSeconds": round(first_audio_seconds, 4),
                "started": as_json(speech.started),
                "finished": as_json(speech.finished),
            },
            err=to_stderr,
        )
    else:
        click.echo(_sentence(speech.started, speech.finished, target, first_audio_seconds), err=to_stderr)


def _sentence(
    started: tts_pb2.SynthesisStarted, finished: tts_pb2.SynthesisFinished, target: Target, first_audio_seconds: float
) -> str:
    done = f"Wrote {target.output}" if target.output not in {"", STDOUT} else "Spoke"
    voice = started.voice or started.model  # a cloned voice has no built-in one in it
    who = f"{started.profile} on {voice}" if started.profile else voice
    stored = f", stored as {finished.generation}" if finished.generation else ""
    checked = (
        f", {100 * finished.word_error_rate:.0f} % of the words misheard"
        if finished.HasField("word_error_rate")
        else ""
    )
    first_ms = 1000 * first_audio_seconds
    return f"{done}: {seconds(finished.duration):.2f} s by {who}, first audio after {first_ms:.0f} ms{checked}{stored}."
