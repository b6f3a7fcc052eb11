"""gRPC clients reach every service, in every kind of call."""

import asyncio

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_status import rpc_status
from voicebox.asr.v1 import asr_pb2, asr_pb2_grpc
from voicebox.catalog.v1 import catalog_pb2, catalog_pb2_grpc
from voicebox.models.v1 import models_pb2, models_pb2_grpc
from voicebox.tts.v1 import tts_pb2, tts_pb2_grpc

from tests.support.aio import END_OF_STREAM, aio_stub
from tests.support.traces import collecting

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def fakes(shared_fakes):
    shared_fakes.seen.forget()
    return shared_fakes


@pytest.fixture
def gateway(shared_gateway):
    return shared_gateway


def details(error):
    """The details of a status, by their class."""
    found = {}
    for packed in rpc_status.from_call(error).details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.ResourceInfo, error_details_pb2.RetryInfo):
            message = kind()
            if packed.Unpack(message):
                found[kind] = message
    return found


async def test_unary(gateway):
    voices = await aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, gateway.channel).ListVoices(
        tts_pb2.ListVoicesRequest()
    )
    assert [voice.name for voice in voices.voices] == ["flite/slt"]
    profile = await aio_stub(catalog_pb2_grpc.CatalogServiceStub, gateway.channel).GetProfile(
        catalog_pb2.GetProfileRequest(name="profiles/ann")
    )
    assert profile.name == "profiles/ann"


async def test_server_streaming(gateway):
    call = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, gateway.channel).StreamSynthesize(
        tts_pb2.StreamSynthesizeRequest(text="hello")
    )
    assert [event.WhichOneof("event") async for event in call] == ["chunk", "chunk", "finished"]


async def test_client_streaming(gateway):
    async def pieces():
        for _ in range(20):
            yield asr_pb2.RecognizeUploadRequest(audio={"data": bytes(1_000_000)})

    answer = await aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, gateway.channel).RecognizeUpload(pieces())
    assert answer.transcript == "20000000 bytes"


async def test_bidirectional_streaming_answers_while_the_client_still_speaks(gateway):
    call = aio_stub(asr_pb2_grpc.SpeechToTextServiceStub, gateway.channel).StreamingRecognize()
    for size in (100, 200, 300):
        await call.write(asr_pb2.StreamingRecognizeRequest(audio=bytes(size)))
        assert (await call.read()).interim.transcript == f"{size} bytes"
    await call.done_writing()
    assert await call.read() is END_OF_STREAM


@pytest.mark.parametrize(
    ("metadata", "service"),
    [((), "tts"), ((("x-voicebox-service", "tts"),), "tts"), ((("x-voicebox-service", "asr"),), "asr")],
)
async def test_metadata_chooses_whose_models_health_and_reflection(gateway, fakes, metadata, service):
    models = aio_stub(models_pb2_grpc.ModelServiceStub, gateway.channel)
    listed = await models.ListModels(models_pb2.ListModelsRequest(), metadata=metadata)
    assert [model.name for model in listed.models] == [f"models/{service}/one"]
    assert (await models.LoadModel(models_pb2.LoadModelRequest(name="models/x/y"), metadata=metadata)).detail == service
    downloads = models.DownloadModel(models_pb2.DownloadModelRequest(name="models/x/y"), metadata=metadata)
    assert [step.model.detail async for step in downloads] == [service]

    await getattr(fakes, service).set_serving(False)
    health = await aio_stub(health_pb2_grpc.HealthStub, gateway.channel).Check(
        health_pb2.HealthCheckRequest(), metadata=metadata
    )
    await getattr(fakes, service).set_serving(True)
    assert health.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert any(service in name for name in await reflected(gateway.channel, metadata))


async def test_the_catalogs_health_and_reflection_are_there_too(gateway):
    assert "voicebox.catalog.v1.CatalogService" in await reflected(
        gateway.channel, (("x-voicebox-service", "catalog"),)
    )


EVERY_SERVICE = {
    "voicebox.tts.v1.TextToSpeechService",
    "voicebox.asr.v1.SpeechToTextService",
    "voicebox.catalog.v1.CatalogService",
    "voicebox.models.v1.ModelService",
    "nvidia.riva.asr.RivaSpeechRecognition",
    "nvidia.riva.tts.RivaSpeechSynthesis",
    "google.cloud.speech.v2.Speech",
    "google.cloud.texttospeech.v1.TextToSpeech",
    "google.longrunning.Operations",
    "grpc.health.v1.Health",
}


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_tools_see_every_service_without_metadata(open_alone, version):
    async with open_alone() as (gateway, fakes):
        for fake in (fakes.tts, fakes.asr, fakes.catalog):
            await fake.server.stop(0)  # what there is does not depend on what runs
        assert set(await reflected(gateway.channel, (), version)) >= EVERY_SERVICE


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize(
    "symbol", [*sorted(EVERY_SERVICE), "voicebox.tts.v1.TextToSpeechService.Synthesize", "voicebox.asr.v1.Word"]
)
async def test_tools_get_the_description_of_a_service(gateway, version, symbol):
    call = reflection_call(gateway.channel, version)
    await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol))
    answer = await call.read()
    await call.done_writing()
    assert answer.file_descriptor_response.file_descriptor_proto


def reflection_call(channel, version="v1alpha", metadata=()):
    return channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )(metadata=metadata)


async def reflected(channel, metadata, version="v1alpha"):
    """What grpcurl's `list` shows."""
    call = reflection_call(channel, version, metadata)
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    answer = await call.read()
    await call.done_writing()
    return [service.name for service in answer.list_services_response.service]


async def test_a_services_error_keeps_its_details(gateway):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, gateway.channel).Synthesize(
            tts_pb2.SynthesizeRequest(text="missing")
        )
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert details(caught.value)[error_details_pb2.ResourceInfo].resource_name == "profiles/nobody"


async def test_an_error_after_the_first_chunk_reaches_grpc_clients(gateway):
    call = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, gateway.channel).StreamSynthesize(
        tts_pb2.StreamSynthesizeRequest(text="breaks")
    )
    assert (await call.read()).chunk.audio
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() == grpc.StatusCode.INTERNAL


async def test_a_service_that_is_down_is_unavailable_with_details(open_alone):
    async with open_alone() as (gateway, fakes):
        await fakes.tts.server.stop(0)
        stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, gateway.channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListVoices(tts_pb2.ListVoicesRequest())
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    found = details(caught.value)
    assert found[error_details_pb2.ErrorInfo].reason == "SERVICE_UNAVAILABLE"
    assert found[error_details_pb2.RetryInfo].retry_delay.seconds == 1


async def test_an_unknown_method_is_unimplemented(gateway):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await gateway.channel.unary_unary("/voicebox.Nothing/Do")(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert details(caught.value)[error_details_pb2.ErrorInfo].reason == "UNKNOWN_PATH"


async def test_a_slow_unary_call_is_a_deadline_exceeded(open_gateway):
    """Not UNAVAILABLE, as Envoy would say, which clients try again."""
    async with (
        open_gateway(GATEWAY_UNARY_SECONDS="0.2") as serving,
        grpc.aio.insecure_channel(serving.endpoints[0].address) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, channel).Synthesize(
                tts_pb2.SynthesizeRequest(text="waits")
            )
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert details(caught.value)[error_details_pb2.ErrorInfo].reason == "SERVICE_TOO_SLOW"


async def test_a_clients_deadline_reaches_the_service(gateway, fakes):
    stub = aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, gateway.channel)
    timeout = 0.1
    while fakes.seen.request is None:  # a busy machine takes longer to get there
        timeout *= 2
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Synthesize(tts_pb2.SynthesizeRequest(text="waits"), timeout=timeout)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    async with asyncio.timeout(60):
        await fakes.seen.cancelled.wait()


async def test_request_id_passes_and_principal_does_not(gateway, fakes):
    metadata = (("x-request-id", "mine-2"), ("x-voicebox-principal", "ann"))
    await aio_stub(tts_pb2_grpc.TextToSpeechServiceStub, gateway.channel).ListVoices(
        tts_pb2.ListVoicesRequest(), metadata=metadata
    )
    assert fakes.seen.metadata["x-request-id"] == "mine-2"
    assert "x-voicebox-principal" not in fakes.seen.metadata


async def test_the_gateway_sends_a_span_without_the_text_and_services_are_called_within_it(open_gateway, fakes):
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    async with (
        collecting() as collector,
        open_gateway(VOICEBOX_TRACES=collector.address) as serving,
        httpx.AsyncClient(timeout=60) as http,
    ):
        headers = {"traceparent": f"00-{trace}-{parent}-01"}
        url = f"http://{serving.endpoints[0].address}/v1/speech:play"
        await http.get(url, params={"text": "verysecret"}, headers=headers)
        await collector.came.wait()
    [span] = collector.spans["voicebox-gateway"]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (trace, parent)
    assert fakes.seen.metadata["traceparent"] == f"00-{trace}-{span.span_id.hex()}-01"
    assert "verysecret" not in str(span)


async def test_a_trace_passes_a_gateway_that_sends_none(open_gateway, fakes):
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with open_gateway() as serving, httpx.AsyncClient(timeout=60) as http:
        url = f"http://{serving.endpoints[0].address}/v1/speech:play"
        await http.get(url, params={"text": "Hello."}, headers={"traceparent": given})
    assert fakes.seen.metadata["traceparent"] == given
