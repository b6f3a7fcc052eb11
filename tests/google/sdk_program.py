"""A program that uses Google's unmodified SDKs as their users do, on orders: a line of JSON in, a line of JSON out.

Runs in the SDKs' own environment: it knows nothing of voicebox. Requests and answers are Google's messages as JSON.
"""

import json
import sys
import threading

from google.api_core import exceptions, operations_v1
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import speech_v1, speech_v1p1beta1, speech_v2, texttospeech_v1, texttospeech_v1beta1
from google.cloud.speech_v1.services.speech import SpeechClient as GeneratedClient
from google.longrunning import operations_pb2
from google.protobuf.json_format import MessageToDict


def plain(message):
    raw = message if not hasattr(message, "_pb") else message._pb
    return MessageToDict(raw, preserving_proto_field_name=True)


class Program:
    def __init__(self, endpoint, transport):
        options = {
            "client_options": ClientOptions(api_endpoint=endpoint),
            "credentials": AnonymousCredentials(),
            "transport": transport,
        }
        self.speech = texttospeech_v1.TextToSpeechClient(**options)
        self.v1 = speech_v1.SpeechClient(**options)
        self.v2 = speech_v2.SpeechClient(**options)
        self.speech_beta = texttospeech_v1beta1.TextToSpeechClient(**options)
        self.recognition_beta = speech_v1p1beta1.SpeechClient(**options)
        self.running = {}

    def list_voices(self, **given):
        return plain(self.speech.list_voices(**given))

    def synthesize(self, request):
        return plain(
            self.speech.synthesize_speech(
                request=texttospeech_v1.SynthesizeSpeechRequest.from_json(json.dumps(request))
            )
        )

    def list_voices_beta(self):
        return plain(self.speech_beta.list_voices())

    def synthesize_beta(self, request):
        requested = texttospeech_v1beta1.SynthesizeSpeechRequest.from_json(json.dumps(request))
        return plain(self.speech_beta.synthesize_speech(request=requested))

    def recognize_beta(self, request):
        return plain(
            self.recognition_beta.recognize(request=speech_v1p1beta1.RecognizeRequest.from_json(json.dumps(request)))
        )

    def long_beta(self, request):
        requested = speech_v1p1beta1.LongRunningRecognizeRequest.from_json(json.dumps(request))
        operation = self.recognition_beta.long_running_recognize(request=requested)
        return {"response": plain(operation.result(timeout=60)), "metadata": plain(operation.metadata)}

    def stream_beta(self, config, audio):
        streaming = speech_v1p1beta1.StreamingRecognitionConfig.from_json(json.dumps(config))
        chunks = (
            speech_v1p1beta1.StreamingRecognizeRequest.from_json(json.dumps({"audio_content": chunk}))
            for chunk in audio
        )
        return [plain(response) for response in self.recognition_beta.streaming_recognize(streaming, chunks)]

    def synthesize_with_metadata(self, request):
        """What the answer's trailing metadata says besides."""
        requested = texttospeech_v1.SynthesizeSpeechRequest.from_json(json.dumps(request))
        method = self.speech.transport._stubs.get("synthesize_speech") or self.speech.transport.synthesize_speech
        answer, call = method.with_call(texttospeech_v1.SynthesizeSpeechRequest.pb(requested))
        return {
            "answer": plain(answer),
            "reported": dict(pair for pair in call.trailing_metadata() if pair[0].startswith("x-voicebox")),
        }

    def stream_speech(self, requests):
        requested = (texttospeech_v1.StreamingSynthesizeRequest.from_json(json.dumps(request)) for request in requests)
        return [plain(response) for response in self.speech.streaming_synthesize(requested)]

    def stream_speech_until_heard(self, requests):
        """Keeps the stream open after the last text: what is complete must be spoken while it is open."""
        recognised = threading.Event()

        def requested():
            for request in requests:
                yield texttospeech_v1.StreamingSynthesizeRequest.from_json(json.dumps(request))
            recognised.wait()

        reported = []
        for response in self.speech.streaming_synthesize(requested()):
            reported.append(plain(response))
            recognised.set()
        return reported

    def recognize_v1(self, request):
        return plain(self.v1.recognize(request=speech_v1.RecognizeRequest.from_json(json.dumps(request))))

    def recognize_v2(self, request):
        return plain(self.v2.recognize(request=speech_v2.RecognizeRequest.from_json(json.dumps(request))))

    def stream_v1(self, config, audio):
        """By the helper that Google's samples use."""
        streaming = speech_v1.StreamingRecognitionConfig.from_json(json.dumps(config))
        chunks = (
            speech_v1.StreamingRecognizeRequest.from_json(json.dumps({"audio_content": chunk})) for chunk in audio
        )
        return [plain(response) for response in self.v1.streaming_recognize(streaming, chunks)]

    def stream_v1_open(self, config, audio):
        """Sends all and keeps the stream open: it must end by itself."""
        streaming = speech_v1.StreamingRecognitionConfig.from_json(json.dumps(config))
        ended = threading.Event()

        def chunks():
            for chunk in audio:
                yield speech_v1.StreamingRecognizeRequest.from_json(json.dumps({"audio_content": chunk}))
            ended.wait()

        reported = [plain(response) for response in self.v1.streaming_recognize(streaming, chunks())]
        ended.set()
        return reported

    def stream_v1_raw(self, requests):
        """As without the helper."""
        requested = (speech_v1.StreamingRecognizeRequest.from_json(json.dumps(request)) for request in requests)
        return [plain(response) for response in GeneratedClient.streaming_recognize(self.v1, requests=requested)]

    def stream_v2(self, requests):
        requested = (speech_v2.StreamingRecognizeRequest.from_json(json.dumps(request)) for request in requests)
        return [plain(response) for response in self.v2.streaming_recognize(requests=requested)]

    def long_v1(self, request):
        """Waits as Google's samples do."""
        operation = self.v1.long_running_recognize(
            request=speech_v1.LongRunningRecognizeRequest.from_json(json.dumps(request))
        )
        return {
            "name": operation.operation.name,
            "response": plain(operation.result(timeout=60)),
            "metadata": plain(operation.metadata),
        }

    def begin_v1(self, request):
        operation = self.v1.long_running_recognize(
            request=speech_v1.LongRunningRecognizeRequest.from_json(json.dumps(request))
        )
        return plain(operation.operation)

    def batch_v2(self, request):
        operation = self.v2.batch_recognize(request=speech_v2.BatchRecognizeRequest.from_json(json.dumps(request)))
        return {
            "name": operation.operation.name,
            "response": plain(operation.result(timeout=60)),
            "metadata": plain(operation.metadata),
        }

    def operations(self, method, version, **given):
        """A method of the operations client that both SDKs carry."""
        client = {1: self.v1, 2: self.v2}[version].transport.operations_client
        assert isinstance(client, operations_v1.OperationsClient | operations_v1.AbstractOperationsClient)
        answer = getattr(client, method)(**given)
        if method == "list_operations":
            return [plain(operation) for operation in answer]
        return plain(answer) if answer is not None else None

    def page(self, page_size, page_token=""):
        requested = operations_pb2.ListOperationsRequest(page_size=page_size, page_token=page_token)
        return plain(self.v1.list_operations(requested))

    def wait(self, name, seconds):
        """WaitOperation, which these SDKs do not offer, by its path."""
        requested = operations_pb2.WaitOperationRequest(name=name)
        requested.timeout.FromMilliseconds(int(1000 * seconds))
        method = self.v1.transport.grpc_channel.unary_unary(
            "/google.longrunning.Operations/WaitOperation",
            request_serializer=operations_pb2.WaitOperationRequest.SerializeToString,
            response_deserializer=operations_pb2.Operation.FromString,
        )
        return plain(method(requested))

    def administer(self, method, request):
        """An administrative method of v2."""
        return str(getattr(self.v2, method)(request=request))


def reported(error):
    fields = [
        violation.field
        for detail in error.details
        if hasattr(detail, "field_violations")
        for violation in detail.field_violations
    ]
    plain = [detail for detail in error.details if isinstance(detail, dict)]  # over REST
    fields += [violation["field"] for detail in plain for violation in detail.get("fieldViolations", ())]
    return {
        "class": type(error).__name__,
        "message": error.message,
        "field": fields[0] if fields else "",
        "reason": error.reason or "",
    }


def main():
    program = Program(*sys.argv[1:])
    for line in sys.stdin:
        requested = json.loads(line)
        try:
            answer = {"answer": getattr(program, requested["method"])(**requested["given"])}
        except exceptions.GoogleAPICallError as error:
            answer = {"error": reported(error)}
        print(json.dumps(answer), flush=True)


main()
