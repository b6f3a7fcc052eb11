"""A platform of fakes on a real gRPC server, and what the tests of the client share."""

import io
import json
import threading
import wave
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner, Result
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc
from voicebox_client.client import Client
from voicebox_client.command import main
from voicebox_kit.errors import NotFound, VoiceboxError
from voicebox_kit.status import to_status

RATE_HZ = 16000
# The header of a streamed WAV file, which claims the greatest length.
WAV_HEADER = (
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0"
    + RATE_HZ.to_bytes(4, "little")
    + (2 * RATE_HZ).to_bytes(4, "little")
    + b"\x02\0\x10\0data\xff\xff\xff\xff"
)
SAMPLES = bytes(range(256)) * 25


def seconds(number: float) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(round(1000 * number))
    return duration


class Platform:
    """What the fakes were asked, and what they shall fail with.

    `requested[method]` are the requests in order; `failures[method]` are taken one per call before the method answers.
    """

    wav_header = WAV_HEADER
    spoken = SAMPLES

    def __init__(self) -> None:
        self.address = ""
        self.requested: dict[str, list[Message]] = defaultdict(list)
        self.hosts: list[str] = []
        self.failures: dict[str, list[VoiceboxError]] = defaultdict(list)
        self.profiles: dict[str, catalog_pb2.Profile] = {}
        self.samples: dict[str, catalog_pb2.Sample] = {}
        self.findings: list[tuple[str, str]] = []  # of every sample that comes
        self.generations = [generation(index) for index in range(5)]
        self.transcriptions = [
            catalog_pb2.Transcription(name=f"transcriptions/t{index}", text=f"Heard {index}.") for index in range(3)
        ]
        self.retention_rule = catalog_pb2.RetentionRule()
        self.recognised = asr_pb2.RecognizeResponse(
            transcript="hello world", utterances=[hypothesis("hello world")], engine="pocketsphinx"
        )
        self.model: models_pb2.Model | None = None
        self.uploaded = b""
        self.cut_speech = False
        self.silent_speech = False
        self.cancelled = threading.Event()

    def enter(self, method: str, request: Message, context: grpc.ServicerContext) -> None:
        self.requested[method].append(request)
        self.hosts += [value for key, value in context.invocation_metadata() if key == "x-voicebox-service"]
        if self.failures[method]:
            fail(context, self.failures[method].pop(0))


def fail(context: grpc.ServicerContext, error: VoiceboxError) -> None:
    """Ends the call as the services do."""
    status = to_status(error, "request-1")
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    context.abort(code, status.message)


def generation(index: int) -> catalog_pb2.Generation:
    return catalog_pb2.Generation(
        name=f"generations/g{index}",
        text=f"The words of number {index}.",
        voice="flite/slt",
        duration=seconds(index),
        create_time=Timestamp(seconds=1_700_000_000 + index),
    )


class FakeTextToSpeech(tts_pb2_grpc.TextToSpeechServiceServicer):
    """Says SAMPLES, whatever the text."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def StreamSynthesize(self, request, context):
        self._platform.enter("StreamSynthesize", request, context)
        context.add_callback(self._platform.cancelled.set)
        for started, chunk, finished in self._events(request.config):
            yield tts_pb2.StreamSynthesizeResponse(started=started, chunk=chunk, finished=finished)
        if self._platform.silent_speech:
            self._platform.cancelled.wait(30)

    def StreamDialogue(self, request, context):
        self._platform.enter("StreamDialogue", request, context)
        for started, chunk, finished in self._events(request.config):
            yield tts_pb2.StreamDialogueResponse(started=started, chunk=chunk, finished=finished)

    def ConverseSynthesize(self, request_iterator, context):
        config = next(request_iterator).config
        for request in request_iterator:
            self._platform.enter("ConverseSynthesize", request, context)
        for started, chunk, finished in self._events(config.synthesis):
            yield tts_pb2.ConverseSynthesizeResponse(started=started, chunk=chunk, finished=finished)

    def DesignVoice(self, request, context):
        self._platform.enter("DesignVoice", request, context)
        seeds = range(request.config.seed, request.config.seed + (request.config.count or 3))
        made = {"audio": b"fLaC", "duration": seconds(2), "model": "dreams/1", "warnings": ["It was a fake."]}
        return tts_pb2.DesignVoiceResponse(voices=[tts_pb2.DesignedVoice(seed=seed, **made) for seed in seeds])

    def ListVoices(self, request, context):
        self._platform.enter("ListVoices", request, context)
        voice = tts_pb2.Voice(
            name="flite/slt", languages=["en-US"], sample_rate_hz=RATE_HZ, capabilities=[6, 8], is_default=True
        )
        return tts_pb2.ListVoicesResponse(voices=[voice])

    def _events(self, config):
        spec = tts_pb2.AudioSpec(encoding=config.audio.encoding, sample_rate_hz=RATE_HZ)
        profile = config.voice.profile
        yield (
            tts_pb2.SynthesisStarted(engine="flite", voice="flite/slt", profile=profile, audio=spec, seed=7),
            None,
            None,
        )
        head = WAV_HEADER if config.audio.encoding == tts_pb2.AUDIO_ENCODING_WAV else b""
        for sequence, audio in enumerate((head + SAMPLES[:1000], SAMPLES[1000:])):
            yield None, tts_pb2.AudioChunk(sequence=sequence, audio=audio, duration=seconds(0.1)), None
        if not (self._platform.cut_speech or self._platform.silent_speech):
            name = f"generations/{config.request_id}"
            heard = 0.25 if config.check else None
            warnings = ["It was a fake."]
            yield (
                None,
                None,
                tts_pb2.SynthesisFinished(
                    duration=seconds(0.2), generation=name, warnings=warnings, word_error_rate=heard
                ),
            )


class FakeSpeechToText(asr_pb2_grpc.SpeechToTextServiceServicer):
    """Hears two words in everything."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def RecognizeUpload(self, request_iterator, context):
        requests = list(request_iterator)
        self._platform.uploaded = b"".join(request.audio.data for request in requests)
        self._platform.enter("RecognizeUpload", requests[0], context)
        return self._platform.recognised

    def Transcribe(self, request_iterator, context):
        requests = list(request_iterator)
        self._platform.uploaded = b"".join(request.audio.data for request in requests)
        self._platform.enter("Transcribe", requests[0], context)
        return asr_pb2.TranscribeResponse(body=HttpBody(content_type="text/plain", data="héllo world\n".encode()))

    def StreamingRecognize(self, request_iterator, context):
        first = next(request_iterator)
        self._platform.enter("StreamingRecognize", first, context)
        heard = b""
        for request in request_iterator:
            heard += request.audio
            if request.HasField("control"):
                self._platform.requested["control"].append(request)
            yield asr_pb2.StreamingRecognizeResponse(interim=hypothesis("hello"))
        self._platform.uploaded = heard
        yield asr_pb2.StreamingRecognizeResponse(final=hypothesis("hello world"))
        if not self._platform.cut_speech:
            yield asr_pb2.StreamingRecognizeResponse(finished=asr_pb2.StreamFinished(utterance_count=1))


def hypothesis(transcript: str) -> asr_pb2.Hypothesis:
    words = [
        asr_pb2.Word(word=word, start_offset=seconds(index), end_offset=seconds(index + 0.5), confidence=0.9)
        for index, word in enumerate(transcript.split())
    ]
    return asr_pb2.Hypothesis(transcript=transcript, words=words)


class FakeCatalog(catalog_pb2_grpc.CatalogServiceServicer):
    """Keeps profiles and samples in memory, two to a page."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def CreateProfile(self, request, context):
        self._platform.enter("CreateProfile", request, context)
        profile = catalog_pb2.Profile()
        profile.MergeFrom(request.profile)
        profile.name, profile.etag = f"profiles/{request.profile_id or 'drawn'}", "1"
        self._platform.profiles[profile.name] = profile
        return profile

    def GetProfile(self, request, context):
        self._platform.enter("GetProfile", request, context)
        return self._found(request.name, context)

    def ListProfiles(self, request, context):
        self._platform.enter("ListProfiles", request, context)
        page, token = paged(list(self._platform.profiles.values()), request.page_token)
        return catalog_pb2.ListProfilesResponse(profiles=page, next_page_token=token)

    def UpdateProfile(self, request, context):
        self._platform.enter("UpdateProfile", request, context)
        profile = self._found(request.profile.name, context)
        request.update_mask.MergeMessage(request.profile, profile)
        return profile

    def DeleteProfile(self, request, context):
        self._platform.enter("DeleteProfile", request, context)
        del self._platform.profiles[self._found(request.name, context).name]
        return Empty()

    def UndeleteProfile(self, request, context):
        self._platform.enter("UndeleteProfile", request, context)
        return catalog_pb2.Profile(name=request.name)

    def DuplicateProfile(self, request, context):
        self._platform.enter("DuplicateProfile", request, context)
        copy = catalog_pb2.Profile(display_name=request.display_name)
        copy.name = f"profiles/{request.profile_id or 'drawn'}"
        return copy

    def SetProfileAvatar(self, request_iterator, context):
        requests = list(request_iterator)
        self._platform.uploaded = b"".join(request.image.data for request in requests)
        self._platform.enter("SetProfileAvatar", requests[0], context)
        return catalog_pb2.Profile(name=requests[0].name, avatar_etag="1")

    def DownloadProfileAvatar(self, request, context):
        self._platform.enter("DownloadProfileAvatar", request, context)
        yield catalog_pb2.DownloadProfileAvatarResponse(body=HttpBody(content_type="image/webp", data=b"web"))
        yield catalog_pb2.DownloadProfileAvatarResponse(body=HttpBody(data=b"p"))

    def DeleteProfileAvatar(self, request, context):
        self._platform.enter("DeleteProfileAvatar", request, context)
        return catalog_pb2.Profile(name=request.name)

    def ExportProfile(self, request, context):
        self._platform.enter("ExportProfile", request, context)
        yield catalog_pb2.ExportProfileResponse(body=HttpBody(content_type="application/zip", data=b"PK"))
        yield catalog_pb2.ExportProfileResponse(body=HttpBody(data=b"zip"))

    def ImportProfile(self, request_iterator, context):
        requests = list(request_iterator)
        self._platform.uploaded = b"".join(request.archive.data for request in requests)
        self._platform.enter("ImportProfile", requests[0], context)
        name = f"profiles/{requests[0].profile_id or 'brought'}"
        if not zipfile.is_zipfile(io.BytesIO(self._platform.uploaded)):
            return catalog_pb2.Profile(name=name)
        return self._brought_in(name)

    def _brought_in(self, name):
        with zipfile.ZipFile(io.BytesIO(self._platform.uploaded)) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            profile = json_format.ParseDict(manifest["profile"], catalog_pb2.Profile())
            profile.name, profile.etag = name, "1"
            self._platform.profiles[name] = profile
            for each in manifest["samples"]:
                self._platform.uploaded = archive.read(each["file"])
                self._keep(profile, each["sample"].get("transcript", ""))
        return profile

    def GetSample(self, request, context):
        self._platform.enter("GetSample", request, context)
        return self._platform.samples[request.name]

    def UpdateSample(self, request, context):
        self._platform.enter("UpdateSample", request, context)
        sample = self._platform.samples[request.sample.name]
        request.update_mask.MergeMessage(request.sample, sample)
        return sample

    def SegmentSample(self, request, context):
        self._platform.enter("SegmentSample", request, context)
        parts = [
            catalog_pb2.Sample(name=f"profiles/ann/samples/p{number}", container="flac", source=request.name)
            for number in range(2)
        ]
        return catalog_pb2.SegmentSampleResponse(samples=parts)

    def UploadSample(self, request_iterator, context):
        requests = list(request_iterator)
        self._platform.uploaded = b"".join(request.audio.data for request in requests)
        self._platform.enter("UploadSample", requests[0], context)
        return self._keep(self._found(requests[0].parent, context), requests[0].transcript)

    def _keep(self, profile, transcript):
        profile.sample_count += 1
        sample = catalog_pb2.Sample(name=f"{profile.name}/samples/s1", transcript=transcript, container="wav")
        for reason, message in self._platform.findings:
            sample.quality.findings.add(reason=reason, message=message)
        self._platform.samples[sample.name] = sample
        return sample

    def ListSamples(self, request, context):
        self._platform.enter("ListSamples", request, context)
        page, token = paged(list(self._platform.samples.values()), request.page_token)
        return catalog_pb2.ListSamplesResponse(samples=page, next_page_token=token)

    def DeleteSample(self, request, context):
        self._platform.enter("DeleteSample", request, context)
        del self._platform.samples[request.name]
        return Empty()

    def DownloadSampleAudio(self, request, context):
        self._platform.enter("DownloadSampleAudio", request, context)
        yield catalog_pb2.DownloadSampleAudioResponse(body=HttpBody(content_type="audio/wav", data=b"sam"))
        yield catalog_pb2.DownloadSampleAudioResponse(body=HttpBody(data=b"ple"))

    def ListGenerations(self, request, context):
        self._platform.enter("ListGenerations", request, context)
        page, token = paged(self._platform.generations, request.page_token)
        return catalog_pb2.ListGenerationsResponse(generations=page, next_page_token=token)

    def GetGeneration(self, request, context):
        self._platform.enter("GetGeneration", request, context)
        return self._generation(request.name, context)

    def DeleteGeneration(self, request, context):
        self._platform.enter("DeleteGeneration", request, context)
        self._platform.generations.remove(self._generation(request.name, context))
        return Empty()

    def DownloadGenerationAudio(self, request, context):
        self._platform.enter("DownloadGenerationAudio", request, context)
        yield catalog_pb2.DownloadGenerationAudioResponse(body=HttpBody(content_type="audio/wav", data=WAV_HEADER))
        yield catalog_pb2.DownloadGenerationAudioResponse(body=HttpBody(data=SAMPLES))

    def UpdateGeneration(self, request, context):
        self._platform.enter("UpdateGeneration", request, context)
        generation = self._generation(request.generation.name, context)
        for path in request.update_mask.paths:
            generation.ClearField(path)
        request.update_mask.MergeMessage(request.generation, generation)
        return generation

    def DeleteGenerations(self, request, context):
        self._platform.enter("DeleteGenerations", request, context)
        count = len(self._platform.generations)
        if request.force:
            self._platform.generations.clear()
        return catalog_pb2.DeleteGenerationsResponse(count=count, size_bytes=2_000_000)

    def GetGenerationStatistics(self, request, context):
        self._platform.enter("GetGenerationStatistics", request, context)
        rows = [catalog_pb2.StatisticsRow(key=key, count=2, duration=seconds(1.5)) for key in ("flite", "")]
        return catalog_pb2.GenerationStatistics(
            total=catalog_pb2.StatisticsRow(count=4), groups=rows if request.group_by else ()
        )

    def ExportGenerations(self, request, context):
        self._platform.enter("ExportGenerations", request, context)
        yield catalog_pb2.ExportGenerationsResponse(body=HttpBody(content_type="application/zip", data=b"PK"))
        yield catalog_pb2.ExportGenerationsResponse(body=HttpBody(data=b"zip"))

    def ListTranscriptions(self, request, context):
        self._platform.enter("ListTranscriptions", request, context)
        page, token = paged(self._platform.transcriptions, request.page_token)
        return catalog_pb2.ListTranscriptionsResponse(transcriptions=page, next_page_token=token)

    def GetTranscription(self, request, context):
        self._platform.enter("GetTranscription", request, context)
        return self._transcription(request.name, context)

    def UpdateTranscription(self, request, context):
        self._platform.enter("UpdateTranscription", request, context)
        transcription = self._transcription(request.transcription.name, context)
        for path in request.update_mask.paths:
            transcription.ClearField(path)
        request.update_mask.MergeMessage(request.transcription, transcription)
        return transcription

    def DeleteTranscription(self, request, context):
        self._platform.enter("DeleteTranscription", request, context)
        self._platform.transcriptions.remove(self._transcription(request.name, context))
        return Empty()

    def DownloadTranscriptionAudio(self, request, context):
        self._platform.enter("DownloadTranscriptionAudio", request, context)
        yield catalog_pb2.DownloadTranscriptionAudioResponse(body=HttpBody(content_type="audio/flac", data=b"fl"))
        yield catalog_pb2.DownloadTranscriptionAudioResponse(body=HttpBody(data=b"ac"))

    def GetRetentionRule(self, request, context):
        self._platform.enter("GetRetentionRule", request, context)
        return self._platform.retention_rule

    def UpdateRetentionRule(self, request, context):
        self._platform.enter("UpdateRetentionRule", request, context)
        self._platform.retention_rule = request.rule
        return request.rule

    def ApplyRetention(self, request, context):
        self._platform.enter("ApplyRetention", request, context)
        return catalog_pb2.ApplyRetentionResponse(generation_count=3, transcription_count=1, size_bytes=2_000_000)

    def _transcription(self, name, context):
        for one in self._platform.transcriptions:
            if one.name == name:
                return one
        return fail(context, NotFound("transcription", name))

    def _found(self, name, context):
        if name not in self._platform.profiles:
            fail(context, NotFound("profile", name))
        return self._platform.profiles[name]

    def _generation(self, name, context):
        for one in self._platform.generations:
            if one.name == name:
                return one
        return fail(context, NotFound("generation", name))


def paged(items, token):
    start = int(token or 0)
    return items[start : start + 2], str(start + 2) if start + 2 < len(items) else ""


class FakeModels(models_pb2_grpc.ModelServiceServicer):
    """One model."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def ListModels(self, request, context):
        self._platform.enter("ListModels", request, context)
        return models_pb2.ListModelsResponse(models=[self._model(models_pb2.MODEL_STATE_AVAILABLE)])

    def LoadModel(self, request, context):
        self._platform.enter("LoadModel", request, context)
        return self._model(models_pb2.MODEL_STATE_LOADED)

    def UnloadModel(self, request, context):
        self._platform.enter("UnloadModel", request, context)
        return self._model(models_pb2.MODEL_STATE_AVAILABLE)

    def DownloadModel(self, request, context):
        self._platform.enter("DownloadModel", request, context)
        for done in (False, True) if not self._platform.cut_speech else (False,):
            model = self._model(models_pb2.MODEL_STATE_AVAILABLE)
            yield models_pb2.DownloadModelResponse(model=model, bytes_done=5, bytes_total=10, done=done)

    def _model(self, state):
        usual = models_pb2.Model(
            name="models/flite/2.2", engine="flite", state=state, licence="BSD-3-Clause", is_default=True
        )
        return self._platform.model or usual


@pytest.fixture
def platform() -> Iterator[Platform]:
    """The fakes, served on `platform.address`."""
    fakes = Platform()
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    tts_pb2_grpc.add_TextToSpeechServiceServicer_to_server(FakeTextToSpeech(fakes), server)
    asr_pb2_grpc.add_SpeechToTextServiceServicer_to_server(FakeSpeechToText(fakes), server)
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(FakeCatalog(fakes), server)
    models_pb2_grpc.add_ModelServiceServicer_to_server(FakeModels(fakes), server)
    fakes.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield fakes
    server.stop(grace=0).wait()


class Pauses:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, pause_seconds: float) -> None:
        self.slept.append(pause_seconds)
        self.now += pause_seconds

    async def async_sleep(self, pause_seconds: float) -> None:
        self.sleep(pause_seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def client(platform: Platform, pauses: Pauses) -> Iterator[Client]:
    """A client of the fakes that never really sleeps."""
    with Client(platform.address, clock=pauses.clock, sleep=pauses.sleep) as client:
        yield client


@pytest.fixture
def voicebox(platform: Platform) -> Callable[..., Result]:
    """Runs the command against the fakes, in this process."""
    return lambda *words, stdin=None: CliRunner().invoke(main, ["--server", platform.address, *words], input=stdin)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A 16-bit WAV file of 0.25 s."""
    path = tmp_path / "recording.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        out.writeframes(SAMPLES[:4000] * 2)
    return path


@pytest.fixture
def gateway() -> Iterator[Callable[[int, object], str]]:
    """Starts an HTTP server that answers /healthz with a status and a body; yields its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, body: object) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/healthz" else 404)
                self.end_headers()
                self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

            def log_message(self, format: str, *args: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
