"""Finds the language of each sentence of a text, with py3langid (BSD, 4.6 MB, 97 languages).

Lui and Baldwin, "langid.py: An Off-the-shelf Language Identification Tool", ACL 2012.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from voicebox_kit import languages

from .directions import Directed, Direction, Passage
from .scripts import LATIN, in_script, script
from .sentences import sentences

SURE, LEAST_LETTERS = 0.7, 8
"""A sentence that is shorter, or whose language is less probable, is in the language of the one before, if that one is
written in its script.
"""

MOST_LOOKED_AT = 10_000
"""Characters of a text of which its main language is found."""


class LanguageDetector:
    """Loads its model when it is first used: 3 s, 100 MB. Blocking, thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._identifier: Any = None

    def in_languages(self, directed: Directed, spoken: Sequence[str]) -> Directed:
        """The same, with its passages cut where the language changes, each in its own: one of `spoken`, BCP 47
        tags, the usual one first. A passage whose voice or language is set already stays as it is.
        """
        codes = list(dict.fromkeys(map(languages.primary, spoken)))
        whole = "\n".join(each.text for each in directed.directions if isinstance(each, Passage) and _is_open(each))
        current = self._language(whole[:MOST_LOOKED_AT], codes, codes[0] if codes else "")
        directions = list[Direction]()
        for each in directed.directions:
            if not isinstance(each, Passage) or not _is_open(each):
                directions.append(each)
                continue
            cut = list[tuple[str, list[str]]]()
            for sentence in sentences(each.text):
                current = self._language(sentence, codes, current)
                if not cut or cut[-1][0] != current:
                    cut.append((current, []))
                cut[-1][1].append(sentence)
            for language, said in cut:
                override = replace(each.override, language=language)
                directions.append(Passage("\n".join(said), override))
        return replace(directed, directions=tuple(directions))

    def _language(self, text: str, codes: Sequence[str], before: str) -> str:
        """The language of a text among these. Where it is not sure it is the one before, unless the text is not in its
        script: then it is the usual one of those that are.
        """
        if not (used := script(text)):
            return before
        written = in_script(codes, used)
        unsure = before if before in written or not written else written[0]
        if used == LATIN and sum(map(str.isalpha, text)) < LEAST_LETTERS:
            return unsure
        return self._likely(text, written or codes) or unsure

    def _likely(self, text: str, codes: Sequence[str]) -> str:
        """The language of a text among these; empty where it is not sure."""
        with self._lock:
            probabilities = [(code, chance) for code, chance in self._loaded().rank(text) if code in codes]
        total = sum(chance for _, chance in probabilities)
        if not total or probabilities[0][1] < SURE * total:
            return ""
        return str(probabilities[0][0])

    def _loaded(self) -> Any:
        if self._identifier is None:
            module = import_module("py3langid.langid")
            self._identifier = module.LanguageIdentifier.from_model_file(module.MODEL_FILE, norm_probs=True)
        return self._identifier


def _is_open(passage: Passage) -> bool:
    return not (passage.override.language or passage.override.source or passage.override.style)
