"""The catalog's gRPC service: each RPC goes to the part that answers it."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_kit import principal
from voicebox_kit.principal import owner

from .downloads import Download
from .generations import Generations
from .lexicons import Lexicons
from .owners import Owners
from .profile_archives import ProfileArchives
from .profile_reference import References
from .profiles import Profiles
from .retention import Retention
from .samples import ProfileSamples
from .transcriptions import Transcriptions

Context = grpc.aio.ServicerContext[Any, Any]


class CatalogServicer(catalog_pb2_grpc.CatalogServiceServicer):
    """Finds out who calls; the parts do the rest, and know no gRPC."""

    def __init__(
        self,
        profiles: Profiles,
        archives: ProfileArchives,
        samples: ProfileSamples,
        references: References,
        generations: Generations,
        transcriptions: Transcriptions,
        retention: Retention,
        lexicons: Lexicons,
        owners: Owners,
    ) -> None:
        self._profiles = profiles
        self._archives = archives
        self._samples = samples
        self._references = references
        self._generations = generations
        self._transcriptions = transcriptions
        self._retention = retention
        self._lexicons = lexicons
        self._owners = owners

    async def CreateProfile(self, request: pb.CreateProfileRequest, context: Context) -> pb.Profile:
        return await self._profiles.create(request, owner(context))

    async def GetProfile(self, request: pb.GetProfileRequest, context: Context) -> pb.Profile:
        return await self._profiles.get(request, owner(context))

    async def ListProfiles(self, request: pb.ListProfilesRequest, context: Context) -> pb.ListProfilesResponse:
        return await self._profiles.list(request, owner(context))

    async def UpdateProfile(self, request: pb.UpdateProfileRequest, context: Context) -> pb.Profile:
        return await self._profiles.update(request, owner(context))

    async def DeleteProfile(self, request: pb.DeleteProfileRequest, context: Context) -> Empty:
        return await self._profiles.delete(request, owner(context))

    async def UndeleteProfile(self, request: pb.UndeleteProfileRequest, context: Context) -> pb.Profile:
        return await self._profiles.undelete(request, owner(context))

    async def DuplicateProfile(self, request: pb.DuplicateProfileRequest, context: Context) -> pb.Profile:
        await self._owners.refuse_beyond_limit(principal.current.get())
        return await self._profiles.duplicate(request, owner(context))

    async def SetProfileAvatar(
        self, request_iterator: AsyncIterator[pb.SetProfileAvatarRequest], context: Context
    ) -> pb.Profile:
        uploaded = self._owners.within_limit(request_iterator, principal.current.get())
        return await self._profiles.set_avatar(uploaded, owner(context))

    async def DownloadProfileAvatar(
        self, request: pb.DownloadProfileAvatarRequest, context: Context
    ) -> AsyncIterator[pb.DownloadProfileAvatarResponse]:
        async for body in self._profiles.download_avatar(request, owner(context)):
            yield pb.DownloadProfileAvatarResponse(body=body)

    async def DeleteProfileAvatar(self, request: pb.DeleteProfileAvatarRequest, context: Context) -> pb.Profile:
        return await self._profiles.delete_avatar(request, owner(context))

    async def ExportProfile(
        self, request: pb.ExportProfileRequest, context: Context
    ) -> AsyncIterator[pb.ExportProfileResponse]:
        async for body in self._archives.export(request, owner(context)):
            yield pb.ExportProfileResponse(body=body)

    async def ImportProfile(
        self, request_iterator: AsyncIterator[pb.ImportProfileRequest], context: Context
    ) -> pb.Profile:
        uploaded = self._owners.within_limit(request_iterator, principal.current.get())
        return await self._archives.import_archive(uploaded, owner(context))

    async def UploadSample(
        self, request_iterator: AsyncIterator[pb.UploadSampleRequest], context: Context
    ) -> pb.Sample:
        uploaded = self._owners.within_limit(request_iterator, principal.current.get())
        return await self._samples.upload(uploaded, owner(context))

    async def GetSample(self, request: pb.GetSampleRequest, context: Context) -> pb.Sample:
        return await self._samples.get(request, owner(context))

    async def ListSamples(self, request: pb.ListSamplesRequest, context: Context) -> pb.ListSamplesResponse:
        return await self._samples.list(request, owner(context))

    async def UpdateSample(self, request: pb.UpdateSampleRequest, context: Context) -> pb.Sample:
        return await self._samples.update(request, owner(context))

    async def SegmentSample(self, request: pb.SegmentSampleRequest, context: Context) -> pb.SegmentSampleResponse:
        await self._owners.refuse_beyond_limit(principal.current.get())
        return await self._samples.segment(request, owner(context))

    async def DeleteSample(self, request: pb.DeleteSampleRequest, context: Context) -> Empty:
        return await self._samples.delete(request, owner(context))

    async def DownloadSampleAudio(
        self, request: pb.DownloadSampleAudioRequest, context: Context
    ) -> AsyncIterator[pb.DownloadSampleAudioResponse]:
        async for body in _begun(context, await self._samples.download(request, owner(context), _range(context))):
            yield pb.DownloadSampleAudioResponse(body=body)

    async def GetReference(
        self, request: pb.GetReferenceRequest, context: Context
    ) -> AsyncIterator[pb.GetReferenceResponse]:
        async for answer in self._references.get(request, owner(context)):
            yield answer

    async def RecordGeneration(
        self, request_iterator: AsyncIterator[pb.RecordGenerationRequest], context: Context
    ) -> pb.Generation:
        return await self._generations.record(request_iterator, owner(context))

    async def GetGeneration(self, request: pb.GetGenerationRequest, context: Context) -> pb.Generation:
        return await self._generations.get(request, owner(context))

    async def ListGenerations(self, request: pb.ListGenerationsRequest, context: Context) -> pb.ListGenerationsResponse:
        return await self._generations.list(request, owner(context))

    async def UpdateGeneration(self, request: pb.UpdateGenerationRequest, context: Context) -> pb.Generation:
        return await self._generations.update(request, owner(context))

    async def DeleteGenerations(
        self, request: pb.DeleteGenerationsRequest, context: Context
    ) -> pb.DeleteGenerationsResponse:
        return await self._generations.delete_all(request, owner(context))

    async def GetGenerationStatistics(
        self, request: pb.GetGenerationStatisticsRequest, context: Context
    ) -> pb.GenerationStatistics:
        return await self._generations.statistics(request, owner(context))

    async def ExportGenerations(
        self, request: pb.ExportGenerationsRequest, context: Context
    ) -> AsyncIterator[pb.ExportGenerationsResponse]:
        async for body in self._generations.export(request, owner(context)):
            yield pb.ExportGenerationsResponse(body=body)

    async def DeleteGeneration(self, request: pb.DeleteGenerationRequest, context: Context) -> Empty:
        return await self._generations.delete(request, owner(context))

    async def DownloadGenerationAudio(
        self, request: pb.DownloadGenerationAudioRequest, context: Context
    ) -> AsyncIterator[pb.DownloadGenerationAudioResponse]:
        download = await self._generations.download(request, owner(context), _range(context))
        async for body in _begun(context, download, (("x-voicebox-synthetic", "1"),)):
            yield pb.DownloadGenerationAudioResponse(body=body)

    async def RecordTranscription(
        self, request_iterator: AsyncIterator[pb.RecordTranscriptionRequest], context: Context
    ) -> pb.Transcription:
        return await self._transcriptions.record(request_iterator, owner(context))

    async def GetTranscription(self, request: pb.GetTranscriptionRequest, context: Context) -> pb.Transcription:
        return await self._transcriptions.get(request, owner(context))

    async def ListTranscriptions(
        self, request: pb.ListTranscriptionsRequest, context: Context
    ) -> pb.ListTranscriptionsResponse:
        return await self._transcriptions.list(request, owner(context))

    async def UpdateTranscription(self, request: pb.UpdateTranscriptionRequest, context: Context) -> pb.Transcription:
        return await self._transcriptions.update(request, owner(context))

    async def DeleteTranscription(self, request: pb.DeleteTranscriptionRequest, context: Context) -> Empty:
        return await self._transcriptions.delete(request, owner(context))

    async def DownloadTranscriptionAudio(
        self, request: pb.DownloadTranscriptionAudioRequest, context: Context
    ) -> AsyncIterator[pb.DownloadTranscriptionAudioResponse]:
        async for body in _begun(
            context, await self._transcriptions.download(request, owner(context), _range(context))
        ):
            yield pb.DownloadTranscriptionAudioResponse(body=body)

    async def CreateLexicon(self, request: pb.CreateLexiconRequest, context: Context) -> pb.Lexicon:
        return await self._lexicons.create(request, owner(context))

    async def GetLexicon(self, request: pb.GetLexiconRequest, context: Context) -> pb.Lexicon:
        return await self._lexicons.get(request, owner(context))

    async def ListLexicons(self, request: pb.ListLexiconsRequest, context: Context) -> pb.ListLexiconsResponse:
        return await self._lexicons.list(request, owner(context))

    async def UpdateLexicon(self, request: pb.UpdateLexiconRequest, context: Context) -> pb.Lexicon:
        return await self._lexicons.update(request, owner(context))

    async def DeleteLexicon(self, request: pb.DeleteLexiconRequest, context: Context) -> Empty:
        return await self._lexicons.delete(request, owner(context))

    async def ImportLexicon(
        self, request_iterator: AsyncIterator[pb.ImportLexiconRequest], context: Context
    ) -> pb.ImportLexiconResponse:
        return await self._lexicons.import_file(request_iterator, owner(context))

    async def ExportLexicon(
        self, request: pb.ExportLexiconRequest, context: Context
    ) -> AsyncIterator[pb.ExportLexiconResponse]:
        async for body in self._lexicons.export(request, owner(context)):
            yield pb.ExportLexiconResponse(body=body)

    async def GetRetentionRule(self, request: pb.GetRetentionRuleRequest, context: Context) -> pb.RetentionRule:
        return await self._retention.get(owner(context))

    async def UpdateRetentionRule(self, request: pb.UpdateRetentionRuleRequest, context: Context) -> pb.RetentionRule:
        return await self._retention.update(request, owner(context))

    async def ApplyRetention(self, request: pb.ApplyRetentionRequest, context: Context) -> pb.ApplyRetentionResponse:
        return await self._retention.apply(request, owner(context))

    async def MoveOwner(self, request: pb.MoveOwnerRequest, context: Context) -> pb.OwnerContents:
        return await self._owners.move(request)

    async def DeleteOwner(self, request: pb.DeleteOwnerRequest, context: Context) -> pb.OwnerContents:
        return await self._owners.delete(request)


def _range(context: Context) -> str:
    """The HTTP header of that name, which the gateway passes on."""
    return next((str(value) for key, value in context.invocation_metadata() or () if key == "range"), "")


async def _begun(
    context: Context, download: Download, more_headers: tuple[tuple[str, str], ...] = ()
) -> AsyncIterator[HttpBody]:
    """A download's bodies, after its headers."""
    await context.send_initial_metadata((*download.headers, *more_headers))
    async for body in download.bodies:
        yield body
