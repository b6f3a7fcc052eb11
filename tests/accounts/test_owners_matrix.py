"""Bob sees of Ann's what he would see of nothing: every method about an owner's data, through the gateway."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.longrunning import operations_pb2, operations_proto_pb2
from google.protobuf import json_format
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from voicebox.accounts.v1 import accounts_pb2
from voicebox.asr.v1 import asr_pb2
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox.compat.google import speech_v1_pb2, speech_v2_pb2, texttospeech_v1_pb2
from voicebox.compat.openai.v1 import openai_pb2
from voicebox.compat.riva import riva_asr_pb2, riva_tts_pb2
from voicebox.conversion.v1 import conversion_pb2
from voicebox.jobs.v1 import jobs_pb2
from voicebox.models.v1 import models_pb2
from voicebox.tts.v1 import tts_pb2
from voicebox_accounts.access.table import METHODS, Owners
from voicebox_client import job_requests
from voicebox_kit.status import DETAILS_HEADER

from bench.conversion import trained_archive
from bench.launch import jobs_worker
from tests.support.history import recorded

SECRET = "the silver anchor sleeps below"
MODULES = (
    tts_pb2, asr_pb2, conversion_pb2, jobs_pb2, pb, accounts_pb2, models_pb2, openai_pb2, riva_tts_pb2, riva_asr_pb2,
    texttospeech_v1_pb2, speech_v1_pb2, speech_v2_pb2, operations_proto_pb2,
)  # fmt: skip
SERVICES = {service.full_name: service for module in MODULES for service in module.DESCRIPTOR.services_by_name.values()}
SHARED = {
    "google.cloud.texttospeech.v1beta1.TextToSpeech": "google.cloud.texttospeech.v1.TextToSpeech",
    "google.cloud.speech.v1p1beta1.Speech": "google.cloud.speech.v1.Speech",
}
WAV = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0"


@dataclass(frozen=True)
class Names:
    """Things by their names: Ann's, or such as nobody has."""

    profile: str
    sample: str
    generation: str
    transcription: str
    key: str
    owner: str
    operation: str
    request_id: str
    page_token: str
    etag: str
    lexicon: str
    voice_model: str
    job: str
    input: str


Make = Callable[[Names], Any]


def spoken(names: Names) -> tts_pb2.SynthesisConfig:
    return tts_pb2.SynthesisConfig(voice=tts_pb2.VoiceSelection(profile=names.profile))


CATALOG: dict[str, Make] = {
    "CreateProfile": lambda names: pb.CreateProfileRequest(
        profile=pb.Profile(display_name="Bob"), profile_id=f"bob-{uuid.uuid4().hex[:8]}", request_id=names.request_id
    ),
    "GetProfile": lambda names: pb.GetProfileRequest(name=names.profile),
    "ListProfiles": lambda names: pb.ListProfilesRequest(show_deleted=True, page_token=names.page_token),
    "UpdateProfile": lambda names: pb.UpdateProfileRequest(
        profile=pb.Profile(name=names.profile, description="mine", etag=names.etag)
    ),
    "DeleteProfile": lambda names: pb.DeleteProfileRequest(name=names.profile, etag=names.etag),
    "UndeleteProfile": lambda names: pb.UndeleteProfileRequest(name=names.profile),
    "DuplicateProfile": lambda names: pb.DuplicateProfileRequest(name=names.profile),
    "SetProfileAvatar": lambda names: pb.SetProfileAvatarRequest(name=names.profile, image=HttpBody(data=b"p")),
    "DownloadProfileAvatar": lambda names: pb.DownloadProfileAvatarRequest(name=names.profile),
    "DeleteProfileAvatar": lambda names: pb.DeleteProfileAvatarRequest(name=names.profile),
    "ExportProfile": lambda names: pb.ExportProfileRequest(name=names.profile),
    "ImportProfile": lambda names: pb.ImportProfileRequest(request_id=names.request_id, archive=HttpBody(data=b"z")),
    "UploadSample": lambda names: pb.UploadSampleRequest(
        parent=names.profile, audio=HttpBody(data=WAV), request_id=names.request_id
    ),
    "GetSample": lambda names: pb.GetSampleRequest(name=names.sample),
    "ListSamples": lambda names: pb.ListSamplesRequest(parent=names.profile),
    "UpdateSample": lambda names: pb.UpdateSampleRequest(sample=pb.Sample(name=names.sample, transcript="mine")),
    "SegmentSample": lambda names: pb.SegmentSampleRequest(name=names.sample),
    "DeleteSample": lambda names: pb.DeleteSampleRequest(name=names.sample),
    "DownloadSampleAudio": lambda names: pb.DownloadSampleAudioRequest(name=names.sample),
    "GetReference": lambda names: pb.GetReferenceRequest(profile=names.profile, known_etag=names.etag),
    "RecordGeneration": lambda names: pb.RecordGenerationRequest(
        generation=pb.Generation(name=names.generation, text="mine", engine="e", container="wav", status=1)
    ),
    "GetGeneration": lambda names: pb.GetGenerationRequest(name=names.generation),
    "ListGenerations": lambda names: pb.ListGenerationsRequest(search="silver"),
    "UpdateGeneration": lambda names: pb.UpdateGenerationRequest(
        generation=pb.Generation(name=names.generation, favorite=True)
    ),
    "DeleteGenerations": lambda names: pb.DeleteGenerationsRequest(filter=f'profile = "{names.profile}"', force=True),
    "GetGenerationStatistics": lambda names: pb.GetGenerationStatisticsRequest(
        group_by=pb.STATISTICS_GROUP_PROFILE, filter=f'profile = "{names.profile}"'
    ),
    "ExportGenerations": lambda names: pb.ExportGenerationsRequest(filter=f'profile = "{names.profile}"'),
    "DeleteGeneration": lambda names: pb.DeleteGenerationRequest(name=names.generation),
    "DownloadGenerationAudio": lambda names: pb.DownloadGenerationAudioRequest(name=names.generation),
    "RecordTranscription": lambda names: pb.RecordTranscriptionRequest(
        transcription=pb.Transcription(name=names.transcription, text="mine")
    ),
    "GetTranscription": lambda names: pb.GetTranscriptionRequest(name=names.transcription),
    "ListTranscriptions": lambda names: pb.ListTranscriptionsRequest(search="silver"),
    "UpdateTranscription": lambda names: pb.UpdateTranscriptionRequest(
        transcription=pb.Transcription(name=names.transcription, favorite=True)
    ),
    "DeleteTranscription": lambda names: pb.DeleteTranscriptionRequest(name=names.transcription),
    "DownloadTranscriptionAudio": lambda names: pb.DownloadTranscriptionAudioRequest(name=names.transcription),
    "CreateLexicon": lambda names: pb.CreateLexiconRequest(
        lexicon=pb.Lexicon(display_name="Bob"), lexicon_id=f"bob-{uuid.uuid4().hex[:8]}", request_id=names.request_id
    ),
    "GetLexicon": lambda names: pb.GetLexiconRequest(name=names.lexicon),
    "ListLexicons": lambda _: pb.ListLexiconsRequest(),
    "UpdateLexicon": lambda names: pb.UpdateLexiconRequest(lexicon=pb.Lexicon(name=names.lexicon, display_name="mine")),
    "DeleteLexicon": lambda names: pb.DeleteLexiconRequest(name=names.lexicon),
    "ImportLexicon": lambda names: pb.ImportLexiconRequest(
        lexicon_id=f"bob-{uuid.uuid4().hex[:8]}", file=HttpBody(data=b"a,b,"), request_id=str(uuid.uuid4())
    ),
    "ExportLexicon": lambda names: pb.ExportLexiconRequest(name=names.lexicon),
    "GetRetentionRule": lambda _: pb.GetRetentionRuleRequest(),
    "UpdateRetentionRule": lambda _: pb.UpdateRetentionRuleRequest(),
    "ApplyRetention": lambda _: pb.ApplyRetentionRequest(force=True),
}
TTS: dict[str, Make] = {
    "Synthesize": lambda names: tts_pb2.SynthesizeRequest(text="Hello.", config=spoken(names)),
    "StreamSynthesize": lambda names: tts_pb2.StreamSynthesizeRequest(text="Hello.", config=spoken(names)),
    "PlaySpeech": lambda names: tts_pb2.PlaySpeechRequest(text="Hello.", config=spoken(names)),
    "StreamDialogue": lambda names: tts_pb2.StreamDialogueRequest(
        turns=[tts_pb2.DialogueTurn(text="Hello.", voice=tts_pb2.VoiceSelection(profile=names.profile))]
    ),
    "ExplainSpeech": lambda names: tts_pb2.ExplainSpeechRequest(
        text="Hello.", config=tts_pb2.SynthesisConfig(lexicons=[names.lexicon])
    ),
    "ConverseSynthesize": lambda names: [
        tts_pb2.ConverseSynthesizeRequest(config=tts_pb2.ConverseConfig(synthesis=spoken(names))),
        tts_pb2.ConverseSynthesizeRequest(text="Hello."),
    ],
}
CONVERSION: dict[str, Make] = {
    "ConvertSpeech": lambda names: conversion_pb2.ConvertSpeechRequest(
        config=conversion_pb2.ConversionConfig(target=names.voice_model), audio=HttpBody(data=WAV)
    ),
    "StreamingConvert": lambda names: conversion_pb2.StreamingConvertRequest(
        config=conversion_pb2.StreamingConvertConfig(
            conversion=conversion_pb2.ConversionConfig(target=names.profile), sample_rate_hz=16_000
        )
    ),
    "ListVoiceModels": lambda _: conversion_pb2.ListVoiceModelsRequest(),
    "GetVoiceModel": lambda names: conversion_pb2.GetVoiceModelRequest(name=names.voice_model),
    "DeleteVoiceModel": lambda names: conversion_pb2.DeleteVoiceModelRequest(
        name=names.voice_model, request_id=names.request_id
    ),
    "ImportVoiceModel": lambda names: conversion_pb2.ImportVoiceModelRequest(
        request_id=names.request_id, archive=HttpBody(data=b"z")
    ),
    "ExportVoiceModel": lambda names: conversion_pb2.ExportVoiceModelRequest(name=names.voice_model),
}
ACCOUNTS: dict[str, Make] = {
    "ListKeys": lambda names: accounts_pb2.ListKeysRequest(owner=names.owner),
    "GetKey": lambda names: accounts_pb2.GetKeyRequest(name=names.key),
    "CreateKey": lambda names: accounts_pb2.CreateKeyRequest(key=accounts_pb2.Key(owner=names.owner)),
    "RevokeKey": lambda names: accounts_pb2.RevokeKeyRequest(name=names.key),
    "RotateKey": lambda names: accounts_pb2.RotateKeyRequest(name=names.key),
    "GetLimits": lambda names: accounts_pb2.GetLimitsRequest(name=f"{names.key}/limits"),
    "UpdateLimits": lambda names: accounts_pb2.UpdateLimitsRequest(
        limits=accounts_pb2.Limits(name=f"owners/{names.owner}/limits"), update_mask=FieldMask()
    ),
    "GetUsage": lambda names: accounts_pb2.GetUsageRequest(owner=names.owner, key=names.key.removeprefix("keys/")),
    "MoveOwner": lambda names: accounts_pb2.MoveOwnerRequest(name=f"owners/{names.owner}", new_owner="bob"),
    "ExportOwner": lambda names: accounts_pb2.ExportOwnerRequest(name=f"owners/{names.owner}"),
    "DeleteOwner": lambda names: accounts_pb2.DeleteOwnerRequest(name=f"owners/{names.owner}", force=True),
}
OTHERS: dict[str, Make] = {
    "CreateSpeech": lambda names: openai_pb2.CreateSpeechRequest(
        body=HttpBody(data=b'{"model": "tts-1", "input": "Hello.", "voice": "%s"}' % names.profile.encode())
    ),
    "GetOperation": lambda names: operations_pb2.GetOperationRequest(name=names.operation),
    "ListOperations": lambda names: operations_pb2.ListOperationsRequest(),
    "DeleteOperation": lambda names: operations_pb2.DeleteOperationRequest(name=names.operation),
    "CancelOperation": lambda names: operations_pb2.CancelOperationRequest(name=names.operation),
    "WaitOperation": lambda names: operations_pb2.WaitOperationRequest(name=names.operation),
    "SynthesizeSpeech": lambda names: texttospeech_v1_pb2.SynthesizeSpeechRequest(
        input=texttospeech_v1_pb2.SynthesisInput(text="Hello."),
        voice=texttospeech_v1_pb2.VoiceSelectionParams(name=names.profile, language_code="en-US"),
        audio_config=texttospeech_v1_pb2.AudioConfig(audio_encoding=1),
    ),
    "RivaSynthesize": lambda names: riva_tts_pb2.SynthesizeSpeechRequest(
        text="Hello.", language_code="en-US", sample_rate_hz=16000, voice_name=names.profile
    ),
}
JOBS: dict[str, Make] = {
    "CreateJob": lambda names: jobs_pb2.CreateJobRequest(
        job=jobs_pb2.Job(transcribe_batch=jobs_pb2.TranscribeBatch(inputs=[names.input]))
    ),
    "GetJob": lambda names: jobs_pb2.GetJobRequest(name=names.job),
    "ListJobs": lambda _: jobs_pb2.ListJobsRequest(),
    "WatchJob": lambda names: jobs_pb2.WatchJobRequest(name=names.job),
    "ListJobItems": lambda names: jobs_pb2.ListJobItemsRequest(parent=names.job),
    "UpdateSegment": lambda names: jobs_pb2.UpdateSegmentRequest(name=f"{names.job}/items/0", kept=False),
    "DownloadResult": lambda names: jobs_pb2.DownloadResultRequest(name=f"{names.job}/results/results.zip"),
    "CancelJob": lambda names: jobs_pb2.CancelJobRequest(name=names.job),
    "RetryJob": lambda names: jobs_pb2.RetryJobRequest(name=names.job),
    "DeleteJob": lambda names: jobs_pb2.DeleteJobRequest(name=names.job),
    "UploadInput": lambda names: jobs_pb2.UploadInputRequest(
        request_id=names.request_id, content=HttpBody(data=b"mine")
    ),
    "GetInput": lambda names: jobs_pb2.GetInputRequest(name=names.input),
    "ListInputs": lambda _: jobs_pb2.ListInputsRequest(),
    "ValidateInput": lambda names: jobs_pb2.ValidateInputRequest(name=names.input, type="transcribe_batch"),
    "DownloadInput": lambda names: jobs_pb2.DownloadInputRequest(name=names.input),
    "DeleteInput": lambda names: jobs_pb2.DeleteInputRequest(name=names.input),
}
ALL = {**CATALOG, **TTS, **JOBS, **CONVERSION, **ACCOUNTS, **OTHERS}
NAMELESS = {  # what is said here is about what the request holds, and names nothing that is stored
    "Recognize", "RecognizeUpload", "Transcribe", "StreamingRecognize", "LongRunningRecognize", "BatchRecognize",
    "CreateTranscription", "CreateTranslation", "DesignVoice", "SynthesizeOnline", "StreamingSynthesize",
    "LoadModel", "UnloadModel", "DownloadModel", "ImportAdapter", "ExportAdapter", "DeleteAdapter", "WatchJobs",
}  # fmt: skip
OWNED = sorted(
    (method for method, rule in METHODS.items() if rule.owners is not Owners.NONE and not rule.is_internal),
    key=lambda method: "/Record" in method,  # last: from then on Bob has something of the same name
)


def make_of(method: str) -> Make | None:
    service, name = method.strip("/").split("/")
    return OTHERS["RivaSynthesize"] if service.startswith("nvidia") and name == "Synthesize" else ALL.get(name)


def test_every_method_about_an_owners_data_is_in_the_matrix():
    assert {method for method in OWNED if make_of(method) is None} == {
        method for method in OWNED if method.rpartition("/")[2] in NAMELESS
    }


@dataclass(frozen=True)
class Answer:
    """How a call ended, without the names of what it was about."""

    code: grpc.StatusCode
    said: str
    messages: int


def call(channel: grpc.Channel, secret: str, method: str, names: Names) -> tuple[Answer, bytes]:
    """The answer without names, and all that came."""
    service, name = method.strip("/").split("/")
    descriptor = SERVICES[SHARED.get(service, service)].methods_by_name[name]
    make = make_of(method)
    assert make is not None
    request = make(names)
    requests = request if isinstance(request, list) else [request]
    kind = (
        f"{'stream' if descriptor.client_streaming else 'unary'}_{'stream' if descriptor.server_streaming else 'unary'}"
    )
    multicallable = getattr(channel, kind)(
        method,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(descriptor.output_type).FromString,
    )
    given = iter(requests) if descriptor.client_streaming else requests[0]
    try:
        answer = multicallable(given, metadata=(("authorization", f"Bearer {secret}"),), timeout=60)
        answers = list(answer) if descriptor.server_streaming else [answer]
    except grpc.RpcError as error:
        trailers: dict[str, bytes] = dict(error.trailing_metadata())
        packed = trailers.get(DETAILS_HEADER, b"")
        status = json_format.MessageToJson(status_pb2.Status.FromString(packed))
        said = f"{error.details()}\n{status}"
        return Answer(error.code(), without(said, names), 0), said.encode()
    return Answer(grpc.StatusCode.OK, "", len(answers)), b"".join(each.SerializeToString() for each in answers)


def without(text: str, names: Names) -> str:
    values = {field.name: getattr(names, field.name) for field in fields(names)}
    parts = {part: name for name, value in values.items() for part in (value, value.rpartition("/")[2]) if part}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, parts[part])
    return re.sub('"request_id": "[^"]*"', "", text)


@pytest.fixture(scope="module")
def hers(guarded, tmp_path_factory):
    """What Ann has."""
    asked = {
        "config": {"languageCode": "en-US", "encoding": "LINEAR16", "sampleRateHertz": 16_000},
        "audio": {"content": "AAAA" * 4000},
    }
    with guarded.client("ann") as ann, guarded.http("ann") as http:
        profile = ann.create_profile("Ann", "anns-own-voice")
        audio = ann.say(SECRET).read()
        sample = ann.add_sample(profile.name, audio, SECRET)
        heard = ann.transcribe(audio, store=True)
        operation = http.post("/v1/speech:longrunningrecognize", json=asked).json()["name"]
        generation = recorded(lambda: list(ann.list_generations(search="silver")))[0]
        ann.say("Another one.").read()
        token = recorded(lambda: [http.get("/v1/generations?page_size=1").json().get("nextPageToken")])[0]
        key = next(key for key in ann.list_keys() if not key.HasField("revoke_time"))
        stored = ann.get_profile(profile.name)
        lexicon = ann.create_lexicon([("ancor", SECRET)], "anns-names")
        voice = trained_archive(tmp_path_factory.mktemp("voice"), {"name": SECRET, "consent": SECRET}, 1)
        voice_model = ann.import_voice_model(voice, "anns-model")
        source = ann.upload_input(audio, SECRET)
        job = ann.create_job(job_requests.transcribe_batch([source.name], "", "", ""))
        with jobs_worker(guarded.platform):
            for _ in ann.watch_job(job.name):
                pass
    return Names(
        profile.name,
        sample.name,
        generation.name,
        heard.transcription,
        key.name,
        "ann",
        operation,
        str(uuid.uuid4()),
        token,
        stored.etag,
        lexicon.name,
        voice_model.name,
        job.name,
        source.name,
    )


@pytest.fixture(scope="module")
def nobodys(hers):
    """Names of the same kinds, of nothing."""
    return Names(
        "profiles/nobodys-voices",
        f"profiles/nobodys-voices/samples/{uuid.uuid4()}",
        f"generations/{uuid.uuid4()}",
        f"transcriptions/{uuid.uuid4()}",
        f"keys/{uuid.uuid4().hex[:16]}",
        "eve",
        f"{hers.operation[:-4]}0000",
        str(uuid.uuid4()),
        f"{hers.page_token[:-2]}AA",
        "0" * len(hers.etag),
        "lexicons/nobodys-names",
        "voiceModels/nobodys-model",
        f"jobs/{uuid.uuid4()}",
        f"inputs/{uuid.uuid4()}",
    )


@pytest.mark.parametrize("method", [method for method in OWNED if make_of(method)])
def test_bob_sees_of_anns_what_he_would_see_of_nothing(guarded, hers, nobodys, method):
    with grpc.insecure_channel(guarded.platform.gateway) as channel:
        found, whole = call(channel, guarded.secrets["bob"], method, hers)
        nothing, _ = call(channel, guarded.secrets["bob"], method, nobodys)
    assert found == nothing
    assert SECRET.encode() not in whole
    ids = [hers.sample, hers.generation] if found.code is grpc.StatusCode.OK and "Record" not in method else []
    assert not [name for name in ids if name.rpartition("/")[2].encode() in whole]


def test_ann_still_has_everything(guarded, hers):
    with guarded.client("ann") as ann:
        assert ann.get_profile(hers.profile).etag == hers.etag
        assert ann.get_sample(hers.sample).transcript == SECRET
        assert ann.get_generation(hers.generation).text == SECRET
        assert not ann.get_generation(hers.generation).favorite
        assert ann.get_transcription(hers.transcription).name == hers.transcription
        assert ann.get_voice_model(hers.voice_model).consent == SECRET
        assert ann.get_key(hers.key).owner == "ann"
