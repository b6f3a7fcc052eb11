"""Names of models and voices that OpenAI's clients send and that are none of ours: OpenAI's own, and those of servers
that speak its API.

Those of models are patterns, since both go on adding some. For all of them the default model answers.
"""

import re

DATED = r"(-\d{4}(-\d{2}-\d{2})?|-latest)?"
SPEECH = re.compile(rf"tts-1(-hd)?{DATED}|gpt-[a-z0-9.]+(-[a-z0-9]+)*-tts{DATED}", re.IGNORECASE)
TRANSCRIPTION = re.compile(rf"whisper-1|gpt-([a-z0-9.]+-)*transcribe(-diarize)?{DATED}", re.IGNORECASE)
REALTIME = re.compile(rf"gpt-([a-z0-9.]+-)*(realtime|audio|live)(-[a-z0-9.]+)*{DATED}", re.IGNORECASE)

VOICES = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "fable",
    "onyx",
    "nova",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
)
"""OpenAI's own."""

ALIASES = (
    "whisper-1",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-transcribe-diarize",
    "gpt-transcribe",
    "tts-1",
    "tts-1-hd",
    "gpt-4o-mini-tts",
    "gpt-realtime",
    "gpt-realtime-mini",
)
"""OpenAI's names that a list of models shows."""

_SPEECH_FAMILIES = (
    "kokoro piper xtts coqui orpheus chatterbox dia parler bark tortoise f5 fish openaudio cosyvoice melo melotts "
    "styletts styletts2 "
    "speecht5 vits mms csm zonos higgs vibevoice indextts qwen3 maya1 neutts kitten kittentts voxcpm spark outetts "
    "playai playht eleven "
    "multilingual turbo aura sonic cartesia rime mist arcana edge azure polly google gemini minimax hume octave "
    "inworld lmnt "
    "murf magpie fastpitch"
)
_TRANSCRIPTION_FAMILIES = (
    "whisper distil parakeet canary voxtral nova scribe moonshine wav2vec2 sensevoice sense paraformer funasr vosk "
    "granite nemo "
    "conformer universal best nano tiny base small medium large turbo crisperwhisper qwen3 gemini deepgram assemblyai "
    "ursa"
)


def _holding(families: str) -> re.Pattern[str]:
    """A name of which one word is a family's, such as `hexgrad/Kokoro-82M` or `Systran/faster-whisper-large-v3`."""
    words = "|".join(families.split())
    return re.compile(rf"(.*[^a-z0-9])?({words})([^a-z0-9].*)?", re.IGNORECASE | re.DOTALL)


OTHER_SPEECH = _holding(_SPEECH_FAMILIES)
OTHER_TRANSCRIPTION = _holding(_TRANSCRIPTION_FAMILIES)


def is_openai(model: str) -> bool:
    """Whether it is a name that OpenAI has given to a model of any kind."""
    return any(pattern.fullmatch(model) for pattern in (SPEECH, TRANSCRIPTION, REALTIME))
