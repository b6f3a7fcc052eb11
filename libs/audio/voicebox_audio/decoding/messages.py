"""The messages between the decoder and its worker.

Decoder to worker: one JOB frame, then the file's bytes as they are; shutting the socket down for writing is the file's
end. Child to decoder: HELLO at once; SOURCE when the first sample is decoded; AUDIO as audio is decoded; then END, or
ERROR at any time. A frame is one byte of kind, four bytes of length and the payload: float32 samples for AUDIO, JSON
for the others. Channels that are sent separately are interleaved.
"""

import struct

HEADER = struct.Struct("<cI")
JOB, READY, SOURCE, AUDIO, END, ERROR = b"J", b"H", b"S", b"A", b"E", b"X"
MAX_PAYLOAD_BYTES = 65536
"""No frame is longer: the decoder believes nothing that a worker says, since an untrusted file may have taken it
over.
"""


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """A frame as bytes."""
    return HEADER.pack(kind, len(payload)) + payload
