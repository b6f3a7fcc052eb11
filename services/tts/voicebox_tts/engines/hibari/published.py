"""The voices of hibari that are published, and the files of its package, each with its SHA-256."""

from collections.abc import Mapping
from dataclasses import dataclass

from voicebox_models.packaged import PackagedFile, PackagedModel

from voicebox_tts.engine import Gender

LICENCE = "Apache-2.0"
REPOSITORY = "maureesewilliams/hibari"
"""On the Hugging Face hub: the voices that are not in the package."""
DISTRIBUTION, VERSION = "hibari-tts", "0.2.1"


@dataclass(frozen=True)
class Published:
    """A voice, distilled from one of Kokoro's. `file` is its name in the hub's folder `voices`."""

    name: str
    display_name: str
    language: str
    gender: Gender
    file: str
    size_bytes: int
    sha256: str

    @property
    def british(self) -> bool:
        """Whether it reads words as the British do."""
        return self.language == "en-GB"


def _asset(name: str, size_bytes: int, sha256: str) -> PackagedFile:
    return PackagedFile(name, (f"hibari/assets/{name}",), size_bytes, sha256)


_HEART = Published(
    "heart",
    "Heart (female, US)",
    "en-US",
    Gender.FEMALE,
    "hibari.onnx",
    7_936_868,
    "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
)
KNOWN: Mapping[str, Published] = {
    published.name: published
    for published in (
        _HEART,
        Published(
            "fenrir",
            "Fenrir (male, US)",
            "en-US",
            Gender.MALE,
            "am_fenrir_v2.int8.onnx",
            8_031_158,
            "f59fbd87908c91f827bc21b1b89443757b9a8580db9eee20aa948deb731321f4",
        ),
        Published(
            "kore",
            "Kore (female, US)",
            "en-US",
            Gender.FEMALE,
            "af_kore.int8.onnx",
            7_936_868,
            "346885752673e45d42f9864c9e2432094bc4b6385df060d4b83273da764d2fa9",
        ),
        Published(
            "emma",
            "Emma (female, British)",
            "en-GB",
            Gender.FEMALE,
            "bf_emma.int8.onnx",
            7_936_868,
            "f709f0488ee63b583a22189a955aaf4257b9806dd330be3490661e53af0a89c1",
        ),
        Published(
            "fable",
            "Fable (male, British)",
            "en-GB",
            Gender.MALE,
            "bm_fable.int8.onnx",
            7_936_868,
            "c28529302f2d27cd12f62625c24425888c4e3c2675583100ec530259136b8bc6",
        ),
    )
}
"""The default first."""
PACKAGED_VOICE = _HEART.name

VOCABULARY = _asset("vocab.json", 1_144, "70abefbe8a1c8865e43e0a43bbdc25b91a33e4aa053479d443ccf23e20a59e5d")
READING = (
    VOCABULARY,
    _asset("tagger.json.gz", 1_240_667, "d2da7502284bbbe45d49e0b7ce3ce67bdab82254150f4317f1b8559b4d38d0eb"),
    _asset("tokenizer_exceptions.json", 32_450, "ddf3a3da07bdcf5144270ea4530191d8580fb4fd6f5ae93296e87916e795659a"),
)
AMERICAN = (
    _asset("lexicon_us_gold.json.gz", 719_352, "63ae94f8ef0e906d5b24fe9b59ffcbd1529aca5686a774610e43973cbaa86ad2"),
    _asset("lexicon_us_silver.json.gz", 682_530, "c4c2546ebf1eb07010331e7ef785a431aa17ba8e7bfb6b4af8d654ee96a71fd3"),
    _asset("oov.json", 2_273, "b462e6e5dbdf0e7346c732385d0dd844f612f1770871441c56932bff4ca75d8c"),
    _asset("oov.onnx", 2_975_020, "d3cfd8122c5f172a98c8de38268bf1213ee09f2c2ae4df6e055fc6532590fe76"),
)
BRITISH = (
    _asset("lexicon_gb_gold.json.gz", 696_547, "66e675f23eb007d6707d23fe6603ba5e19f3513aefe42e3c8cd6c078a85f2ce0"),
    _asset("lexicon_gb_silver.json.gz", 799_678, "637f887dd557d193af8c106f5c26624850db3e7bf0ec751ba917aac6d75e948d"),
    _asset("oov_gb.json", 2_096, "e29077fc3548f08f2fab82a87e03309f614658d91d0ba464e653265e9a4d0cad"),
    _asset("oov_gb.onnx", 942_734, "0997e3219543247de5646078d770f8ca77011d8fd0abb29fe48d12c60f53e9e1"),
)
WEIGHTS = _asset(_HEART.file, _HEART.size_bytes, _HEART.sha256)

PACKAGED = PackagedModel((DISTRIBUTION,), VERSION, (WEIGHTS, *READING, *AMERICAN, *BRITISH))
"""The voice heart, and what all voices read words with."""
