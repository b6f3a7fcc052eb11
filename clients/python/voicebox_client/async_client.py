"""The asyncio client: the same methods as client.py, awaited."""

import asyncio
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import aclosing
from functools import cached_property, partial
from types import TracebackType
from typing import Literal, Self, TypeVar, Unpack, cast

import grpc.aio
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.accounts.v1 import accounts_pb2, accounts_pb2_grpc
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox.conversion.v1 import conversion_pb2, conversion_pb2_grpc
from voicebox.jobs.v1 import jobs_pb2, jobs_pb2_grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc

from . import (
    account_requests,
    adapter_requests,
    conversion_requests,
    history_requests,
    job_requests,
    lexicon_requests,
    long_text,
    profile_requests,
    recognition_requests,
    requests,
    upload,
)
from .account_requests import LimitChanges, Scope, UsageGroup
from .aio_calls import AioCalls, AioResponseStream
from .connection import (
    DEFAULT_TARGET,
    TIMEOUT_SECONDS,
    WORK_TIMEOUT_SECONDS,
    Metadata,
    ModelHost,
    channel_options,
    host_metadata,
)
from .conversion_requests import ConversionOptions, VoiceChange
from .errors import VoiceboxClientError, cut_short
from .health import Health, fetch_health
from .history_requests import GenerationChanges, Group, TranscriptionChanges
from .keyed import with_key
from .options import takes
from .pages import Page, PageRequest
from .recognition_requests import DocumentOptions, RecognitionOptions, TranscriptFormat
from .retry import NEVER, STANDARD, RetryPolicy
from .speech import AsyncSpeech

Answer = TypeVar("Answer")
Piece = TypeVar("Piece")
Request = TypeVar("Request", bound=Message)


class AsyncClient:
    """Everything that the platform does, over one connection to `target`, `host:port` of the gateway.

    Every call has a deadline: `timeout_seconds` for questions, `work_timeout_seconds` for speech, recognition, uploads,
    downloads and the loading of models. Every call raises VoiceboxClientError. Names of profiles, generations and
    transcriptions may leave out their collection: `ann` is `profiles/ann`. Answers are the contract's own messages.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        work_timeout_seconds: float = WORK_TIMEOUT_SECONDS,
        api_key: str = "",
        retry: RetryPolicy = STANDARD,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._target, self._api_key = target, api_key
        self._timeout_seconds = timeout_seconds
        self._work_seconds = work_timeout_seconds
        self._retry = retry
        self._calls = AioCalls(clock, sleep)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection and every call on it."""
        await self._channel.close(grace=None)

    @takes(requests.SpeechOptions)
    def say(self, text: str, **options: Unpack[requests.SpeechOptions]) -> AsyncSpeech:
        """Speaks a text: iterate over the events, or `.read()` or `.save(path)` the audio.

        A text of more than 1,000,000 characters is cut at sentences and spoken in several calls. When a later one
        fails, `.save` keeps the parts that are whole, and the error names where the rest begins.
        """
        return self._speak(requests.say(text, **options))

    @takes(requests.SpeechOptions)
    def dialogue(
        self,
        turns: Iterable[requests.Turn],
        gap_seconds: float | None = None,
        **options: Unpack[requests.SpeechOptions],
    ) -> AsyncSpeech:
        """Speaks the turns of several voices as one stream and one record: `[("flite/slt", "Hello."), ("profiles/ann",
        "Hi.", {"speed": 1.2})]`.

        `gap_seconds` of silence are between two turns; the server's default is 0.3.
        """
        return AsyncSpeech(self._stream(self._tts.StreamDialogue, requests.dialogue(turns, gap_seconds, **options)))

    @takes(requests.SpeechOptions)
    def converse(
        self,
        pieces: "AsyncIterable[str | tts_pb2.ConverseControl.ValueType]",
        **options: Unpack[requests.SpeechOptions],
    ) -> AsyncSpeech:
        """Speaks text while it is still being written. `pieces` is read as the call goes on, which is never tried
        again.
        """
        messages = _messages(requests.converse(**options), requests.converse_piece, pieces)
        return AsyncSpeech(self._live(self._tts.ConverseSynthesize, messages))

    @takes(requests.SpeechOptions)
    async def explain(self, text: str, **options: Unpack[requests.SpeechOptions]) -> tts_pb2.ExplainSpeechResponse:
        """How a text would be spoken, without speaking it: at most 10,000 characters."""
        request = requests.explain(text, **options)
        return await self._ask(self._tts.ExplainSpeech, request, timeout_seconds=self._work_seconds)

    @takes(requests.DesignOptions)
    async def design_voice(
        self, description: str, text: str, **options: Unpack[requests.DesignOptions]
    ) -> list[tts_pb2.DesignedVoice]:
        """Voices that fit a description, each speaking the text, in FLAC: one to choose becomes a profile's sample."""
        request = requests.design(description, text, **options)
        answer = await self._ask(self._tts.DesignVoice, request, timeout_seconds=self._work_seconds)
        return list(answer.voices)

    async def detect_watermark(self, audio: upload.Source) -> tts_pb2.DetectWatermarkResponse:
        """Whether an audio file is watermarked: a path, bytes or an open file. Raises as `transcribe`, and
        FAILED_PRECONDITION where the server has no watermark.
        """
        return await self._upload(self._tts.DetectWatermark, audio, requests.detection)

    async def list_voices(self, language: str = "", engine: str = "") -> list[tts_pb2.Voice]:
        """The built-in voices, the default first."""
        request = tts_pb2.ListVoicesRequest(language=language, engine=engine)
        return list((await self._ask(self._tts.ListVoices, request)).voices)

    @takes(RecognitionOptions)
    async def transcribe(
        self, audio: upload.Source, *, sent: Callable[[int], None] | None = None, **options: Unpack[RecognitionOptions]
    ) -> asr_pb2.RecognizeResponse:
        """What is said in a file: a path, bytes or an open file. Raises OSError for a path that cannot be read.

        `sent` is called with the count of bytes that the server took so far; it takes them about as fast as it
        recognises them.
        """
        config = recognition_requests.recognition(**options)
        return await self._upload(
            self._asr.RecognizeUpload, audio, partial(recognition_requests.transcribe, config=config), sent
        )

    @takes(DocumentOptions)
    async def transcribe_as(
        self,
        audio: upload.Source,
        form: TranscriptFormat,
        *,
        sent: Callable[[int], None] | None = None,
        **options: Unpack[DocumentOptions],
    ) -> str:
        """What is said in a file, written as a document: plain text, subtitles, a table or JSON. Raises as `transcribe`
        does.
        """
        first = recognition_requests.document_config(form, **options)
        answer = await self._upload(
            self._asr.Transcribe, audio, partial(recognition_requests.document, first=first), sent
        )
        return str(answer.body.data, "utf-8")

    @takes(RecognitionOptions)
    async def listen(
        self,
        blocks: "AsyncIterable[bytes | asr_pb2.StreamControl.ValueType]",
        *,
        interim_results: bool = True,
        **options: Unpack[RecognitionOptions],
    ) -> AsyncIterator[asr_pb2.StreamingRecognizeResponse]:
        """What is said, while it is said. `blocks` is read as the call goes on, which is never tried again."""
        messages = _messages(
            recognition_requests.listen(interim_results, **options), recognition_requests.listen_piece, blocks
        )
        event = asr_pb2.StreamingRecognizeResponse()
        async for event in self._live(self._asr.StreamingRecognize, messages):
            yield event
        if not event.HasField("finished"):
            raise cut_short("recognition")

    @takes(ConversionOptions)
    async def convert(
        self, audio: upload.Source, target: str, **options: Unpack[ConversionOptions]
    ) -> AsyncIterator[conversion_pb2.ConvertSpeechResponse]:
        """The speech of a file in another voice, in pieces: `target` is a voice model, or `profiles/ann`. Raises
        OSError for a path that cannot be read. The call is never tried again.
        """
        first = conversion_requests.convert(target, **options)
        upload.check(audio)
        messages = _each(conversion_requests.uploaded(upload.pieces(audio), first))
        event = conversion_pb2.ConvertSpeechResponse()
        async for event in self._live(self._conversion.ConvertSpeech, messages):
            yield event
        if not event.HasField("finished"):
            raise cut_short("conversion")

    @takes(VoiceChange)
    async def convert_live(
        self, blocks: AsyncIterable[bytes], target: str, sample_rate_hz: int, **options: Unpack[VoiceChange]
    ) -> AsyncIterator[conversion_pb2.StreamingConvertResponse]:
        """Live speech in another voice, some 0.1 s later: headerless s16le samples in and out. The call is never tried
        again.
        """
        first = conversion_requests.live(target, sample_rate_hz, **options)
        event = conversion_pb2.StreamingConvertResponse()
        async for event in self._live(
            self._conversion.StreamingConvert, _messages(first, conversion_requests.live_piece, blocks)
        ):
            yield event
        if not event.HasField("finished"):
            raise cut_short("conversion")

    def list_voice_models(self, page_size: int = 0) -> AsyncIterator[conversion_pb2.VoiceModel]:
        """The voices that speech can be converted into, newest first, a page at a time."""
        request = conversion_pb2.ListVoiceModelsRequest(page_size=page_size)
        pages = self._pages(self._voice_models.ListVoiceModels, request)
        return (item async for page in pages for item in page.voice_models)

    async def get_voice_model(self, name: str) -> conversion_pb2.VoiceModel:
        """One voice model."""
        request = conversion_pb2.GetVoiceModelRequest(name=requests.resource(conversion_requests.COLLECTION, name))
        return await self._ask(self._voice_models.GetVoiceModel, request)

    async def delete_voice_model(self, name: str) -> None:
        """Deletes a voice model for good."""
        request = conversion_pb2.DeleteVoiceModelRequest(
            name=requests.resource(conversion_requests.COLLECTION, name), request_id=requests.request_id()
        )
        await self._ask(self._voice_models.DeleteVoiceModel, request)

    async def import_voice_model(self, archive: upload.Source, voice_model_id: str = "") -> conversion_pb2.VoiceModel:
        """A voice model from a `.voicebox-voice` file. Raises OSError for a path that cannot be read."""
        messages = partial(conversion_requests.import_voice_model, voice_model_id, requests.request_id())
        return await self._upload(self._voice_models.ImportVoiceModel, archive, messages)

    @takes(conversion_requests.CheckpointWords)
    async def import_checkpoint(
        self,
        checkpoint: upload.Source,
        index: upload.Source | None = None,
        voice_model_id: str = "",
        **words: Unpack[conversion_requests.CheckpointWords],
    ) -> conversion_pb2.VoiceModel:
        """A voice model from a checkpoint of RVC v2, with its index. Raises OSError for a path that cannot be read."""
        if index is not None:
            upload.check(index)
        id_ = requests.request_id()

        def messages(pieces: Iterator[bytes]) -> Iterator[conversion_pb2.ImportVoiceModelRequest]:
            vectors = iter(()) if index is None else upload.pieces(index)
            return conversion_requests.import_checkpoint(voice_model_id, id_, vectors, words, pieces)

        return await self._upload(self._voice_models.ImportVoiceModel, checkpoint, messages)

    def export_voice_model(self, name: str) -> AsyncIterator[bytes]:
        """A voice model as a `.voicebox-voice` file, in pieces."""
        request = conversion_pb2.ExportVoiceModelRequest(name=requests.resource(conversion_requests.COLLECTION, name))
        return (part.body.data async for part in self._stream(self._voice_models.ExportVoiceModel, request))

    @takes(profile_requests.ProfileDetails)
    async def create_profile(
        self, display_name: str, profile_id: str = "", **details: Unpack[profile_requests.ProfileDetails]
    ) -> catalog_pb2.Profile:
        """A new profile; the server draws its id when none is given."""
        return await self._ask(
            self._catalog.CreateProfile, profile_requests.create_profile(display_name, profile_id, **details)
        )

    async def get_profile(self, name: str) -> catalog_pb2.Profile:
        """One profile."""
        return await self._ask(
            self._catalog.GetProfile, catalog_pb2.GetProfileRequest(name=requests.resource("profiles", name))
        )

    def list_profiles(
        self, page_size: int = 0, filter: str = "", show_deleted: bool = False
    ) -> AsyncIterator[catalog_pb2.Profile]:
        """All profiles, newest first, a page at a time; `filter` as in ListProfilesRequest, deleted ones too on
        request.
        """
        request = catalog_pb2.ListProfilesRequest(page_size=page_size, filter=filter, show_deleted=show_deleted)
        return (item async for page in self._pages(self._catalog.ListProfiles, request) for item in page.profiles)

    @takes(profile_requests.ProfileChanges)
    async def update_profile(
        self, name: str, etag: str = "", **changes: Unpack[profile_requests.ProfileChanges]
    ) -> catalog_pb2.Profile:
        """Changes exactly the fields that are given; fails when `etag` is given and the profile changed since."""
        return await self._ask(self._catalog.UpdateProfile, profile_requests.update_profile(name, etag, **changes))

    async def delete_profile(self, name: str, etag: str = "", permanently: bool = False) -> None:
        """Deletes a profile with its samples; it can be undeleted until its purge time, unless it is deleted
        `permanently`.
        """
        await self._ask(
            self._catalog.DeleteProfile,
            catalog_pb2.DeleteProfileRequest(
                name=requests.resource("profiles", name), etag=etag, permanently=permanently
            ),
        )

    async def undelete_profile(self, name: str) -> catalog_pb2.Profile:
        """Brings a deleted profile back, with its samples."""
        return await self._ask(
            self._catalog.UndeleteProfile, catalog_pb2.UndeleteProfileRequest(name=requests.resource("profiles", name))
        )

    async def duplicate_profile(self, name: str, profile_id: str = "", display_name: str = "") -> catalog_pb2.Profile:
        """A copy of a profile, with its picture and samples."""
        request = profile_requests.duplicate_profile(name, profile_id, display_name)
        return await self._ask(self._catalog.DuplicateProfile, request, timeout_seconds=self._work_seconds)

    async def set_avatar(self, profile: str, image: upload.Source) -> catalog_pb2.Profile:
        """Sets a profile's picture: PNG, JPEG or WebP. Raises OSError for a path that cannot be read."""
        return await self._upload(self._catalog.SetProfileAvatar, image, partial(profile_requests.set_avatar, profile))

    async def delete_avatar(self, profile: str) -> catalog_pb2.Profile:
        """Removes a profile's picture."""
        request = catalog_pb2.DeleteProfileAvatarRequest(name=requests.resource("profiles", profile))
        return await self._ask(self._catalog.DeleteProfileAvatar, request)

    def avatar(self, profile: str) -> AsyncIterator[bytes]:
        """A profile's picture, a WebP file in pieces."""
        request = catalog_pb2.DownloadProfileAvatarRequest(name=requests.resource("profiles", profile))
        return (part.body.data async for part in self._stream(self._catalog.DownloadProfileAvatar, request))

    def export_profile(self, name: str) -> AsyncIterator[bytes]:
        """All of a profile, a zip file in pieces."""
        request = catalog_pb2.ExportProfileRequest(name=requests.resource("profiles", name))
        return (part.body.data async for part in self._stream(self._catalog.ExportProfile, request))

    async def import_profile(self, archive: upload.Source, profile_id: str = "") -> catalog_pb2.Profile:
        """A profile from an exported zip file. Raises OSError for a path that cannot be read."""
        messages = partial(profile_requests.import_profile, profile_id, requests.request_id())
        return await self._upload(self._catalog.ImportProfile, archive, messages)

    async def add_sample(self, profile: str, audio: upload.Source, transcript: str = "") -> catalog_pb2.Sample:
        """Adds a recording: a path, bytes or an open file. Raises OSError for a path that cannot be read."""
        return await self._upload(
            self._catalog.UploadSample,
            audio,
            partial(profile_requests.add_sample, profile, transcript, requests.request_id()),
        )

    def list_samples(self, profile: str, page_size: int = 0) -> AsyncIterator[catalog_pb2.Sample]:
        """A profile's samples, oldest first, a page at a time."""
        request = catalog_pb2.ListSamplesRequest(parent=requests.resource("profiles", profile), page_size=page_size)
        return (item async for page in self._pages(self._catalog.ListSamples, request) for item in page.samples)

    async def get_sample(self, name: str) -> catalog_pb2.Sample:
        """One sample, `profiles/{profile}/samples/{sample}`."""
        return await self._ask(
            self._catalog.GetSample, catalog_pb2.GetSampleRequest(name=requests.resource("profiles", name))
        )

    @takes(profile_requests.SampleChanges)
    async def update_sample(
        self, name: str, etag: str = "", **changes: Unpack[profile_requests.SampleChanges]
    ) -> catalog_pb2.Sample:
        """Changes exactly the fields that are given; fails when `etag` is given and the sample changed since."""
        request = profile_requests.update_sample(name, etag, **changes)
        return await self._ask(self._catalog.UpdateSample, request, timeout_seconds=self._work_seconds)

    async def segment_sample(
        self, name: str, min_seconds: float | None = None, max_seconds: float | None = None
    ) -> list[catalog_pb2.Sample]:
        """Cuts a long recording at its pauses; the utterances in order."""
        request = profile_requests.segment_sample(name, min_seconds, max_seconds)
        return list((await self._ask(self._catalog.SegmentSample, request, timeout_seconds=self._work_seconds)).samples)

    async def delete_sample(self, name: str) -> None:
        """Deletes `profiles/{profile}/samples/{sample}` and its audio."""
        await self._ask(
            self._catalog.DeleteSample, catalog_pb2.DeleteSampleRequest(name=requests.resource("profiles", name))
        )

    def sample_audio(
        self, name: str, form: "catalog_pb2.SampleForm.ValueType" = catalog_pb2.SAMPLE_FORM_ORIGINAL
    ) -> AsyncIterator[bytes]:
        """A sample's audio in pieces: the original or the normalised copy."""
        request = catalog_pb2.DownloadSampleAudioRequest(name=requests.resource("profiles", name), form=form)
        return (part.body.data async for part in self._stream(self._catalog.DownloadSampleAudio, request))

    def list_generations(
        self, search: str = "", filter: str = "", page_size: int = 0, order_by: str = ""
    ) -> AsyncIterator[catalog_pb2.Generation]:
        """What was spoken, newest first unless `order_by` says otherwise; `search`, `filter` and `order_by` as the
        contract tells.
        """
        request = catalog_pb2.ListGenerationsRequest(
            search=search, filter=filter, page_size=page_size, order_by=order_by
        )
        pages = self._pages(self._catalog.ListGenerations, request)
        return (item async for page in pages for item in page.generations)

    async def get_generation(self, name: str) -> catalog_pb2.Generation:
        """One generation."""
        return await self._ask(
            self._catalog.GetGeneration, catalog_pb2.GetGenerationRequest(name=requests.resource("generations", name))
        )

    def generation_audio(self, name: str) -> AsyncIterator[bytes]:
        """A generation's audio file in pieces."""
        request = catalog_pb2.DownloadGenerationAudioRequest(name=requests.resource("generations", name))
        return (part.body.data async for part in self._stream(self._catalog.DownloadGenerationAudio, request))

    async def delete_generation(self, name: str) -> None:
        """Deletes a generation and its audio."""
        await self._ask(
            self._catalog.DeleteGeneration,
            catalog_pb2.DeleteGenerationRequest(name=requests.resource("generations", name)),
        )

    @takes(GenerationChanges)
    async def update_generation(
        self, name: str, etag: str = "", **changes: Unpack[GenerationChanges]
    ) -> catalog_pb2.Generation:
        """Changes exactly the fields that are given; fails when `etag` is given and the generation changed since."""
        return await self._ask(
            self._catalog.UpdateGeneration, history_requests.update_generation(name, etag, **changes)
        )

    async def delete_generations(self, filter: str, *, force: bool = False) -> catalog_pb2.DeleteGenerationsResponse:
        """Counts all generations that the filter meets, `*` for all of them; with `force` they are deleted, with their
        audio.
        """
        request = catalog_pb2.DeleteGenerationsRequest(filter=filter, force=force)
        return await self._ask(self._catalog.DeleteGenerations, request, timeout_seconds=self._work_seconds)

    async def generation_statistics(
        self, filter: str = "", by: Group | Literal[""] = "", limit: int = 0
    ) -> catalog_pb2.GenerationStatistics:
        """How much was spoken: in all, and by profile, engine or day."""
        return await self._ask(self._catalog.GetGenerationStatistics, history_requests.statistics(filter, by, limit))

    def export_generations(self, filter: str = "", *, without_audio: bool = False) -> AsyncIterator[bytes]:
        """A zip file of the history in pieces: `generations.jsonl`, and the audio."""
        request = catalog_pb2.ExportGenerationsRequest(filter=filter, without_audio=without_audio)
        return (part.body.data async for part in self._stream(self._catalog.ExportGenerations, request))

    @takes(requests.SpeechOptions)
    async def say_again(self, name: str, **options: Unpack[requests.SpeechOptions]) -> AsyncSpeech:
        """Speaks a generation's text again, with its voices, seed and parameters; `options` come before these."""
        request = history_requests.again(await self.get_generation(name), **options)
        if isinstance(request, tts_pb2.StreamDialogueRequest):
            return AsyncSpeech(self._stream(self._tts.StreamDialogue, request))
        return self._speak(request)

    def list_transcriptions(
        self, search: str = "", filter: str = "", page_size: int = 0, order_by: str = ""
    ) -> AsyncIterator[catalog_pb2.Transcription]:
        """Stored transcriptions, as `list_generations`, without their utterances."""
        request = catalog_pb2.ListTranscriptionsRequest(
            search=search, filter=filter, page_size=page_size, order_by=order_by
        )
        pages = self._pages(self._catalog.ListTranscriptions, request)
        return (item async for page in pages for item in page.transcriptions)

    async def get_transcription(self, name: str) -> catalog_pb2.Transcription:
        """One transcription, with its utterances."""
        request = catalog_pb2.GetTranscriptionRequest(name=requests.resource("transcriptions", name))
        return await self._ask(self._catalog.GetTranscription, request)

    def transcription_audio(self, name: str) -> AsyncIterator[bytes]:
        """A transcription's audio file in pieces."""
        request = catalog_pb2.DownloadTranscriptionAudioRequest(name=requests.resource("transcriptions", name))
        return (part.body.data async for part in self._stream(self._catalog.DownloadTranscriptionAudio, request))

    @takes(TranscriptionChanges)
    async def update_transcription(
        self, name: str, etag: str = "", **changes: Unpack[TranscriptionChanges]
    ) -> catalog_pb2.Transcription:
        """Changes exactly the fields that are given; fails when `etag` is given and the transcription changed since."""
        return await self._ask(
            self._catalog.UpdateTranscription, history_requests.update_transcription(name, etag, **changes)
        )

    async def delete_transcription(self, name: str) -> None:
        """Deletes a transcription and its audio."""
        request = catalog_pb2.DeleteTranscriptionRequest(name=requests.resource("transcriptions", name))
        await self._ask(self._catalog.DeleteTranscription, request)

    @takes(lexicon_requests.LexiconDetails)
    async def create_lexicon(
        self,
        entries: Iterable[lexicon_requests.Entry],
        lexicon_id: str = "",
        **details: Unpack[lexicon_requests.LexiconDetails],
    ) -> catalog_pb2.Lexicon:
        """A new lexicon: `[("GIF", "jiff"), ("Nguyen", "", "wɪn")]`; the server draws its id when none is given."""
        request = lexicon_requests.create_lexicon(entries, lexicon_id, **details)
        return await self._ask(self._catalog.CreateLexicon, request)

    async def get_lexicon(self, name: str) -> catalog_pb2.Lexicon:
        """One lexicon, with its entries."""
        request = catalog_pb2.GetLexiconRequest(name=requests.resource("lexicons", name))
        return await self._ask(self._catalog.GetLexicon, request)

    def list_lexicons(self, page_size: int = 0) -> AsyncIterator[catalog_pb2.Lexicon]:
        """All lexicons without their entries, newest first, a page at a time."""
        pages = self._pages(self._catalog.ListLexicons, catalog_pb2.ListLexiconsRequest(page_size=page_size))
        return (item async for page in pages for item in page.lexicons)

    @takes(lexicon_requests.LexiconChanges)
    async def update_lexicon(
        self, name: str, etag: str = "", **changes: Unpack[lexicon_requests.LexiconChanges]
    ) -> catalog_pb2.Lexicon:
        """Changes exactly the fields that are given; fails when `etag` is given and the lexicon changed since."""
        return await self._ask(self._catalog.UpdateLexicon, lexicon_requests.update_lexicon(name, etag, **changes))

    async def delete_lexicon(self, name: str, etag: str = "") -> None:
        """Deletes a lexicon for good."""
        request = catalog_pb2.DeleteLexiconRequest(name=requests.resource("lexicons", name), etag=etag)
        await self._ask(self._catalog.DeleteLexicon, request)

    @takes(lexicon_requests.LexiconFileDetails)
    async def import_lexicon(
        self, file: upload.Source, lexicon_id: str = "", **details: Unpack[lexicon_requests.LexiconFileDetails]
    ) -> catalog_pb2.ImportLexiconResponse:
        """A lexicon from a PLS or CSV file, and warnings. Raises OSError for a path that cannot be read."""
        messages = partial(lexicon_requests.import_lexicon, lexicon_id, requests.request_id(), details)
        return await self._upload(self._catalog.ImportLexicon, file, messages)

    def export_lexicon(self, name: str, form: lexicon_requests.LexiconFormat = "pls") -> AsyncIterator[bytes]:
        """A lexicon as a PLS or CSV file, in pieces."""
        request = catalog_pb2.ExportLexiconRequest(
            name=requests.resource("lexicons", name), format=lexicon_requests.form_of(form)
        )
        return (part.body.data async for part in self._stream(self._catalog.ExportLexicon, request))

    async def get_retention_rule(self) -> catalog_pb2.RetentionRule:
        """How long the history is stored; without limits nothing is deleted."""
        return await self._ask(self._catalog.GetRetentionRule, catalog_pb2.GetRetentionRuleRequest())

    async def set_retention_rule(
        self, keep_days: int | None = None, keep_bytes: int | None = None
    ) -> catalog_pb2.RetentionRule:
        """Sets how long the history is stored; None is no limit."""
        return await self._ask(
            self._catalog.UpdateRetentionRule, history_requests.retention_rule(keep_days, keep_bytes)
        )

    async def apply_retention(self, *, force: bool = False) -> catalog_pb2.ApplyRetentionResponse:
        """Counts the records beyond the rule; with `force` they are deleted."""
        request = catalog_pb2.ApplyRetentionRequest(force=force)
        return await self._ask(self._catalog.ApplyRetention, request, timeout_seconds=self._work_seconds)

    async def list_models(self, host: ModelHost) -> list[models_pb2.Model]:
        """The models of tts, asr or conversion, the default first."""
        return list(
            (await self._ask(self._models.ListModels, models_pb2.ListModelsRequest(), host_metadata(host))).models
        )

    async def load_model(self, host: ModelHost, name: str) -> models_pb2.Model:
        """Loads a model and answers when it is ready."""
        request = models_pb2.LoadModelRequest(name=requests.resource("models", name))
        return await self._ask(self._models.LoadModel, request, host_metadata(host), self._work_seconds)

    async def unload_model(self, host: ModelHost, name: str) -> models_pb2.Model:
        """Unloads a model and frees its memory."""
        request = models_pb2.UnloadModelRequest(name=requests.resource("models", name))
        return await self._ask(self._models.UnloadModel, request, host_metadata(host))

    async def list_adapters(self, host: ModelHost) -> list[models_pb2.Adapter]:
        """The adapters of tts or asr, by name."""
        request = models_pb2.ListAdaptersRequest()
        answer = await self._ask(self._models.ListAdapters, request, host_metadata(host))
        return list(answer.adapters)

    async def import_adapter(self, host: ModelHost, archive: upload.Source, adapter_id: str = "") -> models_pb2.Adapter:
        """An adapter from a `.voicebox-adapter` file. Raises OSError for a path that cannot be read."""
        messages = partial(adapter_requests.import_adapter, adapter_id)
        return await self._upload(self._models.ImportAdapter, archive, messages, metadata=host_metadata(host))

    def export_adapter(self, host: ModelHost, name: str) -> AsyncIterator[bytes]:
        """An adapter as a `.voicebox-adapter` file, in pieces."""
        request = models_pb2.ExportAdapterRequest(name=requests.resource(adapter_requests.COLLECTION, name))
        parts = self._stream(self._models.ExportAdapter, request, host_metadata(host))
        return (part.body.data async for part in parts)

    async def delete_adapter(self, host: ModelHost, name: str) -> None:
        """Deletes an adapter and its model for good."""
        request = models_pb2.DeleteAdapterRequest(name=requests.resource(adapter_requests.COLLECTION, name))
        await self._ask(self._models.DeleteAdapter, request, host_metadata(host))

    def download_model(self, host: ModelHost, name: str) -> AsyncIterator[models_pb2.DownloadModelResponse]:
        """Downloads a model's files and yields the progress."""
        request = models_pb2.DownloadModelRequest(name=requests.resource("models", name))
        return self._stream(self._models.DownloadModel, request, host_metadata(host))

    async def create_job(self, job: jobs_pb2.Job) -> jobs_pb2.Job:
        """Queues a job: its work, and optionally its labels, priority, timeout and device_memory_bytes."""
        return await self._ask(self._jobs.CreateJob, job_requests.create_job(job))

    async def get_job(self, name: str) -> jobs_pb2.Job:
        """One job, as it is now."""
        return await self._ask(self._jobs.GetJob, jobs_pb2.GetJobRequest(name=requests.resource("jobs", name)))

    async def list_jobs(self, filter: str = "", page_size: int = 0) -> AsyncIterator[jobs_pb2.Job]:
        """Jobs, newest first, a page at a time: `state = "FAILED" AND type = "train_voice"`."""
        request = jobs_pb2.ListJobsRequest(filter=filter, page_size=page_size)
        async for page in self._pages(self._jobs.ListJobs, request):
            for job in page.jobs:
                yield job

    async def cancel_job(self, name: str) -> jobs_pb2.Job:
        """Cancels a job: one that runs ends within seconds."""
        return await self._ask(self._jobs.CancelJob, jobs_pb2.CancelJobRequest(name=requests.resource("jobs", name)))

    async def retry_job(self, name: str, from_step: str = "") -> jobs_pb2.Job:
        """Queues a job again that failed, was cancelled or is dead."""
        request = jobs_pb2.RetryJobRequest(name=requests.resource("jobs", name), from_step=from_step)
        return await self._ask(self._jobs.RetryJob, request)

    async def delete_job(self, name: str) -> None:
        """Deletes a job that has ended, with its results."""
        await self._ask(self._jobs.DeleteJob, jobs_pb2.DeleteJobRequest(name=requests.resource("jobs", name)))

    def watch_job(self, name: str, after_sequence: int = 0) -> AsyncIterator[jobs_pb2.JobEvent]:
        """The events of a job, to the one with which it ends. One that breaks off goes on behind the last event."""
        request = jobs_pb2.WatchJobRequest(name=requests.resource("jobs", name), after_sequence=after_sequence)
        return self._stream(self._jobs.WatchJob, request)

    def watch_jobs(self, after_sequence: int | None = None) -> AsyncIterator[jobs_pb2.JobEvent]:
        """The events of all jobs, without an end; by default new ones alone."""
        return self._stream(self._jobs.WatchJobs, jobs_pb2.WatchJobsRequest(after_sequence=after_sequence))

    async def update_segment(
        self, job: str, index: int, transcript: str | None = None, kept: bool | None = None
    ) -> jobs_pb2.JobItem:
        """Corrects a clip of a data set: what is said in it, and whether it is kept. None changes nothing."""
        return await self._ask(self._jobs.UpdateSegment, job_requests.update_segment(job, index, transcript, kept))

    async def list_job_items(self, name: str, page_size: int = 0) -> AsyncIterator[jobs_pb2.JobItem]:
        """The items of a batch in order, a page at a time."""
        request = jobs_pb2.ListJobItemsRequest(parent=requests.resource("jobs", name), page_size=page_size)
        async for page in self._pages(self._jobs.ListJobItems, request):
            for item in page.items:
                yield item

    async def download_result(self, name: str) -> AsyncIterator[bytes]:
        """A file that a job made, by its name in the job's `results`, in pieces."""
        request = jobs_pb2.DownloadResultRequest(name=name)
        async for part in self._stream(self._jobs.DownloadResult, request):
            yield part.body.data

    async def upload_input(
        self, file: upload.Source, file_name: str = "", sent: Callable[[int], None] | None = None
    ) -> jobs_pb2.Input:
        """Stores a file for jobs, audio or UTF-8 text. Raises OSError for a path that cannot be read."""
        messages = partial(job_requests.upload, file_name, requests.request_id())
        return await self._upload(self._jobs.UploadInput, file, messages, sent)

    async def list_inputs(self, page_size: int = 0) -> AsyncIterator[jobs_pb2.Input]:
        """Inputs, newest first, a page at a time."""
        request = jobs_pb2.ListInputsRequest(page_size=page_size)
        async for page in self._pages(self._jobs.ListInputs, request):
            for item in page.inputs:
                yield item

    async def validate_input(self, name: str, job_type: str) -> jobs_pb2.ValidateInputResponse:
        """Whether an input can be used for a type of job, such as `synthesize_batch`."""
        request = jobs_pb2.ValidateInputRequest(name=requests.resource("inputs", name), type=job_type)
        return await self._ask(self._jobs.ValidateInput, request)

    async def download_input(self, name: str) -> AsyncIterator[bytes]:
        """An input as it was uploaded, in pieces."""
        request = jobs_pb2.DownloadInputRequest(name=requests.resource("inputs", name))
        async for part in self._stream(self._jobs.DownloadInput, request):
            yield part.body.data

    async def delete_input(self, name: str) -> None:
        """Deletes an input that no job needs."""
        await self._ask(self._jobs.DeleteInput, jobs_pb2.DeleteInputRequest(name=requests.resource("inputs", name)))

    async def create_key(
        self,
        owner: str,
        scopes: Sequence[Scope],
        display_name: str = "",
        expire_time: Timestamp | None = None,
    ) -> accounts_pb2.CreateKeyResponse:
        """A new key of an owner; `secret` in the answer is shown this once."""
        request = account_requests.create_key(owner, scopes, display_name, expire_time)
        return await self._ask(self._keys.CreateKey, request, retry=NEVER)

    async def list_keys(self, owner: str = "", page_size: int = 0) -> AsyncIterator[accounts_pb2.Key]:
        """Keys, newest first, a page at a time; of all owners where the caller may see them."""
        request = accounts_pb2.ListKeysRequest(owner=owner, page_size=page_size)
        async for page in self._pages(self._keys.ListKeys, request):
            for key in page.keys:
                yield key

    async def get_key(self, name: str) -> accounts_pb2.Key:
        """One key, without its secret."""
        return await self._ask(self._keys.GetKey, accounts_pb2.GetKeyRequest(name=requests.resource("keys", name)))

    async def revoke_key(self, name: str) -> accounts_pb2.Key:
        """The key is refused within a second, and its streams end within ten."""
        return await self._ask(
            self._keys.RevokeKey, accounts_pb2.RevokeKeyRequest(name=requests.resource("keys", name))
        )

    async def rotate_key(self, name: str, overlap_seconds: float = 0.0) -> accounts_pb2.CreateKeyResponse:
        """A key like this one; the old one goes on for `overlap_seconds`."""
        return await self._ask(self._keys.RotateKey, account_requests.rotate_key(name, overlap_seconds), retry=NEVER)

    async def get_limits(self, owner: str = "", key: str = "") -> accounts_pb2.Limits:
        """The limits of an owner, or of a key."""
        request = accounts_pb2.GetLimitsRequest(name=account_requests.limits_name(owner, key))
        return await self._ask(self._limits.GetLimits, request)

    @takes(LimitChanges)
    async def update_limits(
        self, owner: str = "", key: str = "", **changes: Unpack[LimitChanges]
    ) -> accounts_pb2.Limits:
        """Changes exactly the limits that are given, of an owner or of a key; None takes one away."""
        name = account_requests.limits_name(owner, key)
        return await self._ask(self._limits.UpdateLimits, account_requests.update_limits(name, **changes))

    async def usage(
        self, owner: str = "", key: str = "", from_day: str = "", to_day: str = "", by: Sequence[UsageGroup] = ()
    ) -> list[accounts_pb2.UsageRow]:
        """What was used from one day of UTC to another, `YYYY-MM-DD`; by default in the last 30 days."""
        request = account_requests.usage(owner, key, from_day, to_day, by)
        return list((await self._ask(self._usage.GetUsage, request)).rows)

    async def move_owner(self, owner: str, new_owner: str) -> accounts_pb2.DataReport:
        """Gives everything of an owner to another."""
        request = accounts_pb2.MoveOwnerRequest(name=requests.resource("owners", owner), new_owner=new_owner)
        return await self._ask(self._data.MoveOwner, request, timeout_seconds=self._work_seconds)

    async def export_owner(self, owner: str) -> AsyncIterator[bytes]:
        """Everything of an owner, a zip file in pieces."""
        request = accounts_pb2.ExportOwnerRequest(name=requests.resource("owners", owner))
        async for part in self._stream(self._data.ExportOwner, request):
            yield part.body.data

    async def delete_owner(self, owner: str, *, force: bool = False) -> accounts_pb2.DataReport:
        """Counts everything of an owner; with `force` it is deleted."""
        request = accounts_pb2.DeleteOwnerRequest(name=requests.resource("owners", owner), force=force)
        return await self._ask(self._data.DeleteOwner, request, timeout_seconds=self._work_seconds)

    async def health(self) -> Health:
        """Which services answer."""
        return await asyncio.to_thread(fetch_health, self._target, self._timeout_seconds)

    @cached_property
    def _channel(self) -> grpc.aio.Channel:
        # Made when it is first used: a channel belongs to the event loop that runs then.
        channel = grpc.aio.insecure_channel(self._target, options=channel_options(self._target))
        return with_key(channel, self._api_key)

    @cached_property
    def _tts(self) -> "tts_pb2_grpc.TextToSpeechServiceAsyncStub":
        return cast("tts_pb2_grpc.TextToSpeechServiceAsyncStub", tts_pb2_grpc.TextToSpeechServiceStub(self._channel))

    @cached_property
    def _asr(self) -> "asr_pb2_grpc.SpeechToTextServiceAsyncStub":
        return cast("asr_pb2_grpc.SpeechToTextServiceAsyncStub", asr_pb2_grpc.SpeechToTextServiceStub(self._channel))

    @cached_property
    def _conversion(self) -> "conversion_pb2_grpc.ConversionServiceAsyncStub":
        return cast(
            "conversion_pb2_grpc.ConversionServiceAsyncStub", conversion_pb2_grpc.ConversionServiceStub(self._channel)
        )

    @cached_property
    def _voice_models(self) -> "conversion_pb2_grpc.VoiceModelServiceAsyncStub":
        return cast(
            "conversion_pb2_grpc.VoiceModelServiceAsyncStub", conversion_pb2_grpc.VoiceModelServiceStub(self._channel)
        )

    @cached_property
    def _catalog(self) -> "catalog_pb2_grpc.CatalogServiceAsyncStub":
        return cast("catalog_pb2_grpc.CatalogServiceAsyncStub", catalog_pb2_grpc.CatalogServiceStub(self._channel))

    @cached_property
    def _models(self) -> "models_pb2_grpc.ModelServiceAsyncStub":
        return cast("models_pb2_grpc.ModelServiceAsyncStub", models_pb2_grpc.ModelServiceStub(self._channel))

    @cached_property
    def _jobs(self) -> "jobs_pb2_grpc.JobServiceAsyncStub":
        return cast("jobs_pb2_grpc.JobServiceAsyncStub", jobs_pb2_grpc.JobServiceStub(self._channel))

    @cached_property
    def _keys(self) -> "accounts_pb2_grpc.KeyServiceAsyncStub":
        return cast("accounts_pb2_grpc.KeyServiceAsyncStub", accounts_pb2_grpc.KeyServiceStub(self._channel))

    @cached_property
    def _limits(self) -> "accounts_pb2_grpc.LimitServiceAsyncStub":
        return cast("accounts_pb2_grpc.LimitServiceAsyncStub", accounts_pb2_grpc.LimitServiceStub(self._channel))

    @cached_property
    def _usage(self) -> "accounts_pb2_grpc.UsageServiceAsyncStub":
        return cast("accounts_pb2_grpc.UsageServiceAsyncStub", accounts_pb2_grpc.UsageServiceStub(self._channel))

    @cached_property
    def _data(self) -> "accounts_pb2_grpc.DataServiceAsyncStub":
        return cast("accounts_pb2_grpc.DataServiceAsyncStub", accounts_pb2_grpc.DataServiceStub(self._channel))

    async def _ask(
        self,
        method: Callable[..., Awaitable[Answer]],
        request: object,
        metadata: Metadata = (),
        timeout_seconds: float | None = None,
        retry: RetryPolicy | None = None,
    ) -> Answer:
        seconds, policy = timeout_seconds or self._timeout_seconds, retry or self._retry
        return await self._calls.unary(lambda left: method(request, timeout=left, metadata=metadata), seconds, policy)

    async def _pages(self, method: Callable[..., Awaitable[Page]], request: PageRequest) -> AsyncIterator[Page]:
        while True:
            page = await self._ask(method, request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _speak(self, request: tts_pb2.StreamSynthesizeRequest) -> AsyncSpeech:
        joined = long_text.Joined(long_text.requests(request))
        return AsyncSpeech(self._spoken(joined), joined)

    async def _spoken(self, joined: long_text.Joined) -> AsyncGenerator[tts_pb2.StreamSynthesizeResponse]:
        while joined.number < len(joined.requests):
            part = joined.number
            try:
                async with aclosing(self._stream(self._tts.StreamSynthesize, joined.request)) as events:
                    async for event in events:
                        for one in joined.events(event):
                            yield one
            except VoiceboxClientError as error:
                raise joined.failed(error) from error
            if joined.number == part:
                raise joined.failed(cut_short("speech"))

    async def _upload(
        self,
        method: Callable[..., Awaitable[Answer]],
        audio: upload.Source,
        messages: Callable[[Iterator[bytes]], Iterator[Message]],
        sent: Callable[[int], None] | None = None,
        metadata: Metadata = (),
    ) -> Answer:
        upload.check(audio)
        policy = upload.policy_for(audio, self._retry)
        return await self._calls.unary(
            lambda left: method(messages(upload.pieces(audio, sent)), timeout=left, metadata=metadata),
            self._work_seconds,
            policy,
        )

    def _stream(
        self, method: Callable[..., AioResponseStream[Answer]], request: object, metadata: Metadata = ()
    ) -> AsyncGenerator[Answer]:
        return self._calls.stream(
            lambda left: method(request, timeout=left, metadata=metadata), self._work_seconds, self._retry
        )

    def _live(
        self, method: Callable[..., AioResponseStream[Answer]], messages: AsyncIterator[Message]
    ) -> AsyncGenerator[Answer]:
        return self._calls.stream(lambda left: method(messages, timeout=left), self._work_seconds, NEVER)


async def _messages(
    first: Request, convert: Callable[[Piece], Request], pieces: AsyncIterable[Piece]
) -> AsyncIterator[Request]:
    yield first
    async for piece in pieces:
        yield convert(piece)


async def _each(messages: Iterator[Request]) -> AsyncIterator[Request]:
    for message in messages:
        yield message
