"""The Pocket TTS models that Kyutai publishes, by their names."""

from collections.abc import Mapping
from dataclasses import dataclass

from voicebox_tts.engine import Gender

REPOSITORY = "kyutai/pocket-tts-without-voice-cloning"
CLONING_REPOSITORY = "kyutai/pocket-tts"
"""The same models with the encoder of voices. It is gated: a person accepts its terms on the hub, and sets HF_TOKEN."""

LICENCE = "CC-BY-4.0"
"""The weights'; the code is MIT."""

VOICES_REVISION = "a7056f505a4a8ca72d8b5fb1440071d6f1a35739"
"""The commit of REPOSITORY that holds the voices."""

ENGLISH_VOICES = (
    "alba anna azelma bill_boerst caro_davy charles eponine eve fantine george jane javert marius mary michael paul "
    "peter_yearsley stuart_bell vera"
).split()
"""Without cosette and jean: they come from Expresso and EARS, whose licence forbids commercial use (CC-BY-NC-4.0)."""

_FEMALE = "alba anna azelma caro_davy eponine estelle eve fantine jane lola mary vera".split()
_MALE = (
    "bill_boerst charles daan george giovanni javert juergen marius michael paul peter_yearsley rafael stuart_bell"
).split()
GENDERS: Mapping[str, Gender] = dict.fromkeys(_FEMALE, Gender.FEMALE) | dict.fromkeys(_MALE, Gender.MALE)


@dataclass(frozen=True)
class Published:
    """A model on the hub, in the folder `languages/{name}` of its repositories, as the package's own configuration
    names it.

    `language` is BCP 47, `voices` are its own, the default first; the revisions are commits.
    """

    name: str
    language: str
    voices: tuple[str, ...]
    revision: str
    cloning_revision: str
    tokenizer_revision: str
    size_bytes: int = 438_000_000
    """109.5 M parameters in float32."""


_ENGLISH = Published(
    "english",
    "en",
    tuple(ENGLISH_VOICES),
    "a7056f505a4a8ca72d8b5fb1440071d6f1a35739",
    "db04f0e653473e5c7333c69686ac92b7460b0c1d",
    "00eac05ed3d16bdc3f6b5d598874019c34a89214",
)


def _published(
    name: str, language: str, voice: str, tokenizer_revision: str = "4e1e0a3e611c51c0b4ed8174fc10f32a54644303"
) -> Published:
    revision, cloning = "1e08e6a23401048648a9fdcfde2f89348215c2a7", "3e82814a68665eec246ff649b14c71331f955c06"
    return Published(name, language, (voice,), revision, cloning, tokenizer_revision)


KNOWN: Mapping[str, Published] = {
    published.name: published
    for published in (
        _ENGLISH,
        _published("french", "fr", "estelle", "8843db76457a91db32077edf8dfcd1c0e3e755fd"),
        _published("german", "de", "juergen"),
        _published("italian", "it", "giovanni"),
        _published("portuguese", "pt", "rafael"),
        _published("spanish", "es", "lola"),
        _published("dutch", "nl", "daan"),
    )
}
"""The first that is present is the default."""
