"""An example of every operation: values for its parameters and body, and a curl line that does it.

The lines go together: `hello.wav` is what the first of them makes, and `ann` the profile that another one creates.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .schemas import Json

BASE = "http://localhost:8080"
TEXT, SENTENCE = "Hello there.", "The old man walked slowly to the market and bought bread for his family."
UUID = "7f3c2a10-9b1e-4c57-8d21-0a4be6f5c9d3"
PATH_VALUES = {
    "profile": "ann",
    "file": f"file-{UUID}",
    "batch": f"batch_{UUID}",
    "sample": UUID,
    "generation": UUID,
    "transcription": UUID,
    "lexicon": "names",
    "job": UUID,
    "input": UUID,
    "result": "results.zip",
    "item": "0",
    "adapter": "reader",
    "voice_model": "reader",
    "voiceModel": "reader",
    "key": UUID,
    "owner": "ann",
}
TTS_MODEL, ASR_MODEL = {"engine": "flite", "model": "cmu-us"}, {"engine": "pocketsphinx", "model": "en-us"}
CONVERSION_MODEL = {"engine": "world", "model": "vocoder"}
MODELS_OF_PATHS = {"/v1/tts/": TTS_MODEL, "/v1/asr/": ASR_MODEL, "/v1/conversion/": CONVERSION_MODEL}
TINY_WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA=="
WEBSOCKET = "-i -N --max-time 1 -H 'connection: upgrade' -H 'upgrade: websocket' -H 'sec-websocket-version: 13' "


@dataclass(frozen=True)
class Example:
    """What an operation is given. `file` is a file's name for a body of bytes; `form` are a form's fields, a file among
    them.

    `output` is where curl puts the answer; `options` are more of its options; `curl_body` stands for `body` where a
    shell makes it.
    """

    query: Mapping[str, Any] = field(default_factory=dict)
    body: Json | None = None
    file: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    output: str = ""
    options: str = ""
    curl_body: str = ""


NOTHING = Example()
EXAMPLES: Mapping[str, Example] = {
    "post /v1/speech:synthesize": Example(
        body={
            "text": TEXT,
            "config": {"voice": {"voice": "flite/slt"}, "audio": {"encoding": "AUDIO_ENCODING_MP3"}},
        }
    ),
    "post /v1/speech:stream": Example(body={"text": TEXT, "config": {"style": {"speed": 1.2}}}, options="-N"),
    "post /v1/speech:dialogue": Example(
        body={
            "turns": [
                {"voice": {"voice": "flite/slt"}, "text": TEXT},
                {"voice": {"voice": "flite/rms"}, "text": "Good evening.", "style": {"speed": 1.2}},
            ],
            "gap": "0.4s",
        },
        options="-N",
    ),
    "post /v1/speech:play": Example(
        body={"text": SENTENCE, "config": {"audio": {"encoding": "AUDIO_ENCODING_WAV"}}}, output="hello.wav"
    ),
    "get /v1/speech:play": Example(query={"text": TEXT, "config.voice.voice": "flite/slt"}, output="there.wav"),
    "post /v1/speech:explain": Example(
        body={"text": "It costs $5, Ann.", "config": {"voice": {"voice": "flite/slt"}, "lexicons": ["lexicons/names"]}}
    ),
    "get /v1/voices": Example(query={"language": "en"}),
    "post /v1/voices:design": Example(body={"description": "A calm old man with a deep, husky voice.", "text": TEXT}),
    "post /v1/speech:detectWatermark": Example(file="hello.wav"),
    "post /v1/speech:recognize": Example(
        body={"config": {"language": "en-US"}, "audio": TINY_WAV},
        curl_body='@<(echo "{\\"config\\": {\\"language\\": \\"en-US\\"}, '
        '\\"audio\\": \\"$(base64 -w 0 hello.wav)\\"}")',
    ),
    "post /v1/speech:recognizeUpload": Example(
        query={"config.language": "en-US", "config.store": True}, file="hello.wav"
    ),
    "post /v1/speech:transcribe": Example(query={"format": "TRANSCRIPT_FORMAT_SRT"}, file="hello.wav"),
    "post /v1/speech:convert": Example(
        query={"config.target": "voiceModels/reader"}, file="hello.wav", output="converted.wav"
    ),
    "get /v1/voiceModels": Example(query={"page_size": 20}),
    "post /v1/voiceModels:import": Example(query={"voice_model_id": "reader"}, file="reader.voicebox-voice"),
    "get /v1/voiceModels/{voiceModel}:export": Example(output="again.voicebox-voice"),
    "post /v1/tts/adapters:import": Example(query={"adapter_id": "reader"}, file="reader.voicebox-adapter"),
    "get /v1/tts/adapters/{engine}/{adapter}:export": Example(output="again.voicebox-adapter"),
    "post /v1/asr/adapters:import": Example(query={"adapter_id": "clinic"}, file="clinic.voicebox-adapter"),
    "get /v1/asr/adapters/{engine}/{adapter}:export": Example(output="clinic.voicebox-adapter"),
    "post /v1/audio/speech": Example(
        body={"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": "mp3"}, output="hello.mp3"
    ),
    "post /v1/audio/transcriptions": Example(
        form={"file": "hello.wav", "model": "whisper-1", "response_format": "verbose_json"}
    ),
    "post /v1/audio/translations": Example(form={"file": "hello.wav", "model": "whisper-1"}),
    "post /v1/files": Example(form={"file": "requests.jsonl", "purpose": "batch"}),
    "get /v1/files": Example(query={"limit": 20}),
    "get /v1/files/{file}/content": Example(output="again.jsonl"),
    "post /v1/batches": Example(
        body={"input_file_id": f"file-{UUID}", "endpoint": "/v1/audio/speech", "completion_window": "24h"}
    ),
    "get /v1/batches": Example(query={"limit": 20}),
    "post /v1/realtime/client_secrets": Example(
        body={
            "expires_after": {"anchor": "created_at", "seconds": 600},
            "session": {"type": "realtime", "model": "gpt-realtime"},
        }
    ),
    "get /v1/realtime": Example(
        query={"model": "gpt-realtime"}, options=f"{WEBSOCKET}-H 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=='"
    ),
    "post /v1/profiles": Example(
        query={"profile_id": "ann"},
        body={
            "displayName": "Ann",
            "language": "en-US",
            "consent": {"statement": "Ann agreed on 2026-11-21.", "speaker": "Ann"},
        },
    ),
    "get /v1/profiles": Example(query={"page_size": 20}),
    "patch /v1/profiles/{profile}": Example(query={"update_mask": "displayName"}, body={"displayName": "Ann Smith"}),
    "post /v1/profiles/{profile}:duplicate": Example(body={"profileId": "ann-2", "displayName": "Ann, again"}),
    "post /v1/profiles/{profile}:undelete": Example(body={}),
    "get /v1/profiles/{profile}:export": Example(output="ann.zip"),
    "post /v1/profiles:import": Example(query={"profile_id": "ann-3"}, file="ann.zip"),
    "put /v1/profiles/{profile}/avatar": Example(file="ann.png"),
    "get /v1/profiles/{profile}/avatar": Example(output="avatar.png"),
    "post /v1/profiles/{profile}/samples": Example(query={"transcript": SENTENCE}, file="hello.wav"),
    "patch /v1/profiles/{profile}/samples/{sample}": Example(
        query={"update_mask": "transcript"}, body={"transcript": SENTENCE}
    ),
    "get /v1/profiles/{profile}/samples/{sample}:audio": Example(output="sample.wav"),
    "post /v1/profiles/{profile}/samples/{sample}:segment": Example(body={"maxDuration": "10s"}),
    "post /v1/lexicons": Example(
        query={"lexicon_id": "names"},
        body={
            "language": "en-US",
            "entries": [{"written": "GIF", "alias": "jiff"}, {"written": "Ann", "phoneme": "ˈæn"}],
        },
    ),
    "get /v1/lexicons": Example(query={"page_size": 20}),
    "patch /v1/lexicons/{lexicon}": Example(query={"update_mask": "displayName"}, body={"displayName": "Names"}),
    "get /v1/lexicons/{lexicon}:export": Example(query={"format": "LEXICON_FORMAT_CSV"}, output="names.csv"),
    "post /v1/lexicons:import": Example(query={"lexicon_id": "names-2"}, file="names.csv"),
    "post /v1/inputs": Example(query={"file_name": "hello.wav"}, file="hello.wav"),
    "get /v1/inputs": Example(query={"page_size": 20}),
    "post /v1/inputs/{input}:validate": Example(body={"type": "transcribe_batch"}),
    "get /v1/inputs/{input}:content": Example(output="again.wav"),
    "post /v1/jobs": Example(
        body={"job": {"synthesizeBatch": {"items": [{"text": TEXT, "voice": "flite/slt", "output": "hello"}]}}}
    ),
    "get /v1/jobs": Example(query={"filter": 'state = "SUCCEEDED"', "page_size": 20}),
    "post /v1/jobs/{job}:cancel": Example(body={}),
    "post /v1/jobs/{job}/items/{item}:updateSegment": Example(
        body={"transcript": "What is really said.", "kept": True}
    ),
    "post /v1/jobs/{job}:retry": Example(body={"fromStep": "speak"}),
    "get /v1/jobs/{job}:watch": Example(options="-N"),
    "get /v1/jobs:watch": Example(query={"after_sequence": "0"}, options="-N --max-time 1"),
    "get /v1/jobs/{job}/results/{result}": Example(output="results.zip"),
    "get /v1/generations": Example(query={"search": "hello", "page_size": 20}),
    "patch /v1/generations/{generation}": Example(query={"update_mask": "favorite"}, body={"favorite": True}),
    "get /v1/generations/{generation}:audio": Example(output="again.wav"),
    "post /v1/generations:deleteAll": Example(body={"filter": 'labels.team = "games"'}),
    "get /v1/generations:export": Example(query={"without_audio": True}, output="history.zip"),
    "get /v1/transcriptions": Example(query={"page_size": 20}),
    "patch /v1/transcriptions/{transcription}": Example(query={"update_mask": "favorite"}, body={"favorite": True}),
    "get /v1/transcriptions/{transcription}:audio": Example(output="heard.wav"),
    "patch /v1/retentionRule": Example(body={"keepDays": 30}),
    "post /v1/retentionRule:apply": Example(body={}),
    "post /v1/keys": Example(
        body={"owner": "ann", "displayName": "Ann's laptop", "scopes": ["SCOPE_SPEAK", "SCOPE_HEAR", "SCOPE_READ"]}
    ),
    "get /v1/keys": Example(query={"page_size": 20}),
    "post /v1/keys/{key}:revoke": Example(body={}),
    "post /v1/keys/{key}:rotate": Example(body={"overlap": "3600s"}),
    "patch /v1/owners/{owner}/limits": Example(body={"charactersPerDay": "100000", "concurrentStreams": "4"}),
    "patch /v1/keys/{key}/limits": Example(body={"requestsPerMinute": "60"}),
    "get /v1/usage": Example(query={"owner": "ann", "from_day": "2026-11-01"}),
    "get /v1/owners/{owner}:export": Example(output="ann-all.zip"),
    "post /v1/owners/{owner}:move": Example(body={"newOwner": "ann-smith"}),
    "post /v1/owners/{owner}:delete": Example(body={"force": False}),
    **{
        f"post /v1/{service}/models/{{engine}}/{{model}}:{verb}": Example(body={})
        for service in ("tts", "asr", "conversion")
        for verb in ("load", "unload", "download")
    },
}


def with_example(verb: str, path: str, operation: Json) -> Json:
    """The operation with its example: on its parameters, in its body, and as a line for a shell."""
    example = EXAMPLES.get(f"{verb} {path}", NOTHING)
    values = {**_path_values(path), **example.query}
    parameters = [
        {**each, "example": values[each["name"]]} if each["name"] in values else each
        for each in operation.get("parameters", ())
    ]
    documented = {
        **operation,
        "x-codeSamples": [{"lang": "Shell", "label": "curl", "source": curl(verb, path, example)}],
    }
    if parameters:
        documented["parameters"] = parameters
    body = example.body if example.body is not None else dict(example.form) or None
    if body is not None and "requestBody" in operation:
        content = {kind: {**each, "example": body} for kind, each in operation["requestBody"]["content"].items()}
        documented["requestBody"] = {**operation["requestBody"], "content": content}
    return documented


def curl(verb: str, path: str, example: Example) -> str:
    """A line that works where the platform runs at its usual address."""
    for name, value in _path_values(path).items():
        path = path.replace(f"{{{name}}}", value)
    words = ["curl", "-s", *([example.options] if example.options else [])]
    has_body = example.body is not None or example.form or example.file
    if verb.upper() != ("POST" if has_body else "GET"):
        words += ["-X", verb.upper()]
    if verb == "get" and example.query:
        words += ["-G", shlex.quote(BASE + path)]
        words += [f"--data-urlencode {shlex.quote(f'{name}={_text(value)}')}" for name, value in example.query.items()]
    else:
        query = "&".join(f"{name}={_text(value).replace(' ', '+')}" for name, value in example.query.items())
        words.append(shlex.quote(BASE + path + (f"?{query}" if query else "")))
    if example.file:
        words.append(f"--data-binary @{example.file}")
    elif example.curl_body:
        words.append(f"-d {example.curl_body}")
    elif example.body is not None:
        words.append(f"-d {shlex.quote(json.dumps(example.body))}")
    words += [f"-F {name}={'@' if name == 'file' else ''}{value}" for name, value in example.form.items()]
    return " ".join([*words, *([f"-o {example.output}"] if example.output else [])])


def _path_values(path: str) -> dict[str, str]:
    found = (models for start, models in MODELS_OF_PATHS.items() if path.startswith(start))
    models = next(found, {"model": "tts-1"})
    return {name: value for name, value in {**PATH_VALUES, **models}.items() if f"{{{name}}}" in path}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
