"""Recognises the files that callers send: heard while they arrive, then kept where that is asked for."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import grpc
from voicebox.asr.v1 import asr_pb2
from voicebox_audio.decoding.decoder import Decoder
from voicebox_audio.decoding.limits import Limits
from voicebox_kit.errors import Precondition

from voicebox_asr.api.requests import Recognition
from voicebox_asr.audio import source
from voicebox_asr.audio.resumable import Resumable
from voicebox_asr.diarization.diarizer import Diarizer
from voicebox_asr.diarization.speaker_encoder import SpeakerEngine
from voicebox_asr.engine import Engine
from voicebox_asr.records.record import Result
from voicebox_asr.records.recorder import Keeping

from .recognizer import Recognizer
from .transcription import SpeakerSearch, Transcript, transcribe

FILE_LIMITS = Limits(max_bytes=256 * 1024 * 1024, max_seconds=4 * 3600, cpu_seconds=600)
"""What one file may hold. It is heard while it is read, so none of this is held in memory."""


@dataclass(frozen=True)
class Answer:
    """What was heard, with a notice where it could not be kept. `kept_as` is `transcriptions/{transcription}`, or
    empty.
    """

    heard: Transcript
    kept_as: str


class FileRecognizer:
    """Hears files for every API."""

    def __init__(
        self, recognizer: Recognizer, decoder: Decoder, speaker_engine: SpeakerEngine, keeping: Keeping
    ) -> None:
        self._recognizer, self._decoder, self._speaker_engine, self._keeping = (
            recognizer,
            decoder,
            speaker_engine,
            keeping,
        )

    async def recognize(
        self,
        blocks: AsyncGenerator[bytes],
        engine: Engine,
        recognition: Recognition,
        config: asr_pb2.RecognitionConfig,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> Answer:
        """What is said in a file. `recognition` is what `config`, which is kept with the result, asks of `engine`."""
        speakers = self.speaker_search(recognition)
        file = Resumable(blocks)
        with self._keeping.keeper(recognition, config, context) as keeper:
            copied = keeper.copied(file)
            sound = source.Sound(
                copied, recognition.pcm, self._decoder, FILE_LIMITS, separate=recognition.separate_channels
            )
            async with aclosing(blocks), aclosing(file):
                async with aclosing(sound):
                    heard = await transcribe(self._recognizer, engine, sound, recognition.options, speakers)
                await keeper.copy_rest(file)
            heard = replace(heard, notices=(*heard.notices, *sound.notices))
            result = Result(
                heard.utterances, heard.language, heard.audio_seconds, heard.recognition_seconds, heard.notices
            )
            kept = await keeper.keep(result, engine)
        return Answer(replace(heard, notices=(*heard.notices, *kept.notices)), kept.name)

    def speaker_search(self, recognition: Recognition) -> SpeakerSearch | None:
        """What tells the speakers of one file apart; None where that is not asked. Precondition where nothing is here
        that can.
        """
        if recognition.speakers is None:
            return None
        if missing := self._speaker_engine.missing:
            subject = f"speakers/{self._speaker_engine.name}"
            raise Precondition("SPEAKERS_NOT_INSTALLED", subject, f"Speakers cannot be told apart. {missing}")
        return SpeakerSearch(Diarizer(self._speaker_engine), recognition.speakers.fewest, recognition.speakers.most)
