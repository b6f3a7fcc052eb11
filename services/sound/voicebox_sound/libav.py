"""Reads every container but WAV and FLAC with FFmpeg's libraries, in the confined child only."""

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from voicebox_sound.errors import AudioError, Reason
from voicebox_sound.intake import Intake, KeptIntake
from voicebox_sound.pcm import Frames
from voicebox_sound.reading import Piece, Reading

_DEMUXERS = {"ogg": "ogg", "mp3": "mp3", "aac": "aac", "mp4": "mov,mp4,m4a,3gp,3g2,mj2", "webm": "matroska,webm"}
_CODECS = {"flac", "mp3", "mp3float", "opus", "libopus", "vorbis", "aac", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_f32le"}
_OPTIONS = {
    "format_whitelist": ",".join(_DEMUXERS.values()),
    "codec_whitelist": ",".join(sorted(_CODECS)),
    "protocol_whitelist": "none",
    # Live audio must come out at once: FFmpeg would by default hold back 5 MB or 5 s to learn about the streams.
    # Whatever it then guesses wrong does not matter, since rate and channels are taken from each decoded frame.
    "probesize": "32",
    "max_probe_packets": "1",
}
_PADDING_SECONDS = 0.2
"""How much less than promised is still whole: encoders pad by up to 2,304 samples and count that."""


def open_libav(intake: Intake, container: str) -> Reading:
    """Reads the header. AudioError AUDIO_UNREADABLE when it is broken, AUDIO_FORMAT_REFUSED when no audio codec that is read is in it."""
    file = KeptIntake(intake) if container == "mp4" else _Forward(intake)
    try:
        opened = av.open(file, "r", format=_DEMUXERS[container], options=_OPTIONS, io_open=_refuse_to_open)
    except av.error.FFmpegError as error:
        raise AudioError(Reason.AUDIO_UNREADABLE, f"The audio begins like {container}, but its header cannot be read.") from error
    if not opened.streams.audio:
        raise AudioError(Reason.AUDIO_FORMAT_REFUSED, f"The {container} file holds no audio that is read.")
    stream = opened.streams.audio[0]
    if stream.codec_context is None or stream.codec_context.name not in _CODECS:
        raise AudioError(Reason.AUDIO_FORMAT_REFUSED, f"The audio codec of the {container} file is not read.")
    stream.codec_context.thread_count = 1
    packets = (packet for packet in opened.demux(stream) if packet.size)
    pieces = decoded(stream.codec_context.decode, packets)
    return Reading(container, stream.codec_context.name.removesuffix("float"), _promised_seconds(opened, stream), pieces)


class _Forward:
    """An intake as FFmpeg sees a file that cannot be rewound."""

    def __init__(self, intake: Intake) -> None:
        self.read = intake.read


def _refuse_to_open(url: str, _flags: int, _options: dict[str, str]) -> NoReturn:
    raise AudioError(Reason.AUDIO_FORMAT_REFUSED, f"The audio refers to another file, {url[:80]!r}; none is opened.")


def _promised_seconds(opened: InputContainer, stream: AudioStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif opened.duration is not None:
        seconds = opened.duration / av.time_base
    else:
        return None
    return max(seconds - _PADDING_SECONDS, 0.0)


def decoded(decode: "Callable[[Packet[Any] | None], list[AudioFrame]]", packets: "Iterator[Packet[Any]]") -> Iterator[Piece]:
    """Decodes what can be decoded: broken packets are left out. AudioError AUDIO_UNREADABLE when all are broken."""
    whole, broken, ended = 0, 0, False
    while not ended:
        try:
            packet = next(packets, None)
            ended = packet is None
            frames = decode(packet)
        except av.error.FFmpegError:
            broken += 1
            continue
        for frame in frames:
            whole += 1
            yield Piece(_frames(frame), frame.sample_rate)
    if broken and not whole:
        raise AudioError(Reason.AUDIO_UNREADABLE, "Nothing in the audio can be decoded.")


def _frames(frame: AudioFrame) -> Frames:
    """The samples of all channels as float32."""
    raw = frame.to_ndarray()
    frames = raw.T if frame.format.is_planar else raw.reshape(-1, frame.layout.nb_channels)
    if frames.dtype.kind == "f":
        return np.asarray(frames, np.float32)
    full_scale = np.float32(2.0 ** (8 * frames.dtype.itemsize - 1))
    return frames.astype(np.float32) / full_scale - np.float32(frames.dtype.kind == "u")
