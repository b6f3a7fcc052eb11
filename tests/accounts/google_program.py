"""Google's unmodified SDK with an API key, over gRPC or REST: what it answers, or what it raises."""

import json
import os
import sys

given = json.loads(sys.argv[1])
os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = os.environ["REQUESTS_CA_BUNDLE"] = given["authority"]

from google.api_core import exceptions  # noqa: E402
from google.cloud import texttospeech  # noqa: E402

over_rest = given["transport"] == "rest"
endpoint = f"https://{given['server']}" if over_rest else given["server"]
client = texttospeech.TextToSpeechClient(
    client_options={"api_endpoint": endpoint, "api_key": given["key"]}, transport=given["transport"]
)
answer: object
try:
    answer = len(client.list_voices(retry=None).voices) > 0
except exceptions.GoogleAPICallError as error:
    answer = [type(error).__name__, error.reason]
print(json.dumps(answer))
