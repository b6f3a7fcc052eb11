"""The letters of a clause as an MMS voice takes them."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from voicebox_kit.errors import StartError

from voicebox_tts.engines.timing import Unit

Romanize = Callable[[str], str]


@dataclass(frozen=True)
class Letters:
    """What the model is given, and what each part of it stands for. `unknown` are letters that it has no id for."""

    ids: tuple[int, ...]
    units: tuple[Unit, ...]
    unknown: str


@dataclass(frozen=True)
class Tokenizer:
    """A vocabulary of letters; with `has_blanks` each stands between two of the vocabulary's first."""

    ids: Mapping[str, int]
    has_blanks: bool
    romanize: Romanize | None = None

    @classmethod
    def read(cls, folder: Path) -> "Tokenizer":
        """The one in a model's folder; StartError when it cannot be used."""
        try:
            ids, settings = (
                json.loads((folder / name).read_text("utf-8")) for name in ("vocab.json", "tokenizer_config.json")
            )
            ids = {str(letter): int(number) for letter, number in ids.items()}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise StartError(f"The tokenizer in {folder.name} cannot be used: {error}.") from error
        if settings.get("phonemize", False):
            raise StartError(f"The voice in {folder.name} speaks phonemes; voices of MMS speak letters.")
        return cls(
            ids, bool(settings.get("add_blank", True)), _romanizer(folder.name) if settings.get("is_uroman") else None
        )

    def encode(self, words: Sequence[str]) -> Letters:
        """The letters of words with a space between them: the model was trained on lower-case text without
        punctuation.
        """
        letters, unknown = list[tuple[str, int]](), dict[str, None]()
        for number, word in enumerate(words):
            spelled = [*self._spelled(word, unknown)]
            if spelled and letters and " " in self.ids:
                letters.append((" ", -1))
            letters += [(letter, number) for letter in spelled]
        step, offset = (2, 1) if self.has_blanks else (1, 0)
        ids = [0] * (step * len(letters) + offset)
        ids[offset::step] = [self.ids[letter] for letter, _ in letters]
        units = [
            Unit(letter, offset + step * index, offset + step * (index + 1), number)
            for index, (letter, number) in enumerate(letters)
            if number >= 0
        ]
        return Letters(tuple(ids), tuple(units), "".join(unknown))

    def _spelled(self, word: str, unknown: dict[str, None]) -> Iterable[str]:
        lower = word.lower()
        for letter in self.romanize(lower) if self.romanize else lower:
            if letter in self.ids:
                yield letter
            elif letter.isalnum():
                unknown[letter] = None


def _romanizer(voice: str) -> Romanize:
    try:
        library = import_module("uroman")
    except ImportError as error:
        sentence = f"The voice {voice} speaks romanised text, which needs uroman: `make mms` installs it."
        raise StartError(sentence) from error
    uroman = library.Uroman()  # reads its table of every script, which takes seconds
    return lambda text: str(uroman.romanize_string(text))
