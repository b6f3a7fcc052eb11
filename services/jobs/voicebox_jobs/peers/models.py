"""A client of the models of tts and asr."""

from collections.abc import AsyncIterator, Mapping

import grpc
from google.api.httpbody_pb2 import HttpBody
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox_blobs.blocks import for_messages
from voicebox_kit.errors import Unavailable
from voicebox_kit.peer_calls import metadata_for
from voicebox_kit.uploads import answer_of

from .errors import peer_errors

DOWNLOAD_SECONDS = 86_400.0
IMPORT_SECONDS = 600.0
CONTENT_TYPE = "application/zip"


class Models:
    """Channels to the services that have models, by their names, made in the event loop that uses them."""

    def __init__(self, channels: Mapping[str, grpc.aio.Channel]) -> None:
        self._stubs: Mapping[str, models_pb2_grpc.ModelServiceAsyncStub] = {
            name: models_pb2_grpc.ModelServiceStub(channel)  # type: ignore[misc]
            for name, channel in channels.items()
        }

    async def download(self, service: str, model: str, owner: str) -> AsyncIterator[tuple[int, int]]:
        """Bytes done and in total, again and again until the model is there. VoiceboxError."""
        request, is_done = models_pb2.DownloadModelRequest(name=model), False
        with peer_errors(service):
            call = self._stubs[service].DownloadModel(request, timeout=DOWNLOAD_SECONDS, metadata=metadata_for(owner))
            async for answer in call:
                is_done = answer.done
                yield answer.bytes_done, answer.bytes_total
        if not is_done:
            raise Unavailable("DOWNLOAD_CUT_SHORT", f"The download of {model} was cut short.")

    async def publish(self, service: str, archive: AsyncIterator[bytes], identity: str, owner: str) -> tuple[str, str]:
        """Import a `.voicebox-adapter` file under a name, once; the names of the adapter and of its model.
        VoiceboxError.
        """

        async def messages() -> AsyncIterator[models_pb2.ImportAdapterRequest]:
            yield models_pb2.ImportAdapterRequest(adapter_id=identity)
            async for piece in for_messages(archive):
                yield models_pb2.ImportAdapterRequest(archive=HttpBody(content_type=CONTENT_TYPE, data=piece))

        with peer_errors(service):
            call = self._stubs[service].ImportAdapter(messages(), timeout=IMPORT_SECONDS, metadata=metadata_for(owner))
            adapter = await answer_of(call)
        return adapter.name, adapter.model
