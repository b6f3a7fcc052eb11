"""Which audio container the first bytes announce."""

SNIFF_BYTES = 12
"""How many bytes `sniff` wants; more are ignored."""

_MPEG_LAYER_III = 0b01
_RESERVED = 0b01
_MAGIC = ((b"fLaC", "flac"), (b"OggS", "ogg"), (b"ID3", "mp3"), (b"\x1a\x45\xdf\xa3", "webm"))


def sniff(start: bytes) -> str | None:
    """The container that the first bytes of a file announce: wav, flac, ogg, mp3, aac (ADTS), mp4 or webm; None for anything else."""
    if start[:4] in (b"RIFF", b"RF64", b"BW64"):
        return "wav" if start[8:12] == b"WAVE" else None
    if start[4:8] == b"ftyp":
        return "mp4"
    for magic, container in _MAGIC:
        if start.startswith(magic):
            return container
    return _mpeg_frame(start)


def _mpeg_frame(start: bytes) -> str | None:
    """The container of a bare MPEG audio frame: ISO/IEC 11172-3 2.4.2.3 for MP3, ISO/IEC 13818-7 6.2.1 for ADTS."""
    if len(start) < 4 or start[0] != 0xFF:
        return None
    if start[1] & 0xF6 == 0xF0:
        return "aac" if (start[2] >> 2 & 0xF) < 13 else None
    if start[1] & 0xE0 != 0xE0:
        return None
    version, layer = start[1] >> 3 & 3, start[1] >> 1 & 3
    bitrate, rate = start[2] >> 4, start[2] >> 2 & 3
    right = version != _RESERVED and layer == _MPEG_LAYER_III and bitrate not in (0, 15) and rate != 3
    return "mp3" if right else None
