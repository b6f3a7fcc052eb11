"""How audio is written: the encodings, their names for HTTP and files, and their sample rates."""

from enum import StrEnum


class Encoding(StrEnum):
    """How audio is written. All are mono; PCM, WAV and FLAC are 16-bit and lossless."""

    PCM_S16LE = "pcm_s16le"
    """Headerless little-endian signed samples."""
    WAV = "wav"
    FLAC = "flac"
    OGG_OPUS = "ogg_opus"
    """Opus in Ogg. It always decodes at 48 kHz, whatever went in."""
    MP3 = "mp3"
    AAC = "aac"
    """AAC-LC in ADTS, which needs no container."""
    MULAW = "mulaw"
    """Headerless G.711 mu-law: 8 bits for each sample."""
    ALAW = "alaw"
    """Headerless G.711 A-law, likewise."""

    @property
    def content_type(self) -> str:
        """The media type for HTTP."""
        return _CONTENT_TYPES[self]

    @property
    def suffix(self) -> str:
        """The file name's ending, with its dot."""
        return _SUFFIXES[self]


_CONTENT_TYPES = {
    Encoding.PCM_S16LE: "audio/pcm",
    Encoding.WAV: "audio/wav",
    Encoding.FLAC: "audio/flac",
    Encoding.OGG_OPUS: "audio/ogg; codecs=opus",
    Encoding.MP3: "audio/mpeg",
    Encoding.AAC: "audio/aac",
    Encoding.MULAW: "audio/PCMU",
    Encoding.ALAW: "audio/PCMA",
}
_SUFFIXES = {
    Encoding.PCM_S16LE: ".pcm",
    Encoding.WAV: ".wav",
    Encoding.FLAC: ".flac",
    Encoding.OGG_OPUS: ".ogg",
    Encoding.MP3: ".mp3",
    Encoding.AAC: ".aac",
    Encoding.MULAW: ".ulaw",
    Encoding.ALAW: ".alaw",
}
_ANY_RATE = range(8_000, 192_001)
_RATES = {
    Encoding.OGG_OPUS: (8_000, 12_000, 16_000, 24_000, 48_000),
    Encoding.MP3: (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    Encoding.AAC: (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000),
}


def supported_rate(encoding: Encoding, sample_rate_hz: int) -> bool:
    """Whether audio at this rate can be written so: 8 to 192 kHz, for Opus, MP3 and AAC only the rates that they
    know.
    """
    return sample_rate_hz in _RATES.get(encoding, _ANY_RATE)
