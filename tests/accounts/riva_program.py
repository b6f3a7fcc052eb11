"""The unmodified Riva SDK with a key in its metadata: what it answers, or what it raises."""

import json
import sys

import grpc
import riva.client

given = json.loads(sys.argv[1])
metadata = [["authorization", f"Bearer {given['key']}"]] if given["key"] else []
service = riva.client.SpeechSynthesisService(riva.client.Auth(uri=given["server"], metadata_args=metadata))
answer: object
try:
    answer = len(service.synthesize("Hello.", sample_rate_hz=16000).audio) > 100
except grpc.RpcError as error:
    answer = [error.code().name, error.details()]
print(json.dumps(answer))
