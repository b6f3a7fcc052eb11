"""What OpenAI calls the languages: names in English, as in Whisper's tokenizer, where the rest of the API has codes."""

from voicebox_kit import languages
from voicebox_kit.language_names import NAMES


def name(tag: str) -> str:
    """The name for a BCP 47 tag, region or not; the tag itself where OpenAI has none."""
    return NAMES.get(tag.partition("-")[0].lower(), tag)


def tag(given: str) -> str:
    """A BCP 47 tag for a name in English or a tag in any form; empty where the language is left open; else what was
    given.
    """
    found = languages.understood(given)
    return given.strip() if found is None else found
