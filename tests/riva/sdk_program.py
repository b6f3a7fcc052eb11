"""A program that uses the unmodified nvidia-riva-client as its users do, on orders: a line of JSON in, a line of JSON
out.

Runs in the SDK's own environment: it knows nothing of voicebox.
"""

import base64
import io
import json
import pathlib
import sys
import threading
import time

import grpc
import riva.client
from google.protobuf.json_format import MessageToDict, ParseDict
from riva.client.proto import riva_asr_pb2, riva_tts_pb2


def plain(message):
    return MessageToDict(message, preserving_proto_field_name=True)


class Program:
    def __init__(self, uri, root_certificate=None):
        auth = riva.client.Auth(uri=uri, ssl_root_cert=root_certificate)
        self.channel = auth.channel
        self.speech = riva.client.SpeechSynthesisService(auth)
        self.asr = riva.client.ASRService(auth)

    def synthesize(self, **given):
        return plain(self.speech.synthesize(**prompted(given)))

    def synthesize_with_metadata(self, request):
        """What the answer's trailing metadata says besides."""
        answer, call = self.speech.stub.Synthesize.with_call(ParseDict(request, riva_tts_pb2.SynthesizeSpeechRequest()))
        return {"answer": plain(answer), "reported": ours(call)}

    def speak_with_metadata(self, requests):
        requested = (ParseDict(request, riva_tts_pb2.SynthesizeSpeechRequest()) for request in requests)
        call = self.speech.stub.SynthesizeOnline(requested)
        return {"answer": [plain(piece) for piece in call], "reported": ours(call)}

    def recognize_with_metadata(self, request):
        answer, call = self.asr.stub.Recognize.with_call(ParseDict(request, riva_asr_pb2.RecognizeRequest()))
        return {"answer": plain(answer), "reported": ours(call)}

    def stream_with_metadata(self, requests):
        requested = (ParseDict(request, riva_asr_pb2.StreamingRecognizeRequest()) for request in requests)
        call = self.asr.stub.StreamingRecognize(requested)
        return {"answer": [plain(response) for response in call], "reported": ours(call)}

    def synthesize_online(self, **given):
        began = time.monotonic()
        return [[time.monotonic() - began, plain(piece)] for piece in self.speech.synthesize_online(**prompted(given))]

    def synthesize_each(self, requests):
        """Sends each request only when the audio of the one before begins to arrive: the stream is still open."""
        recognised, reported = threading.Semaphore(1), []

        def requested():
            for request in requests:
                recognised.acquire()
                yield ParseDict(request, riva_tts_pb2.SynthesizeSpeechRequest())

        for piece in self.speech.stub.SynthesizeOnline(requested()):
            if not reported or reported[-1]["id"] != plain(piece)["id"]:
                recognised.release()
            reported.append(plain(piece))
        return reported

    def synthesize_as_before(self, request):
        """The method as clients from before 2026-03 know it: one request, many answers."""
        method = self.channel.unary_stream(
            "/nvidia.riva.tts.RivaSpeechSynthesis/SynthesizeOnline",
            request_serializer=riva_tts_pb2.SynthesizeSpeechRequest.SerializeToString,
            response_deserializer=riva_tts_pb2.SynthesizeSpeechResponse.FromString,
        )
        return [plain(piece) for piece in method(ParseDict(request, riva_tts_pb2.SynthesizeSpeechRequest()))]

    def voices(self, model=""):
        return plain(self.speech.stub.GetRivaSynthesisConfig(riva_tts_pb2.RivaSynthesisConfigRequest(model_name=model)))

    def models(self, model=""):
        requested = riva_asr_pb2.RivaSpeechRecognitionConfigRequest(model_name=model)
        return plain(self.asr.stub.GetRivaSpeechRecognitionConfig(requested))

    def recognize(self, audio, config, request_id=""):
        given = ParseDict(config, riva.client.RecognitionConfig())
        if not request_id:
            return plain(self.asr.offline_recognize(base64.b64decode(audio), given))
        requested = riva_asr_pb2.RecognizeRequest(config=given, audio=base64.b64decode(audio))
        requested.id.value = request_id
        return plain(self.asr.stub.Recognize(requested))

    def stream(self, chunks, config):
        given = ParseDict(config, riva.client.StreamingRecognitionConfig())
        sound = (base64.b64decode(chunk) for chunk in chunks)
        return [plain(response) for response in self.asr.streaming_response_generator(sound, given)]

    def stream_until_final(self, chunks, config, force_end=False):
        """Sends all, keeps the stream open, and returns what came up to the first final: it must come while the stream
        is open.
        """
        given = ParseDict(config, riva.client.StreamingRecognitionConfig())
        answered = threading.Event()

        def requests():
            yield riva_asr_pb2.StreamingRecognizeRequest(streaming_config=given)
            for chunk in chunks:
                yield riva_asr_pb2.StreamingRecognizeRequest(audio_content=base64.b64decode(chunk))
            if force_end:
                yield riva_asr_pb2.StreamingRecognizeRequest(audio_content=b"", runtime_config={"force_eou": "true"})
            answered.wait()

        reported = []
        for response in self.asr.stub.StreamingRecognize(requests()):
            reported.append(plain(response))
            if any(result.is_final for result in response.results):
                answered.set()
        return reported

    def stream_raw(self, requests):
        requested = (ParseDict(request, riva_asr_pb2.StreamingRecognizeRequest()) for request in requests)
        return [plain(response) for response in self.asr.stub.StreamingRecognize(requested)]

    def transcribe_file(self, path, config):
        """What NVIDIA's transcribe_file.py does and prints."""
        given = ParseDict(config, riva.client.StreamingRecognitionConfig())
        riva.client.add_word_boosting_to_config(given, None, 4.0)
        riva.client.add_speaker_diarization_to_config(given, False, 3)
        riva.client.add_endpoint_parameters_to_config(given, -1, -1.0, -1, -1, -1.0, -1.0)
        riva.client.add_custom_configuration_to_config(given, "")
        printed = io.StringIO()
        with riva.client.AudioChunkFileIterator(path, 1600) as chunks:
            responses = self.asr.streaming_response_generator(audio_chunks=chunks, streaming_config=given)
            riva.client.print_streaming(responses=responses, output_file=printed, show_intermediate=True)
        return printed.getvalue()


def ours(call):
    return {name: value for name, value in call.trailing_metadata() if name.startswith("x-voicebox")}


def prompted(given):
    if "zero_shot_audio_prompt_file" in given:
        given["zero_shot_audio_prompt_file"] = pathlib.Path(given["zero_shot_audio_prompt_file"])
    return given


def reported(error):
    status = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    return {"code": error.code().name, "details": error.details(), "status": base64.b64encode(status).decode()}


def main():
    program = Program(*sys.argv[1:])
    for line in sys.stdin:
        requested = json.loads(line)
        try:
            answer = {"answer": getattr(program, requested["method"])(**requested["given"])}
        except grpc.RpcError as error:
            answer = {"error": reported(error)}
        print(json.dumps(answer), flush=True)


main()
