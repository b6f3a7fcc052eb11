"""The unmodified OpenAI SDK with a key: what it answers, or what it raises. Runs in the SDK's own environment."""

import json
import sys

import openai

given = json.loads(sys.argv[1])
client = openai.OpenAI(base_url=f"{given['base']}/v1", api_key=given["key"], max_retries=0)
answers: dict[str, object] = {}
for name, call in {
    "speech": lambda: len(client.audio.speech.create(model="tts-1", voice="alloy", input="Hello.").content) > 100,
    "models": lambda: len(client.models.list().data) > 0,
}.items():
    try:
        answers[name] = call()
    except openai.APIStatusError as error:
        answers[name] = [type(error).__name__, error.status_code, error.code]
print(json.dumps(answers))
