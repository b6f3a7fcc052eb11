"""What `make run` installs: what the recogniser hears of each voice and of people, and how loud each voice is."""

import re
import time
from collections.abc import Mapping

import grpc
import jiwer
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_audio.loudness import LoudnessMeter
from voicebox_audio.pcm import from_s16le

from bench.asr import plain
from bench.figures import Figure
from bench.launch import Platform
from bench.recordings import FOLDER, SPELLINGS, transcripts

VOICES: Mapping[str, float | None] = {"hibari/heart": 0.06, "flite/slt": None, "espeak/en-us": None}
"""With the word error rate that their speech may have."""
LOUDNESS_LUFS, TOLERANCE_LU = -20.0, 3.0


def measure(running: Platform) -> list[Figure]:
    """Speech of each voice, then the recordings."""
    with grpc.insecure_channel(running.tts) as tts, grpc.insecure_channel(running.asr) as asr:
        speech = tts_pb2_grpc.TextToSpeechServiceStub(tts)
        recognition = asr_pb2_grpc.SpeechToTextServiceStub(asr)
        figures = [figure for voice in VOICES for figure in of_voice(voice, speech, recognition)]
        return [*figures, *of_people(recognition)]


def of_voice(
    voice: str, speech: tts_pb2_grpc.TextToSpeechServiceStub, recognition: asr_pb2_grpc.SpeechToTextServiceStub
) -> list[Figure]:
    """The texts of the recordings, spoken and recognised."""
    said, heard, sound = list[str](), list[str](), list[bytes]()
    audio = tts_pb2.AudioSpec(encoding=tts_pb2.AUDIO_ENCODING_PCM_S16LE)
    config = tts_pb2.SynthesisConfig(voice=tts_pb2.VoiceSelection(voice=voice), audio=audio, store=False)
    config.seed = 1
    rate_hz = 0
    for text in transcripts().values():
        answer = speech.Synthesize(tts_pb2.SynthesizeRequest(text=text, config=config), timeout=120)
        rate_hz = answer.started.audio.sample_rate_hz
        said.append(spelled(text))
        heard.append(spelled(recognised(recognition, answer.audio, rate_hz)))
        sound.append(answer.audio)
    meter = LoudnessMeter(rate_hz)
    meter.push(from_s16le(b"".join(sound)))
    return [
        Figure(f"{voice}: word error rate of its speech", jiwer.wer(said, heard), "", VOICES[voice]),
        Figure(f"{voice}: away from {LOUDNESS_LUFS:g} LUFS", abs(meter.lufs - LOUDNESS_LUFS), "LU", TOLERANCE_LU),
    ]


def of_people(recognition: asr_pb2_grpc.SpeechToTextServiceStub) -> list[Figure]:
    """The recordings, by the default model."""
    said, heard, seconds, sound = list[str](), list[str](), 0.0, 0.0
    for name, text in transcripts().items():
        began = time.perf_counter()
        answer = recognition.Recognize(asr_pb2.RecognizeRequest(audio=(FOLDER / name).read_bytes()), timeout=120)
        seconds += time.perf_counter() - began
        sound += answer.audio_duration.ToMicroseconds() / 1e6
        said.append(spelled(text))
        heard.append(spelled(answer.transcript))
    return [
        Figure("recordings, by the default model: word error rate", jiwer.wer(said, heard), "", 0.08),
        Figure("recordings, by the default model: real-time factor", seconds / sound, "", 0.2),
    ]


def recognised(recognition: asr_pb2_grpc.SpeechToTextServiceStub, samples: bytes, rate_hz: int) -> str:
    """What the default model hears in headerless samples."""
    config = asr_pb2.RecognitionConfig(encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=rate_hz)
    return str(recognition.Recognize(asr_pb2.RecognizeRequest(config=config, audio=samples), timeout=120).transcript)


def spelled(text: str) -> str:
    """Plain words, numbers spelled as they are said."""
    return plain(re.sub(r"\w+", lambda match: SPELLINGS.get(match[0], match[0]), text))
