"""A program that uses grpc-requests as its users do: it knows an address and nothing else. Its last line is JSON for
the test.
"""

import json
import sys

from grpc_requests import Client

client = Client.get_by_endpoint(sys.argv[1])
voices = client.request("voicebox.tts.v1.TextToSpeechService", "ListVoices", {})
events = client.request("voicebox.tts.v1.TextToSpeechService", "StreamSynthesize", {"text": "hello"})
heard = client.request("voicebox.asr.v1.SpeechToTextService", "Recognize", {"audio": "AAAA"})
reported = {
    "services": list(client.service_names),
    "voices": voices,
    "events": [list(event) for event in events],
    "heard": heard,
}
print(json.dumps(reported))
