"""Which audio container the first bytes announce, and how long the frames of bare MPEG audio are."""

SNIFF_BYTES = 12
"""How many bytes `sniff` needs; more are ignored."""

_MAGIC = (
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
    (b"\x1a\x45\xdf\xa3", "webm"),
    (b"caff", "caf"),
    (b".snd", "au"),
    (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", "w64"),
    (b"#!AMR\n", "amr"),
    (b"#!AMR-WB\n", "amr"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"FLV\x01", "flv"),
    (b"NIST_1A\n", "nist"),
    (b"wvpk", "wavpack"),
)
_CHUNKED = {
    (b"RIFF", b"WAVE"): "wav",
    (b"RIFX", b"WAVE"): "wav",
    (b"RF64", b"WAVE"): "wav",
    (b"BW64", b"WAVE"): "wav",
    (b"RIFF", b"AVI "): "avi",
    (b"FORM", b"AIFF"): "aiff",
    (b"FORM", b"AIFC"): "aiff",
}
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""What an MP4 or QuickTime file may begin with; files from before `ftyp` have none."""

_LAYERS = {0b11: 1, 0b10: 2, 0b01: 3}
_RESERVED = 0b01
_MPEG1, _MPEG25 = 0b11, 0b00
_RATES_HZ = (44_100, 48_000, 32_000)
_KBITS_MPEG1 = {
    1: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_KBITS_MPEG2 = {
    1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""ISO/IEC 11172-3 table 2.4.2.3 and ISO/IEC 13818-3: the bitrates of indices 1 to 14."""


NAMES = {
    "wav": "WAV",
    "w64": "W64",
    "flac": "FLAC",
    "mp3": "MP3 and MP2",
    "ogg": "Ogg",
    "aac": "AAC",
    "ac3": "AC-3",
    "eac3": "E-AC-3",
    "mp4": "MP4 and QuickTime",
    "webm": "WebM and Matroska",
    "aiff": "AIFF",
    "caf": "CAF",
    "au": "AU",
    "nist": "NIST SPHERE",
    "amr": "AMR",
    "asf": "WMA and WMV",
    "avi": "AVI",
    "mpeg": "MPEG-PS",
    "mpegts": "MPEG-TS",
    "flv": "FLV",
    "wavpack": "WavPack",
}
"""Every container that is read, as people call it."""


def sniff(start: bytes) -> str | None:
    """The container that the first bytes of a file announce, None for anything else.

    It is one of those that NAMES knows.
    """
    if chunked := _CHUNKED.get((start[:4], start[8:12])):
        return chunked
    if start[4:8] in _MP4_BOXES:
        return "mp4"
    for magic, container in _MAGIC:
        if start.startswith(magic):
            return container
    return _mpeg_frame(start)


def frame_bytes(head: bytes) -> int | None:
    """How long the MPEG audio frame is that begins with these bytes, 6 of them at least; None when no frame does."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    return _adts_bytes(head) if head[1] & 0xF6 == 0xF0 else _mpeg_audio_bytes(head)


def same_stream(head: bytes, other: bytes) -> bool:
    """Whether two frames' headers have the bits in common that are the same in all of a stream: version, layer and
    rate.
    """
    return head[1] & 0xFE == other[1] & 0xFE and head[2] & 0x0C == other[2] & 0x0C


def _adts_bytes(head: bytes) -> int | None:
    """ISO/IEC 13818-7, 6.2: 13 bits of length, header included."""
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if (head[2] >> 2 & 0xF) < 13 and length > 7 else None


def _mpeg_audio_bytes(head: bytes) -> int | None:
    """ISO/IEC 11172-3, 2.4.3.1: slots of 4 bytes in layer I, of 1 byte in the others."""
    version, layer = head[1] >> 3 & 3, _LAYERS.get(head[1] >> 1 & 3)
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == _RESERVED or layer is None or bitrate in (0, 15) or rate == 3:
        return None
    kbits = (_KBITS_MPEG1 if version == _MPEG1 else _KBITS_MPEG2)[layer][bitrate - 1]
    rate_hz = mpeg_rate_hz(head)
    padding = head[2] >> 1 & 1
    if layer == 1:
        return (12_000 * kbits // rate_hz + padding) * 4
    slots = 72_000 if layer == 3 and version != _MPEG1 else 144_000
    return slots * kbits // rate_hz + padding


def mpeg_rate_hz(head: bytes) -> int:
    """The rate of the MPEG audio frame that begins so, at least 3 bytes; it must be one."""
    version = head[1] >> 3 & 3
    return _RATES_HZ[head[2] >> 2 & 3] // (1 if version == _MPEG1 else 4 if version == _MPEG25 else 2)


def mpeg_samples(head: bytes) -> int:
    """How many samples of each channel the MPEG audio frame holds that begins so."""
    layer = _LAYERS[head[1] >> 1 & 3]
    if layer == 1:
        return 384
    return 576 if layer == 3 and head[1] >> 3 & 3 != _MPEG1 else 1152


def _mpeg_frame(start: bytes) -> str | None:
    """The container of a bare MPEG audio frame: ISO/IEC 11172-3 2.4.2.3 for MP3, ISO/IEC 13818-7 6.2.1 for ADTS."""
    if len(start) < 4 or start[0] != 0xFF:
        return None
    if start[1] & 0xF6 == 0xF0:
        return "aac" if (start[2] >> 2 & 0xF) < 13 else None
    if start[1] & 0xE0 != 0xE0:
        return None
    version, layer = start[1] >> 3 & 3, _LAYERS.get(start[1] >> 1 & 3)
    bitrate, rate = start[2] >> 4, start[2] >> 2 & 3
    right = version != _RESERVED and layer == 3 and bitrate not in (0, 15) and rate != 3
    return "mp3" if right else None
