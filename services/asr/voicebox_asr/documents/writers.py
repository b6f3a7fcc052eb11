"""Writes a transcript as a document: text, subtitles, a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from voicebox_asr.results.utterance import Utterance
from voicebox_asr.results.warnings import RecognitionWarning

from .subtitles import Cue, Layout, Line, cues, voice


class Format(Enum):
    """What a document can be."""

    TEXT = auto()
    SRT = auto()
    VTT = auto()
    TSV = auto()
    JSON = auto()


CONTENT_TYPES = {
    Format.TEXT: "text/plain; charset=utf-8",
    Format.SRT: "application/x-subrip; charset=utf-8",
    Format.VTT: "text/vtt; charset=utf-8",
    Format.TSV: "text/tab-separated-values; charset=utf-8",
    Format.JSON: "application/json",
}


@dataclass(frozen=True)
class DocumentOptions:
    """The format and layout of a document."""

    format: Format
    layout: Layout

    @property
    def needs_words(self) -> bool:
        """Whether it needs the times of words."""
        return self.format in (Format.SRT, Format.VTT)


def document(
    utterances: Sequence[Utterance], options: DocumentOptions, warnings: Sequence[RecognitionWarning] = ()
) -> str:
    """The document in every format but JSON, which is the response itself. Only WebVTT holds warnings."""
    match options.format:
        case Format.SRT:
            return srt(utterances, options.layout)
        case Format.VTT:
            return vtt(utterances, options.layout, warnings)
        case Format.TSV:
            return tsv(utterances)
        case _:
            return text(utterances)


def text(utterances: Iterable[Utterance]) -> str:
    """One line for each utterance, with its speaker in front."""
    return "".join(f"{_spoken(utterance)}\n" for utterance in utterances)


def tsv(utterances: Iterable[Utterance]) -> str:
    """Start and end in milliseconds and text, as Whisper's own command writes it."""
    rows = (
        f"{round(1000 * each.start_seconds)}\t{round(1000 * each.end_seconds)}\t{_spoken(each)}\n"
        for each in utterances
    )
    return "start\tend\ttext\n" + "".join(rows)


def srt(utterances: Sequence[Utterance], layout: Layout) -> str:
    """SubRip. It has no escapes: angle brackets, which players read as tags, become similar marks."""
    found = cues(utterances, layout, voice_in_line=True)
    return "\n".join(f"{number}\n{_times(cue, ',')}\n{_srt_text(cue)}\n" for number, cue in enumerate(found, 1))


def vtt(utterances: Sequence[Utterance], layout: Layout, warnings: Sequence[RecognitionWarning] = ()) -> str:
    """WebVTT, https://www.w3.org/TR/webvtt1/. Warnings become comments."""
    found = cues(utterances, layout)
    comments = "".join(f"\n{_comment(warning)}\n" for warning in warnings)
    return f"WEBVTT\n{comments}" + "".join(
        f"\n{_times(cue, '.')}\n{_vtt_text(cue, highlight=layout.highlight_words)}\n" for cue in found
    )


def _comment(warning: RecognitionWarning) -> str:
    """A comment ends with an empty line, and holds no arrow."""
    when = "" if warning.start_seconds is None else f" at {_clock(round(1000 * warning.start_seconds), '.')}"
    sentence = " ".join(warning.sentence.replace("-->", "->").split())
    return f"NOTE {warning.reason}{when}: {sentence}"


def _spoken(utterance: Utterance) -> str:
    text = " ".join(utterance.hypothesis.text.split())
    who = voice(utterance)
    return f"{who}: {text}" if who else text


def _srt_text(cue: Cue) -> str:
    lines = "\n".join("".join(_spaced(line)) for line in cue.lines).replace("<", "‹").replace(">", "›")
    return f"{cue.voice}: {lines}" if cue.voice else lines


def _vtt_text(cue: Cue, *, highlight: bool) -> str:
    last_ms = cue.start_ms
    lines = []
    for line in cue.lines:
        written = ""
        for word, spaced in zip(line, _spaced(line), strict=True):
            if highlight and last_ms < word.start_ms < cue.end_ms:
                last_ms = word.start_ms
                written += f"<{_clock(last_ms, '.')}>"
            written += spaced.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        lines.append(written)
    return (f"<v {cue.voice}>" if cue.voice else "") + "\n".join(lines)


def _spaced(line: Line) -> list[str]:
    """The words of a line with the spaces between them."""
    return [word.text if index == 0 else word.space + word.text for index, word in enumerate(line)]


def _times(cue: Cue, point: str) -> str:
    return f"{_clock(cue.start_ms, point)} --> {_clock(cue.end_ms, point)}"


def _clock(milliseconds: int, point: str) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{milliseconds:03}"
