"""What the protos do not describe of OpenAI's paths: bodies that go through them as bytes, and the paths that `web`
answers.

https://platform.openai.com/docs/api-reference
"""

from .schemas import Json

TAG: Json = {
    "name": "OpenAI",
    "description": "OpenAI's audio and model APIs: its SDKs work unchanged with the base URL `/v1`.",
}

ERROR: Json = {
    "description": "An error, in OpenAI's shape.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAiError"}}},
}

NULLABLE_STRING: Json = {"type": ["string", "null"]}
SCHEMAS: dict[str, Json] = {
    "OpenAiError": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "param", "code"],
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "param": NULLABLE_STRING,
                    "code": NULLABLE_STRING,
                },
            }
        },
    },
    "OpenAiModel": {
        "type": "object",
        "required": ["id", "object", "created", "owned_by"],
        "properties": {
            "id": {"type": "string", "examples": ["tts-1", "flite/cmu"]},
            "object": {"const": "model"},
            "created": {"type": "integer"},
            "owned_by": {"type": "string"},
        },
    },
    "OpenAiVoices": {
        "type": "object",
        "required": ["voices"],
        "properties": {
            "voices": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "name"],
                    "properties": {
                        "id": {"type": "string", "examples": ["flite/slt", "profiles/ann", "alloy"]},
                        "name": {"type": "string"},
                        "owned_by": {"type": "string", "enum": ["voicebox", "profile", "openai"]},
                        "languages": {"type": "array", "items": {"type": "string"}},
                    },
                },
            }
        },
    },
    "OpenAiClientSecret": {
        "type": "object",
        "required": ["value", "expires_at", "session"],
        "properties": {"value": {"type": "string"}, "expires_at": {"type": "integer"}, "session": {"type": "object"}},
    },
    "OpenAiFile": {
        "type": "object",
        "required": ["id", "object", "bytes", "created_at", "filename", "purpose"],
        "properties": {
            "id": {"type": "string"},
            "object": {"const": "file"},
            "bytes": {"type": "integer"},
            "created_at": {"type": "integer"},
            "expires_at": {"type": ["integer", "null"]},
            "filename": {"type": "string"},
            "purpose": {"type": "string", "enum": ["batch", "user_data", "batch_output"]},
        },
    },
    "OpenAiBatch": {
        "type": "object",
        "required": ["id", "object", "endpoint", "input_file_id", "status", "created_at", "request_counts"],
        "properties": {
            "id": {"type": "string"},
            "object": {"const": "batch"},
            "endpoint": {"type": "string"},
            "input_file_id": {"type": "string"},
            "output_file_id": NULLABLE_STRING,
            "error_file_id": NULLABLE_STRING,
            "status": {
                "type": "string",
                "enum": ["validating", "in_progress", "finalizing", "completed", "failed", "cancelled"],
            },
            "created_at": {"type": "integer"},
            "request_counts": {"type": "object"},
        },
    },
    "OpenAiList": {
        "type": "object",
        "required": ["object", "data", "has_more"],
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": {"type": "object"}},
            "has_more": {"type": "boolean"},
        },
    },
    "OpenAiDeleted": {
        "type": "object",
        "required": ["id", "object", "deleted"],
        "properties": {"id": {"type": "string"}, "object": {"const": "file"}, "deleted": {"const": True}},
    },
    "OpenAiModels": {
        "type": "object",
        "required": ["object", "data"],
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": {"$ref": "#/components/schemas/OpenAiModel"}},
        },
    },
}

MODEL: Json = {
    "type": "string",
    "description": "`{engine}/{model}` of `/v1/models`, or one of OpenAI's names for the default model.",
}
FILE: Json = {
    "type": "string",
    "format": "binary",
    "description": "WAV, FLAC, MP3, Ogg, MP4/M4A, AAC or WebM; at most 25 MB.",
}
PROMPT: Json = {"type": "string", "description": "Text that could stand before the audio."}
TEMPERATURE: Json = {"type": "number", "minimum": 0, "maximum": 1}
FORMATS: Json = {"type": "string", "enum": ["json", "text", "srt", "verbose_json", "vtt"], "default": "json"}

SPEECH: Json = {
    "type": "object",
    "required": ["input"],
    "properties": {
        "model": MODEL,
        "input": {"type": "string", "minLength": 1, "maxLength": 10_000},
        "voice": {"type": "string", "description": "A built-in voice, a profile's name, or one of OpenAI's voices."},
        "response_format": {"type": "string", "enum": ["mp3", "opus", "aac", "flac", "wav", "pcm"], "default": "mp3"},
        "speed": {"type": "number", "minimum": 0.25, "maximum": 4},
        "instructions": {
            "type": "string",
            "description": "How to speak; ignored, and named so, where the engine follows none.",
        },
        "language": {"type": "string", "description": "The language of the text: a BCP 47 tag or its name in English."},
        "sample_rate": {
            "type": "integer",
            "minimum": 8000,
            "maximum": 48000,
            "description": "Default: 24000 for pcm, wav and flac.",
        },
        "stream_format": {"type": "string", "enum": ["audio", "sse"], "default": "audio"},
    },
}
TRANSLATION: Json = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": FILE,
        "model": MODEL,
        "prompt": PROMPT,
        "response_format": FORMATS,
        "temperature": TEMPERATURE,
    },
}
TRANSCRIPTION: Json = {
    **TRANSLATION,
    "properties": {
        **TRANSLATION["properties"],
        "language": {
            "type": "string",
            "description": "The language that is spoken, ISO 639-1. Default: detected where the model can.",
        },
        "stream": {
            "type": "boolean",
            "default": False,
            "description": "Server-sent events: transcript.text.delta and .done.",
        },
        "timestamp_granularities[]": {"type": "array", "items": {"type": "string", "enum": ["word", "segment"]}},
    },
}

REQUESTS: dict[str, Json] = {
    "/v1/audio/speech": {"required": True, "content": {"application/json": {"schema": SPEECH}}},
    "/v1/audio/transcriptions": {"required": True, "content": {"multipart/form-data": {"schema": TRANSCRIPTION}}},
    "/v1/audio/translations": {"required": True, "content": {"multipart/form-data": {"schema": TRANSLATION}}},
}


def _operation(operation_id: str, summary: str, schema: str, parameters: list[Json]) -> Json:
    answer = {
        "description": summary,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }
    operation = {"operationId": operation_id, "tags": [TAG["name"]], "summary": summary, "parameters": parameters}
    return {**operation, "responses": {"200": answer, "default": ERROR}}


def _get(operation_id: str, summary: str, schema: str, parameters: list[Json]) -> Json:
    return {"get": _operation(operation_id, summary, schema, parameters)}


def _path_parameter(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


LIST_PARAMETERS: list[Json] = [
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}},
    {
        "name": "after",
        "in": "query",
        "schema": {"type": "string"},
        "description": "The id after which the list begins.",
    },
]
PURPOSE_PARAMETER: Json = {
    "name": "purpose",
    "in": "query",
    "schema": {"type": "string", "enum": ["batch", "user_data"]},
    "description": "Only these: requests, or audio.",
}
FILE_LIST = [*LIST_PARAMETERS, PURPOSE_PARAMETER]
UPLOAD: Json = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {
            "type": "string",
            "format": "binary",
            "description": "JSON Lines of requests, or audio for the requests of transcriptions.",
        },
        "purpose": {"type": "string", "enum": ["batch", "user_data"]},
    },
}
NEW_BATCH: Json = {
    "type": "object",
    "required": ["input_file_id", "endpoint"],
    "properties": {
        "input_file_id": {"type": "string"},
        "endpoint": {
            "type": "string",
            "enum": ["/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations"],
        },
        "completion_window": {"const": "24h"},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
FILE_PARAMETER, BATCH_PARAMETER = _path_parameter("file"), _path_parameter("batch")
FILE_CONTENT: Json = {
    "operationId": "GetOpenAiFileContent",
    "tags": [TAG["name"]],
    "summary": "Downloads a file",
    "parameters": [FILE_PARAMETER],
    "responses": {
        "200": {"description": "The bytes.", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
        "default": ERROR,
    },
}


MODEL_PARAMETER = _path_parameter("model")
REALTIME: Json = {
    "operationId": "Realtime",
    "tags": [TAG["name"]],
    "summary": "Opens a WebSocket for OpenAI's Realtime API",
    "description": "Events in JSON both ways: https://platform.openai.com/docs/api-reference/realtime. "
    "Audio is 24 kHz, 16 bits, mono.",
    "parameters": [
        {
            "name": "intent",
            "in": "query",
            "schema": {"type": "string", "enum": ["transcription"]},
            "description": "Only transcribe.",
        },
        {"name": "model", "in": "query", "schema": MODEL},
    ],
    "responses": {"101": {"description": "The WebSocket is open."}, "default": ERROR},
}

CLIENT_SECRET: Json = {
    "operationId": "CreateClientSecret",
    "tags": [TAG["name"]],
    "summary": "Makes a short-lived key with a Realtime session's settings",
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "expires_after": {
                            "type": "object",
                            "properties": {
                                "anchor": {"const": "created_at"},
                                "seconds": {"type": "integer", "minimum": 10, "maximum": 7200, "default": 600},
                            },
                        },
                        "session": {"type": "object", "description": "As in session.update."},
                    },
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "The key, when it expires, and the session that it opens.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAiClientSecret"}}},
        },
        "default": ERROR,
    },
}

OTHERS: dict[str, Json] = {
    "/v1/models": _get(
        "ListOpenAiModels", "Lists the models, and OpenAI's names for the default ones", "OpenAiModels", []
    ),
    "/v1/models/{model}": _get("GetOpenAiModel", "Gets one model", "OpenAiModel", [MODEL_PARAMETER]),
    "/v1/audio/models": _get("ListOpenAiAudioModels", "Lists the models, as other servers do", "OpenAiModels", []),
    "/v1/audio/voices": _get(
        "ListOpenAiVoices", "Lists voices, profiles, and OpenAI's names for voices", "OpenAiVoices", []
    ),
    "/v1/files": {
        **_get("ListOpenAiFiles", "Lists the files that were uploaded", "OpenAiList", FILE_LIST),
        "post": {
            **_operation("CreateOpenAiFile", "Uploads a file of requests, or audio for them", "OpenAiFile", []),
            "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": UPLOAD}}},
        },
    },
    "/v1/files/{file}": {
        **_get("GetOpenAiFile", "Gets one file", "OpenAiFile", [FILE_PARAMETER]),
        "delete": _operation("DeleteOpenAiFile", "Deletes a file", "OpenAiDeleted", [FILE_PARAMETER]),
    },
    "/v1/files/{file}/content": {"get": FILE_CONTENT},
    "/v1/batches": {
        **_get("ListOpenAiBatches", "Lists the batches", "OpenAiList", LIST_PARAMETERS),
        "post": {
            **_operation(
                "CreateOpenAiBatch", "Has a file of requests answered, one after the other", "OpenAiBatch", []
            ),
            "requestBody": {"required": True, "content": {"application/json": {"schema": NEW_BATCH}}},
        },
    },
    "/v1/batches/{batch}": _get("GetOpenAiBatch", "Gets one batch", "OpenAiBatch", [BATCH_PARAMETER]),
    "/v1/batches/{batch}/cancel": {
        "post": _operation("CancelOpenAiBatch", "Cancels a batch", "OpenAiBatch", [BATCH_PARAMETER])
    },
    "/v1/realtime": {"get": REALTIME},
    "/v1/realtime/client_secrets": {"post": CLIENT_SECRET},
}
