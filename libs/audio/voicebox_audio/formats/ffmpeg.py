"""Reads every container but WAV and FLAC with FFmpeg's libraries, in the confined child only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from voicebox_audio.errors import AudioError, AudioReason
from voicebox_audio.pcm import Frames

from .input import Readable, SeekableInput
from .open_file import DecodedBlock, OpenFile


@dataclass(frozen=True)
class _Demuxer:
    """How FFmpeg reads a container. `seeks` where its index may stand behind the audio; `live` where audio must come
    out at once.
    """

    name: str
    seeks: bool = False
    live: bool = False
    has_length: bool = False


_DEMUXERS = {
    "ogg": _Demuxer("ogg", live=True),
    "mp3": _Demuxer("mp3", live=True, has_length=True),
    "aac": _Demuxer("aac", live=True),
    "webm": _Demuxer("matroska,webm", live=True, has_length=True),
    "mp4": _Demuxer("mov,mp4,m4a,3gp,3g2,mj2", live=True, seeks=True, has_length=True),
    "wav": _Demuxer("wav"),
    "aiff": _Demuxer("aiff", seeks=True, has_length=True),
    "caf": _Demuxer("caf", seeks=True, has_length=True),
    "w64": _Demuxer("w64", seeks=True, has_length=True),
    "au": _Demuxer("au"),
    "amr": _Demuxer("amr"),
    "asf": _Demuxer("asf", seeks=True),
    "avi": _Demuxer("avi", seeks=True),
    "mpeg": _Demuxer("mpeg", seeks=True),
    "mpegts": _Demuxer("mpegts"),
    "flv": _Demuxer("flv", has_length=True),
    "nist": _Demuxer("nistsphere"),
    "wavpack": _Demuxer("wv", has_length=True),
    "ac3": _Demuxer("ac3"),
    "eac3": _Demuxer("eac3"),
}
_CODECS = set(
    "flac mp1float mp1 mp2float mp2 mp3float mp3 opus libopus vorbis libvorbis aac aac_latm alac ac3 eac3 dca truehd "
    "amrnb amrwb "
    "wmav1 wmav2 wmapro wmavoice wmalossless gsm gsm_ms g722 adpcm_ms adpcm_ima_wav adpcm_ima_qt adpcm_swf speex "
    "nellymoser wavpack "
    "pcm_u8 pcm_s8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be "
    "pcm_alaw "
    "pcm_mulaw".split()
)
_OPTIONS = {
    "format_whitelist": ",".join(demuxer.name for demuxer in _DEMUXERS.values()),
    "codec_whitelist": ",".join(sorted(_CODECS)),
    "protocol_whitelist": "none",
}
_LIVE_OPTIONS = {
    # Live audio must come out at once: FFmpeg would by default hold back 5 MB or 5 s to learn about the streams.
    # Whatever it then guesses wrong does not matter, since rate and channels are taken from each decoded frame.
    "probesize": "32",
    "max_probe_packets": "1",
}
_PADDING_SECONDS = 0.2
"""How much less than promised is still whole: encoders pad by up to 2,304 samples and count that."""

_MOST_GAPS = 1000
"""How often a file may be unreadable before its rest is given up."""


def open_libav(encoded: Readable, container: str) -> OpenFile:
    """Reads the header. AudioError AUDIO_UNREADABLE when it is broken, AUDIO_FORMAT_REFUSED when no audio codec that is
    read is in it.
    """
    demuxer = _DEMUXERS[container]
    file = SeekableInput(encoded) if demuxer.seeks else _Forward(encoded)
    options = _OPTIONS | _LIVE_OPTIONS if demuxer.live else _OPTIONS
    try:
        opened = av.open(file, "r", format=demuxer.name, options=options, io_open=_refuse_to_open)
    except av.error.FFmpegError as error:
        raise AudioError(
            AudioReason.AUDIO_UNREADABLE, f"The audio begins like {container}, but its header cannot be read."
        ) from error
    if not opened.streams.audio:
        raise AudioError(AudioReason.AUDIO_FORMAT_REFUSED, f"The {container} file holds no audio that is read.")
    stream = opened.streams.audio[0]
    context = stream.codec_context
    if context is None or context.name not in _CODECS:
        codec = "an unknown codec" if context is None else f"the codec {context.name}"
        raise AudioError(
            AudioReason.AUDIO_FORMAT_REFUSED, f"The {container} file holds audio in {codec}, which is not read."
        )
    context.thread_count = 1
    promised = _promised_seconds(opened, stream) if demuxer.has_length else None
    damage = Damage()
    pieces = decoded(context.decode, _packets(opened, stream, damage), damage)
    return OpenFile(container, _codec_name(context.name), promised, pieces, lambda: not damage.lost)


def _codec_name(decoder: str) -> str:
    """FFmpeg's name of a codec from that of its decoder."""
    return decoder.removeprefix("lib").removesuffix("float")


class _Forward:
    """Encoded input as FFmpeg sees a file that cannot be rewound."""

    def __init__(self, encoded: Readable) -> None:
        self.read = encoded.read


def _refuse_to_open(url: str, _flags: int, _options: dict[str, str]) -> NoReturn:
    raise AudioError(
        AudioReason.AUDIO_FORMAT_REFUSED, f"The audio refers to another file, {url[:80]!r}; none is opened."
    )


def _promised_seconds(opened: InputContainer, stream: AudioStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif opened.duration is not None:
        seconds = opened.duration / av.time_base
    else:
        return None
    return max(seconds - _PADDING_SECONDS, 0.0)


@dataclass
class Damage:
    """What is broken in a file. `lost` is True once it lies behind sound: a recording of a broadcast begins anywhere,
    and loses nothing by that.
    """

    lost: bool = False
    gaps: int = 0


def _packets(opened: InputContainer, stream: AudioStream, damage: Damage) -> "Iterator[Packet[Any]]":
    """The packets that hold something. Behind what it cannot read, FFmpeg is asked again: it goes on there."""
    while damage.gaps < _MOST_GAPS:
        try:
            yield from (packet for packet in opened.demux(stream) if packet.size)
        except av.error.FFmpegError:
            damage.gaps += 1
        else:
            return


def decoded(
    decode: "Callable[[Packet[Any] | None], list[AudioFrame]]", packets: "Iterator[Packet[Any]]", damage: Damage
) -> Iterator[DecodedBlock]:
    """Decodes what can be decoded: broken packets are left out, and noted in `damage`.

    AudioError AUDIO_UNREADABLE when all are broken.
    """
    whole, broken, gaps, ended = 0, 0, 0, False
    while not ended:
        packet = next(packets, None)
        ended = packet is None
        # What cannot be read behind the last packet are tags.
        damage.lost |= bool(whole) and not ended and damage.gaps > gaps
        gaps = damage.gaps
        try:
            frames = decode(packet)
        except av.error.FFmpegError:
            broken += 1
            damage.lost |= bool(whole)
            continue
        for frame in frames:
            whole += 1
            yield DecodedBlock(_frames(frame), frame.sample_rate)
    if (broken or gaps) and not whole:
        raise AudioError(AudioReason.AUDIO_UNREADABLE, "Nothing in the audio can be decoded.")


def _frames(frame: AudioFrame) -> Frames:
    """The samples of all channels as float32."""
    raw = frame.to_ndarray()
    frames = raw.T if frame.format.is_planar else raw.reshape(-1, frame.layout.nb_channels)
    if frames.dtype.kind == "f":
        return np.asarray(frames, np.float32)
    full_scale = np.float32(2.0 ** (8 * frames.dtype.itemsize - 1))
    return frames.astype(np.float32) / full_scale - np.float32(frames.dtype.kind == "u")
