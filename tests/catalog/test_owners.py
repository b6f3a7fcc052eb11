"""Another owner's things are not there: one test over every RPC that takes a name."""

import uuid

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from voicebox.catalog.v1 import catalog_pb2 as pb

ANN = (("x-voicebox-principal", "ann"),)
SERVICE = pb.DESCRIPTOR.services_by_name["CatalogService"]

# What a request needs beside the name to be right otherwise.
REST = {
    "UpdateProfile": lambda name: pb.UpdateProfileRequest(profile=pb.Profile(name=name, description="mine now")),
    "UpdateSample": lambda name: pb.UpdateSampleRequest(sample=pb.Sample(name=name, transcript="mine now")),
    "UpdateLexicon": lambda name: pb.UpdateLexiconRequest(lexicon=pb.Lexicon(name=name, display_name="mine now")),
    "UpdateGeneration": lambda name: pb.UpdateGenerationRequest(generation=pb.Generation(name=name, favorite=True)),
    "UpdateTranscription": lambda name: pb.UpdateTranscriptionRequest(
        transcription=pb.Transcription(name=name, favorite=True)
    ),
    "SetProfileAvatar": lambda name: pb.SetProfileAvatarRequest(name=name, image=HttpBody(data=b"picture")),
    "UploadSample": lambda name: pb.UploadSampleRequest(parent=name, audio=HttpBody(data=b"sound")),
    "GetReference": lambda name: pb.GetReferenceRequest(profile=name),
    "ListSamples": lambda name: pb.ListSamplesRequest(parent=name),
}
NAMELESS = {  # those that make something new, and those that answer about all of the caller's things
    *("CreateProfile", "ListProfiles", "ImportProfile", "RecordGeneration", "ListGenerations", "DeleteGenerations"),
    *("GetGenerationStatistics", "ExportGenerations", "RecordTranscription", "ListTranscriptions"),
    *("CreateLexicon", "ListLexicons", "ImportLexicon"),
    *("GetRetentionRule", "UpdateRetentionRule", "ApplyRetention"),
    *("MoveOwner", "DeleteOwner"),  # for accounts alone, which names any owner
}
NAMED = sorted(method.name for method in SERVICE.methods if method.name not in NAMELESS)


def test_every_rpc_that_takes_a_name_is_among_them():
    for method in SERVICE.methods:
        fields = {field.name for field in method.input_type.fields if field.type == FieldDescriptor.TYPE_STRING}
        assert not (method.name in NAMELESS and fields & {"name", "parent"}), method.name


def kind_of(method):
    return next(
        kind
        for kind in ("Transcription", "Generation", "Lexicon", "Sample", "Profile", "Reference")
        if kind in method.replace("UploadSample", "Profile").replace("ListSamples", "Profile")
    )


async def once(request):
    yield request


@pytest.fixture
async def hers(catalog, generation, record, upload, tone):
    """Ann's things, by their kinds."""
    created = await catalog.CreateProfile(
        pb.CreateProfileRequest(profile=pb.Profile(display_name="Ann"), profile_id="ann"), metadata=ANN
    )
    sample = await upload(catalog, created.name, tone(1.0), metadata=ANN)
    spoken = await record(catalog, generation(), b"audio", metadata=ANN)
    heard = pb.Transcription(name=f"transcriptions/{uuid.uuid4()}", text="heard")
    heard = await catalog.RecordTranscription(once(pb.RecordTranscriptionRequest(transcription=heard)), metadata=ANN)
    entries = [pb.LexiconEntry(written="Ann", alias="Anne")]
    request = pb.CreateLexiconRequest(lexicon=pb.Lexicon(entries=entries), lexicon_id="ann")
    lexicon = await catalog.CreateLexicon(request, metadata=ANN)
    return {
        **{"Profile": created, "Reference": created, "Sample": sample, "Generation": spoken, "Transcription": heard},
        "Lexicon": lexicon,
    }


async def test_what_another_owner_has_is_not_found_by_any_rpc(catalog, hers, refused):
    for method in NAMED:
        descriptor = SERVICE.methods_by_name[method]
        name = hers[kind_of(method)].name
        request = REST[method](name) if method in REST else GetMessageClass(descriptor.input_type)(name=name)
        call = getattr(catalog, method)
        error = await refused(call(once(request)) if descriptor.client_streaming else call(request))
        assert error.code == grpc.StatusCode.NOT_FOUND, (method, error.sentence)
    profile = await catalog.GetProfile(pb.GetProfileRequest(name="profiles/ann"), metadata=ANN)
    assert profile.sample_count == 1
    assert not (await catalog.ListProfiles(pb.ListProfilesRequest(show_deleted=True))).profiles
    assert not (await catalog.ListLexicons(pb.ListLexiconsRequest())).lexicons
    assert await catalog.GetLexicon(pb.GetLexiconRequest(name="lexicons/ann"), metadata=ANN) == hers["Lexicon"]
    assert (await catalog.DeleteGenerations(pb.DeleteGenerationsRequest(filter="*", force=True))).count == 0
    assert (await catalog.GetGenerationStatistics(pb.GetGenerationStatisticsRequest())).total.count == 0
    assert (
        await catalog.GetGeneration(pb.GetGenerationRequest(name=hers["Generation"].name), metadata=ANN)
        == hers["Generation"]
    )
    kept = await catalog.GetTranscription(pb.GetTranscriptionRequest(name=hers["Transcription"].name), metadata=ANN)
    assert kept == hers["Transcription"]
