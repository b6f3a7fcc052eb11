"""Invisible parts of a page: scripts, styles and comments, which may go on over several sentences."""

import re

_BEGIN = re.compile(r"<(?P<name>script|style|template|noscript)\b[^<>]{0,2000}>|<!--", re.IGNORECASE)
_COMMENT = "comment"


class HiddenParts:
    """Takes them out of one text, sentence by sentence. `names` are those that were met, in order."""

    def __init__(self) -> None:
        self._inside = ""
        self.names: dict[str, None] = {}

    def without(self, sentence: str) -> str:
        """The sentence without its invisible parts."""
        visible = list[str]()
        while sentence:
            if self._inside:
                sentence = self._after_end(sentence)
            elif begin := _BEGIN.search(sentence) if "<" in sentence else None:
                visible.append(sentence[: begin.start()])
                sentence, self._inside = sentence[begin.end() :], (begin["name"] or _COMMENT).lower()
                self.names[self._inside] = None
            else:
                visible.append(sentence)
                break
        return " ".join(visible)

    def _after_end(self, sentence: str) -> str:
        end = re.search("-->" if self._inside == _COMMENT else rf"</{self._inside}\s?>", sentence, re.IGNORECASE)
        if end is None:
            return ""
        self._inside = ""
        return sentence[end.end() :]
