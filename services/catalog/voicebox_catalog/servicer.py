"""The catalog's gRPC service: each RPC goes to the part that answers it."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from voicebox.catalog.v1 import catalog_pb2 as pb
from voicebox.catalog.v1 import catalog_pb2_grpc
from voicebox_kit.principal import owner

from .generations import Generations
from .profiles import Profiles
from .samples import ProfileSamples

Context = grpc.aio.ServicerContext[Any, Any]


class CatalogServicer(catalog_pb2_grpc.CatalogServiceServicer):
    """Finds out who calls; the parts do the rest, and know no gRPC."""

    def __init__(self, profiles: Profiles, samples: ProfileSamples, generations: Generations) -> None:
        self._profiles = profiles
        self._samples = samples
        self._generations = generations

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

    async def UploadSample(self, request_iterator: AsyncIterator[pb.UploadSampleRequest], context: Context) -> pb.Sample:
        return await self._samples.upload(request_iterator, owner(context))

    async def GetSample(self, request: pb.GetSampleRequest, context: Context) -> pb.Sample:
        return await self._samples.get(request, owner(context))

    async def ListSamples(self, request: pb.ListSamplesRequest, context: Context) -> pb.ListSamplesResponse:
        return await self._samples.list(request, owner(context))

    async def DeleteSample(self, request: pb.DeleteSampleRequest, context: Context) -> Empty:
        return await self._samples.delete(request, owner(context))

    async def DownloadSampleAudio(
        self, request: pb.DownloadSampleAudioRequest, context: Context
    ) -> AsyncIterator[pb.DownloadSampleAudioResponse]:
        async for body in self._samples.download(request, owner(context)):
            yield pb.DownloadSampleAudioResponse(body=body)

    async def GetReference(self, request: pb.GetReferenceRequest, context: Context) -> AsyncIterator[pb.GetReferenceResponse]:
        async for answer in self._samples.reference(request, owner(context)):
            yield answer

    async def RecordGeneration(self, request_iterator: AsyncIterator[pb.RecordGenerationRequest], context: Context) -> pb.Generation:
        return await self._generations.record(request_iterator, owner(context))

    async def GetGeneration(self, request: pb.GetGenerationRequest, context: Context) -> pb.Generation:
        return await self._generations.get(request, owner(context))

    async def ListGenerations(self, request: pb.ListGenerationsRequest, context: Context) -> pb.ListGenerationsResponse:
        return await self._generations.list(request, owner(context))

    async def DeleteGeneration(self, request: pb.DeleteGenerationRequest, context: Context) -> Empty:
        return await self._generations.delete(request, owner(context))

    async def DownloadGenerationAudio(
        self, request: pb.DownloadGenerationAudioRequest, context: Context
    ) -> AsyncIterator[pb.DownloadGenerationAudioResponse]:
        async for body in self._generations.download(request, owner(context)):
            yield pb.DownloadGenerationAudioResponse(body=body)
