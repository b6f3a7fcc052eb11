"""The worker: decodes one file that arrives on a socket, and sends the samples back."""

import json
import signal
import socket
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from voicebox_audio.errors import AudioError, AudioReason
from voicebox_audio.formats.chain import Chain
from voicebox_audio.formats.input import EncodedInput

from . import messages
from .confinement import confine_to
from .limits import Limits
from .output import SampleSender, send


@dataclass(frozen=True)
class DecodeRequest:
    """A request to a child: the rate of the audio that it sends, None for the file's own, and whether all channels or
    their mean.
    """

    sample_rate_hz: int | None
    separate: bool
    limits: Limits


def work(channel: socket.socket, own_bytes: int) -> None:
    """Serves one request of the socket. Every failure ends in an ERROR frame, if there is still someone to
    read it.
    """
    channel.sendall(messages.frame(messages.READY))
    try:
        job = _receive_job(channel)
        signal.signal(signal.SIGXCPU, _out_of_time)
        confine_to(job.limits, own_bytes)
        _decode(channel, job)
    except AudioError as error:
        send(channel, messages.ERROR, reason=error.reason, sentence=error.sentence)
    except MemoryError:
        send(
            channel,
            messages.ERROR,
            reason=AudioReason.AUDIO_TOO_LARGE,
            sentence="Decoding the audio needs more memory than is allowed.",
        )
    except (BrokenPipeError, ConnectionResetError):
        pass  # the decoder wants no more
    except Exception:  # broken files show themselves in many ways, none of which may look like the decoder's fault
        send(channel, messages.ERROR, reason=AudioReason.AUDIO_UNREADABLE, sentence="The audio cannot be decoded.")


def _receive_job(channel: socket.socket) -> DecodeRequest:
    kind, length = messages.HEADER.unpack(channel.recv(messages.HEADER.size, socket.MSG_WAITALL))
    assert kind == messages.JOB
    request = json.loads(channel.recv(length, socket.MSG_WAITALL))
    return DecodeRequest(request["sample_rate_hz"], request["separate"], Limits(**request["limits"]))


def _out_of_time(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise AudioError(AudioReason.AUDIO_TOO_SLOW, "Decoding the audio takes more processor time than is allowed.")


def _decode(channel: socket.socket, job: DecodeRequest) -> None:
    sender = SampleSender(channel, job.sample_rate_hz, job.limits, separate=job.separate)

    def receive(count: int) -> bytes:
        try:
            return channel.recv(count, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sender.flush()  # nobody should wait for audio that is decoded because more bytes are not there yet
            return channel.recv(count)

    encoded = EncodedInput(receive, job.limits.max_bytes)
    chain = Chain(encoded)
    for piece in chain.pieces():
        sender.push(chain.first, piece)
    sender.finish(cut_short=chain.cut_short)
