"""The pocketsphinx decoder as a process: loaded once, forked for each session.

pocketsphinx holds Python's lock while it decodes (1.2 s without a break were seen), so in the service's own process it
would stop every other stream. A decoder costs 90 MB and 0.3 s; a fork of a loaded one shares its memory and takes
milliseconds. And a forked decoder is always a fresh one: no session inherits what another left in the cepstral
mean or the noise estimate.

Started with one end of a Unix socket as its only argument. Each message there brings a socket, and a fork serves one
session on it. The wire: 1 byte of operation, 4 bytes of length (little-endian), then the bytes; every operation is
answered by a JSON text with 4 bytes of length before it. A grammar may come once, before the first utterance: it is a
stranger's program for a parser in C that can be made to recurse, to grow without end and to read other files, so it is
tried in a separate fork first.
"""

import json
import os
import re
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from io import BufferedRWPair
from pathlib import Path
from typing import Any

from pocketsphinx import Decoder, set_loglevel

from .grammar import PHONE_WORDS, top_rule, words

READY = b"R"
GRAMMAR, BEGIN, FEED, INTERIM, END = b"G", b"B", b"F", b"I", b"E"
REQUEST = struct.Struct("<cI")
ANSWER = struct.Struct("<I")
SAMPLE_BYTES = 2 * 16_000
FRAMES_A_SECOND = 100
RECENT_SECONDS = 3
"""An utterance shorter than this is not enough to know speaker and channel: audio of the ones before it helps."""

MEAN_SEARCH = "mean"
MEAN_GRAMMAR = "#JSGF V1.0; grammar mean; public <mean> = a;"
"""Features are only computed within an utterance, and its end searches all of it once more: with a grammar of one word
that costs 20 ms for 10 s of audio, with the language model as much as recognising it.
"""

FILLERS = frozenset({"<s>", "</s>", "<sil>", "[NOISE]", "[SPEECH]", "(NULL)"})

GRAMMAR_SEARCH = "grammar"
GRAMMAR_SECONDS = 5
"""500 phrases of 100 characters take 0.2 s."""

GRAMMAR_BYTES = 512 * 1024 * 1024
"""How much memory a session with a grammar may add to what it shares."""

_UNKNOWN_WORD = re.compile(r"The word '(.+?)' is missing in the dictionary")
_SAID = re.compile(r'^(?:ERROR|FATAL): (?:"[^"]*", line \d+: )?(.+?)(?: at line \d+.*)?$', re.MULTILINE)
"""pocketsphinx's complaints; the lines that it counts are none."""

MAX_LOG_BYTES = 65_536


def main() -> None:
    """Load the decoder, say so, and fork a session for each socket that comes, until the other side is gone."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group: the service drains first, then closes its end
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended sessions leave no zombies
    with socket.socket(fileno=int(sys.argv[1])) as control:
        decoder = Decoder(loglevel="FATAL")
        decoder.add_jsgf_string(MEAN_SEARCH, MEAN_GRAMMAR)
        control.sendall(READY)
        while True:
            message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if not message:
                return
            for descriptor in descriptors:
                _fork(decoder, control, descriptor)


def _fork(decoder: Any, control: socket.socket, descriptor: int) -> None:
    if os.fork():
        os.close(descriptor)
        return
    control.close()
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rwb") as stream:
        try:
            serve(Dictation(decoder), stream)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the session was closed while we worked
        finally:
            os._exit(0)  # what the parent registered to run at its end is not ours to run


class Dictation:
    """One session's utterances."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._before = self._recent = b""
        self._running = self._fed = False

    def limit_to(self, jsgf: str) -> dict[str, Any]:
        """Recognise only the sentences of a grammar; returns a `word` without pronunciation, or another `error`."""
        self._decoder.config["bestpath"] = (
            False  # the best path through the word lattice may end in the middle of a sentence
        )
        log = os.memfd_create("log")
        exit_code = _tried(lambda: self._search(jsgf), log)
        if exit_code or os.fstat(log).st_size:
            return _complaint(os.pread(log, MAX_LOG_BYTES, 0).decode(errors="replace"), killed=exit_code < 0)
        self._search(jsgf)
        return {}

    def begin(self, preview: bytes) -> None:
        """Begin an utterance with its own cepstral mean: on real speech the word error rate is 0.21 then, else 0.49."""
        if self._running:  # begun anew, with a better preview
            self._decoder.end_utt()
        known = (self._before + preview)[-max(len(preview), RECENT_SECONDS * SAMPLE_BYTES) :]
        self._decoder.reinit_feat()  # also brings batch normalisation back, which a live utterance turns off
        if mean := self._mean(known):
            self._decoder.reinit_feat()
            self._decoder.set_cmn(mean)
        self._recent = known[-RECENT_SECONDS * SAMPLE_BYTES :]
        self._decoder.start_utt()
        self._running, self._fed = True, False

    def feed(self, samples: bytes) -> None:
        """Process samples, s16le at 16 kHz."""
        if samples:
            self._decoder.process_raw(samples)
            self._fed = True

    def interim(self) -> dict[str, Any]:
        """The text so far."""
        hypothesis = self._decoder.hyp() if self._fed else None
        text = hypothesis.hypstr if hypothesis else ""
        return {"text": "" if PHONE_WORDS.keys() & text.split() else text}

    def end(self) -> dict[str, Any]:
        """The words of the utterance: text, start and end in seconds, posterior probability."""
        self._decoder.end_utt()
        self._running, self._before = False, self._recent
        if not self._fed or self._decoder.hyp() is None:
            return {"words": []}
        words = [_word(segment) for segment in self._decoder.seg() if segment.word not in FILLERS]
        if any(word["text"] in PHONE_WORDS for word in words):
            return {"words": []}
        if self._decoder.current_search() == GRAMMAR_SEARCH:  # without the lattice every posterior is 1
            words = [word | {"confidence": None} for word in words]
        return {"words": words}

    def _search(self, jsgf: str) -> None:
        self._add_words(jsgf)
        self._decoder.add_fsg(GRAMMAR_SEARCH, self._decoder.parse_jsgf(jsgf, top_rule(jsgf)))
        self._decoder.activate_search(GRAMMAR_SEARCH)

    def _add_words(self, jsgf: str) -> None:
        """Phones as words, and the grammar's words as it writes them: the dictionary has them in small letters."""
        for word in words(jsgf):
            if self._decoder.lookup_word(word) is None:
                phones = PHONE_WORDS.get(word) or self._decoder.lookup_word(word.lower())
                if phones:
                    self._decoder.add_word(word, phones, False)

    def _mean(self, samples: bytes) -> str:
        """The cepstral mean of some audio; empty for none."""
        if not samples:
            return ""
        speech_search = self._decoder.current_search()
        self._decoder.activate_search(MEAN_SEARCH)
        self._decoder.start_utt()
        self._decoder.process_raw(samples, no_search=True, full_utt=True)
        self._decoder.end_utt()
        self._decoder.activate_search(speech_search)
        return str(self._decoder.get_cmn())


def _tried(work: Callable[[], None], log: int) -> int:
    """The exit status of the work in a fork without files and with bounded time and memory; negative when killed.

    `log` is a descriptor that gets what pocketsphinx complains about, which it writes to the standard error stream and
    reports nowhere else.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        grown = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") + GRAMMAR_BYTES
        os.dup2(log, sys.stderr.fileno())
        set_loglevel("ERROR")
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (grown, grown))
        signal.alarm(GRAMMAR_SECONDS)
        work()
        status = 0
    finally:
        os._exit(status)


def _complaint(log: str, *, killed: bool) -> dict[str, Any]:
    """What to say about a grammar that was refused."""
    if unknown := _UNKNOWN_WORD.search(log):
        return {"word": unknown[1]}
    if found := _SAID.search(log):
        return {"error": found[1].strip()}
    return {"error": "It takes too much time or memory." if killed else "It cannot be parsed."}


def _word(segment: Any) -> dict[str, Any]:
    return {
        "text": segment.word.partition("(")[0],  # "the(2)" is the second pronunciation of "the"
        "start": segment.start_frame / FRAMES_A_SECOND,
        "end": (segment.end_frame + 1) / FRAMES_A_SECOND,
        "confidence": min(1.0, segment.prob),
    }


def serve(dictation: Dictation, stream: BufferedRWPair) -> None:
    """Answer operations until the other side is gone."""
    operations: dict[bytes, Callable[[bytes], dict[str, Any] | None]] = {
        GRAMMAR: lambda jsgf: dictation.limit_to(jsgf.decode()),
        BEGIN: dictation.begin,
        FEED: dictation.feed,
        INTERIM: lambda _: dictation.interim(),
        END: lambda _: dictation.end(),
    }
    while header := stream.read(REQUEST.size):
        operation, length = REQUEST.unpack(header)
        answer = json.dumps(operations[operation](stream.read(length)) or {}).encode()
        stream.write(ANSWER.pack(len(answer)) + answer)
        stream.flush()


if __name__ == "__main__":
    main()
