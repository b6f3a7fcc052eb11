"""Recognition: word error rate on real speech, and what the service costs over the decoder alone."""

import string
import time
from pathlib import Path

import grpc
import jiwer
import pocketsphinx
import soundfile
import soxr
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc

from bench.figures import Figure
from bench.launch import Platform
from bench.recordings import FOLDER, transcripts

RATE_HZ = 16_000


def measure(running: Platform) -> list[Figure]:
    """Each recording by the bare decoder and through the service, one after the other."""
    rows = list(transcripts().items())
    decoder = pocketsphinx.Decoder(samprate=RATE_HZ, loglevel="FATAL")
    references, decoder_texts, service_texts, bare_seconds, seconds, audio_seconds = [], [], [], 0.0, 0.0, 0.0
    with grpc.insecure_channel(running.asr) as channel:
        stub = asr_pb2_grpc.SpeechToTextServiceStub(channel)
        stub.Recognize(asr_pb2.RecognizeRequest(audio=(FOLDER / rows[1][0]).read_bytes()), timeout=60)
        for name, transcript in rows:
            data = (FOLDER / name).read_bytes()
            text, took, length = by_decoder(decoder, FOLDER / name)
            began = time.perf_counter()
            answer = stub.Recognize(asr_pb2.RecognizeRequest(audio=data), timeout=300)
            seconds += time.perf_counter() - began
            bare_seconds, audio_seconds = bare_seconds + took, audio_seconds + length
            references.append(plain(transcript))
            decoder_texts.append(plain(text))
            service_texts.append(plain(answer.transcript))
    return [
        Figure("asr word error rate, all recordings", jiwer.wer(references, service_texts), "", 0.25),
        Figure("asr word error rate, decoder alone", jiwer.wer(references, decoder_texts), ""),
        Figure("asr real-time factor, service", seconds / audio_seconds, ""),
        Figure("asr real-time factor, decoder alone", bare_seconds / audio_seconds, ""),
        Figure("asr time, service over decoder", seconds / bare_seconds, "", 1.15),
    ]


def by_decoder(decoder: pocketsphinx.Decoder, path: Path) -> tuple[str, float, float]:
    """What the bare decoder recognises in a whole file, the seconds it took, reading and resampling included, and the
    file's length.
    """
    began = time.perf_counter()
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = soxr.resample(samples.mean(axis=1), rate, RATE_HZ)
    decoder.start_utt()
    decoder.process_raw((mono * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis else "", time.perf_counter() - began, len(samples) / rate


def plain(text: str) -> str:
    """Lower case, no punctuation."""
    return text.lower().translate(str.maketrans("-", " ", string.punctuation.replace("-", "")))
