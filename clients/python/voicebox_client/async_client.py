"""The asyncio client: the same methods as client.py, awaited."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from functools import cached_property, partial
from types import TracebackType
from typing import Self, TypeVar, Unpack, cast

import grpc.aio
from google.protobuf.message import Message
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc

from . import requests, upload
from .aio_calls import AioAnswerStream, AioCalls
from .connection import DEFAULT_TARGET, TIMEOUT_SECONDS, WORK_TIMEOUT_SECONDS, Metadata, ModelHost, channel_options, host_metadata
from .errors import cut_short
from .health import Health, fetch_health
from .pages import Page, PageRequest
from .retry import NEVER, STANDARD, RetryPolicy
from .speech import AsyncSpeech

Answer = TypeVar("Answer")
Piece = TypeVar("Piece")
Request = TypeVar("Request", bound=Message)


class AsyncClient:
    """Everything that the platform does, over one connection to `target`, `host:port` of the gateway.

    Every call has a deadline: `timeout_seconds` for questions, `work_timeout_seconds` for speech, recognition, uploads, downloads
    and the loading of models. Every call raises VoiceboxClientError. Names of profiles and generations may leave out their
    collection: `ann` is `profiles/ann`. Answers are the contract's own messages.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        work_timeout_seconds: float = WORK_TIMEOUT_SECONDS,
        retry: RetryPolicy = STANDARD,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._target = target
        self._timeout_seconds = timeout_seconds
        self._work_seconds = work_timeout_seconds
        self._retry = retry
        self._calls = AioCalls(clock, sleep)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection and every call on it."""
        await self._channel.close(grace=None)

    def say(self, text: str, **options: Unpack[requests.SpeechOptions]) -> AsyncSpeech:
        """Speaks 1 to 10,000 characters: iterate over the events, or `.read()` or `.save(path)` the audio."""
        request = requests.say(text, **options)
        return AsyncSpeech(self._stream(self._tts.StreamSynthesize, request))

    def converse(
        self, pieces: "AsyncIterable[str | tts_pb2.ConverseControl.ValueType]", **options: Unpack[requests.SpeechOptions]
    ) -> AsyncSpeech:
        """Speaks text while it is still being written. `pieces` is read as the call goes on, which is never tried again."""
        messages = _messages(requests.converse(**options), requests.converse_piece, pieces)
        return AsyncSpeech(self._live(self._tts.ConverseSynthesize, messages))

    async def list_voices(self, language: str = "", engine: str = "") -> list[tts_pb2.Voice]:
        """The built-in voices, the default first."""
        request = tts_pb2.ListVoicesRequest(language=language, engine=engine)
        return list((await self._ask(self._tts.ListVoices, request)).voices)

    async def transcribe(self, audio: upload.Source, **options: Unpack[requests.RecognitionOptions]) -> asr_pb2.RecognizeResponse:
        """What is said in a file: a path, bytes or an open file. Raises OSError for a path that cannot be read."""
        return await self._upload(self._asr.RecognizeUpload, audio, partial(requests.transcribe, **options))

    async def listen(
        self,
        blocks: "AsyncIterable[bytes | asr_pb2.StreamControl.ValueType]",
        *,
        interim_results: bool = True,
        **options: Unpack[requests.RecognitionOptions],
    ) -> AsyncIterator[asr_pb2.StreamingRecognizeResponse]:
        """What is said, while it is said. `blocks` is read as the call goes on, which is never tried again."""
        messages = _messages(requests.listen(interim_results, **options), requests.listen_piece, blocks)
        event = asr_pb2.StreamingRecognizeResponse()
        async for event in self._live(self._asr.StreamingRecognize, messages):
            yield event
        if not event.HasField("finished"):
            raise cut_short("recognition")

    async def create_profile(
        self, display_name: str, profile_id: str = "", **details: Unpack[requests.ProfileDetails]
    ) -> catalog_pb2.Profile:
        """A new profile; the server draws its id when none is given."""
        return await self._ask(self._catalog.CreateProfile, requests.create_profile(display_name, profile_id, **details))

    async def get_profile(self, name: str) -> catalog_pb2.Profile:
        """One profile."""
        return await self._ask(self._catalog.GetProfile, catalog_pb2.GetProfileRequest(name=requests.resource("profiles", name)))

    def list_profiles(self, page_size: int = 0) -> AsyncIterator[catalog_pb2.Profile]:
        """All profiles, newest first, a page at a time."""
        request = catalog_pb2.ListProfilesRequest(page_size=page_size)
        return (item async for page in self._pages(self._catalog.ListProfiles, request) for item in page.profiles)

    async def update_profile(self, name: str, etag: str = "", **changes: Unpack[requests.ProfileChanges]) -> catalog_pb2.Profile:
        """Changes exactly the fields that are given; fails when `etag` is given and the profile changed since."""
        return await self._ask(self._catalog.UpdateProfile, requests.update_profile(name, etag, **changes))

    async def delete_profile(self, name: str, etag: str = "") -> None:
        """Deletes a profile with its samples."""
        await self._ask(self._catalog.DeleteProfile, catalog_pb2.DeleteProfileRequest(name=requests.resource("profiles", name), etag=etag))

    async def add_sample(self, profile: str, audio: upload.Source, transcript: str = "") -> catalog_pb2.Sample:
        """Adds a recording: a path, bytes or an open file. Raises OSError for a path that cannot be read."""
        return await self._upload(
            self._catalog.UploadSample, audio, partial(requests.add_sample, profile, transcript, requests.request_id())
        )

    def list_samples(self, profile: str, page_size: int = 0) -> AsyncIterator[catalog_pb2.Sample]:
        """A profile's samples, oldest first, a page at a time."""
        request = catalog_pb2.ListSamplesRequest(parent=requests.resource("profiles", profile), page_size=page_size)
        return (item async for page in self._pages(self._catalog.ListSamples, request) for item in page.samples)

    async def delete_sample(self, name: str) -> None:
        """Deletes `profiles/{profile}/samples/{sample}` and its audio."""
        await self._ask(self._catalog.DeleteSample, catalog_pb2.DeleteSampleRequest(name=requests.resource("profiles", name)))

    def sample_audio(self, name: str, form: "catalog_pb2.SampleForm.ValueType" = catalog_pb2.SAMPLE_FORM_ORIGINAL) -> AsyncIterator[bytes]:
        """A sample's audio in pieces: the original or the normalised copy."""
        request = catalog_pb2.DownloadSampleAudioRequest(name=requests.resource("profiles", name), form=form)
        return (part.body.data async for part in self._stream(self._catalog.DownloadSampleAudio, request))

    def list_generations(self, search: str = "", filter: str = "", page_size: int = 0) -> AsyncIterator[catalog_pb2.Generation]:
        """The history, newest first, a page at a time; `search` and `filter` as the contract tells."""
        request = catalog_pb2.ListGenerationsRequest(search=search, filter=filter, page_size=page_size)
        return (item async for page in self._pages(self._catalog.ListGenerations, request) for item in page.generations)

    async def get_generation(self, name: str) -> catalog_pb2.Generation:
        """One generation."""
        return await self._ask(self._catalog.GetGeneration, catalog_pb2.GetGenerationRequest(name=requests.resource("generations", name)))

    def generation_audio(self, name: str) -> AsyncIterator[bytes]:
        """A generation's audio file in pieces."""
        request = catalog_pb2.DownloadGenerationAudioRequest(name=requests.resource("generations", name))
        return (part.body.data async for part in self._stream(self._catalog.DownloadGenerationAudio, request))

    async def delete_generation(self, name: str) -> None:
        """Deletes a generation and its audio."""
        await self._ask(self._catalog.DeleteGeneration, catalog_pb2.DeleteGenerationRequest(name=requests.resource("generations", name)))

    async def list_models(self, host: ModelHost) -> list[models_pb2.Model]:
        """The models of tts or asr, the default first."""
        return list((await self._ask(self._models.ListModels, models_pb2.ListModelsRequest(), host_metadata(host))).models)

    async def load_model(self, host: ModelHost, name: str) -> models_pb2.Model:
        """Loads a model and answers when it is ready."""
        request = models_pb2.LoadModelRequest(name=requests.resource("models", name))
        return await self._ask(self._models.LoadModel, request, host_metadata(host), self._work_seconds)

    async def unload_model(self, host: ModelHost, name: str) -> models_pb2.Model:
        """Unloads a model and frees its memory."""
        request = models_pb2.UnloadModelRequest(name=requests.resource("models", name))
        return await self._ask(self._models.UnloadModel, request, host_metadata(host))

    def download_model(self, host: ModelHost, name: str) -> AsyncIterator[models_pb2.DownloadModelResponse]:
        """Fetches a model's files; the progress as it comes."""
        request = models_pb2.DownloadModelRequest(name=requests.resource("models", name))
        return self._stream(self._models.DownloadModel, request, host_metadata(host))

    async def health(self) -> Health:
        """Which services answer."""
        return await asyncio.to_thread(fetch_health, self._target, self._timeout_seconds)

    @cached_property
    def _channel(self) -> grpc.aio.Channel:
        # Made when it is first used: a channel belongs to the event loop that runs then.
        return grpc.aio.insecure_channel(self._target, options=channel_options(self._target))

    @cached_property
    def _tts(self) -> "tts_pb2_grpc.TextToSpeechServiceAsyncStub":
        return cast("tts_pb2_grpc.TextToSpeechServiceAsyncStub", tts_pb2_grpc.TextToSpeechServiceStub(self._channel))

    @cached_property
    def _asr(self) -> "asr_pb2_grpc.SpeechToTextServiceAsyncStub":
        return cast("asr_pb2_grpc.SpeechToTextServiceAsyncStub", asr_pb2_grpc.SpeechToTextServiceStub(self._channel))

    @cached_property
    def _catalog(self) -> "catalog_pb2_grpc.CatalogServiceAsyncStub":
        return cast("catalog_pb2_grpc.CatalogServiceAsyncStub", catalog_pb2_grpc.CatalogServiceStub(self._channel))

    @cached_property
    def _models(self) -> "models_pb2_grpc.ModelServiceAsyncStub":
        return cast("models_pb2_grpc.ModelServiceAsyncStub", models_pb2_grpc.ModelServiceStub(self._channel))

    async def _ask(
        self, method: Callable[..., Awaitable[Answer]], request: object, metadata: Metadata = (), timeout_seconds: float | None = None
    ) -> Answer:
        seconds = timeout_seconds or self._timeout_seconds
        return await self._calls.unary(lambda left: method(request, timeout=left, metadata=metadata), seconds, self._retry)

    async def _pages(self, method: Callable[..., Awaitable[Page]], request: PageRequest) -> AsyncIterator[Page]:
        while True:
            page = await self._ask(method, request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def _upload(
        self, method: Callable[..., Awaitable[Answer]], audio: upload.Source, messages: Callable[[Iterator[bytes]], Iterator[Message]]
    ) -> Answer:
        upload.check(audio)
        policy = upload.policy_for(audio, self._retry)
        return await self._calls.unary(lambda left: method(messages(upload.pieces(audio)), timeout=left), self._work_seconds, policy)

    def _stream(self, method: Callable[..., AioAnswerStream[Answer]], request: object, metadata: Metadata = ()) -> AsyncIterator[Answer]:
        return self._calls.stream(lambda left: method(request, timeout=left, metadata=metadata), self._work_seconds, self._retry)

    def _live(self, method: Callable[..., AioAnswerStream[Answer]], messages: AsyncIterator[Message]) -> AsyncIterator[Answer]:
        return self._calls.stream(lambda left: method(messages, timeout=left), self._work_seconds, NEVER)


async def _messages(first: Request, convert: Callable[[Piece], Request], pieces: AsyncIterable[Piece]) -> AsyncIterator[Request]:
    yield first
    async for piece in pieces:
        yield convert(piece)
