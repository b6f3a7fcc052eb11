"""What the official package is asked for, and our own engine after it."""

from dataclasses import dataclass

SEED = 7
MAX_FRAMES = 24

REFERENCE_TEXT = "A user said hello."
TEXTS = (
    "Hello world, this is a test.",
    "Nothing",
    "user assistant assistants Assistant myuser/user's",
    "Grüße, 你好！ İstanbul'da e\u0301 12 345",
    "a  b\n\nc \t d\r\n",
    "emoji 🙂 assistantUser",
)
"""The words of the tiny tokenizer are those of the chat layout: "user" and "assistant"."""

NOISES = (1, 1919, 1920, 1921, 24_001, 13 * 24_000 + 777)
"""Samples: parts of a frame, frames, and more than the 10 s of Mimi's sliding window."""


@dataclass(frozen=True)
class Case:
    """Something that is said. `voice` is a speaker, "in context", "vector", or empty for a described voice."""

    name: str
    folder: str
    text: str
    voice: str = ""
    language: str = ""
    instructions: str = ""


CASES = (
    Case(
        "in context",
        "base",
        "This text is longer than the recording is, and so a part of it is read later, with the frames.",
        "in context",
    ),
    Case("in context, short", "base", "Short.", "in context", "english"),
    Case("vector", "base", "This is a test.", "vector", "german"),
    Case("vector, language unknown", "base", "This is a test.", "vector"),
    Case("one token", "base", "a", "vector", "english"),
    Case("endless", "endless", "This is a test.", "in context", "french"),
    Case("speaker", "custom-voice", "This is a test.", "vivian", "english"),
    Case("speaker, language unknown", "custom-voice", "This is a test.", "ryan"),
    Case("instructions", "custom-voice", "This is a test.", "ryan", "english", "Whisper, as if a user slept."),
    Case("dialect", "custom-voice", "你好", "eric", "chinese"),
    Case("dialect, language unknown", "custom-voice", "你好", "eric"),
    Case("dialect's speaker, another language", "custom-voice", "Hello", "eric", "english"),
    Case("described", "voice-design", "This is a test.", "", "english", "An old man."),
    Case("not described", "voice-design", "This is a test."),
)
