"""What can be wrong with a piece of audio, or with the decoder.

AudioError                 a reason and a sentence
└── DecoderUnavailable     not the audio's fault: the decoder's process cannot be started

This module knows no gRPC: a service turns an AudioError into its own error that names the request's field.
"""

from enum import StrEnum


class AudioReason(StrEnum):
    """Why audio was refused. Stable: clients may test for it."""

    AUDIO_EMPTY = "AUDIO_EMPTY"
    """There are no bytes, or a right file holds no sample."""
    AUDIO_FORMAT_REFUSED = "AUDIO_FORMAT_REFUSED"
    """It is not one of the containers and codecs that are read, or its rate or channel count is out of bounds."""
    AUDIO_UNREADABLE = "AUDIO_UNREADABLE"
    """It claims to be such a container, and nothing in it can be decoded."""
    AUDIO_TOO_LARGE = "AUDIO_TOO_LARGE"
    """It has more bytes than are allowed, or decoding it needs more memory than is allowed."""
    AUDIO_TOO_LONG = "AUDIO_TOO_LONG"
    """It lasts longer than is allowed."""
    AUDIO_TOO_SLOW = "AUDIO_TOO_SLOW"
    """Decoding it takes more time than is allowed."""
    DECODER_UNAVAILABLE = "DECODER_UNAVAILABLE"
    """The decoder's process cannot be started; the audio was not looked at."""


class AudioError(Exception):
    """Audio that is refused: a stable reason and a sentence for people."""

    def __init__(self, reason: AudioReason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class DecoderUnavailable(AudioError):
    """The decoder cannot work now. Trying again later may help."""

    def __init__(self, sentence: str) -> None:
        super().__init__(AudioReason.DECODER_UNAVAILABLE, sentence)
