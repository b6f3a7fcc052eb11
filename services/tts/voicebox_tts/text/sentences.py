"""Cuts text into sentences: complete text, or text that is still being written."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from voicebox_kit.combining_marks import with_few_marks

from voicebox_tts.normalization.characters import visible

LONGEST_SENTENCE = 400
"""Characters; longer sentences are cut at a comma or a space."""
PIECE = 2_000
"""Characters of a whole text that are looked at together."""
WRAPPED_CHARACTERS = 60
"""A line of so many may have been wrapped by an editor: then its end is no end of a sentence."""
CLAUSE_WORDS, CLAUSE_CHARACTERS = 4, 8
"""A clause of fewer words, or of fewer characters where words are written together, is not worth beginning with."""
SILENCE_SECONDS = 0.3
"""The length of the silence for a text of nothing but punctuation."""

_TITLES = frozenset(
    """
    mr mrs ms mx dr prof st mt ft gen col maj capt cmdr lt sgt rev hon pres gov sen rep msgr vs cf approx viz e.g i.e
    esp dept bzw ca sog hr sra dra srta mme mlle dott sig messrs supt adm z.b d.h
    evtl ggf inkl vgl dhr mevr bijv o.a d.w.z m.b.t avv geom напр проф акад тел ул т.е т.к
    """.split()
)
"""Abbreviations that never end a sentence."""
_NUMBERED = frozenset(
    """
    no nos nr vol fig figs eq sec ch art p pp ed op bk pt tel tél tel.-nr abs abb bd kap str ust blz hfst pág págs núm
    cap kl стр гл рис ст
    """.split()
)
"""Abbreviations only before a number: "No. 5", but "I said no. Then"."""
_EITHER = frozenset(
    "inc ltd corp co bros llc plc jr sr etc al ph.d m.d a.m p.m a.d b.c u.s u.k u.n e.u d.c ee ee.uu".split()
) | frozenset("jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun ave blvd rd".split())
"""Abbreviations that often end a sentence too: it ends where the next word is one that mostly begins sentences."""
_STARTERS = frozenset(
    """
    a after all also although an and another are as at because before but by can did do does each even every finally
    first for from had has have he her here his how however i if in is it its just last later let many may maybe
    meanwhile more most much my never next no not nothing now of on once one only or other our perhaps she should
    since so some soon still such that the their then there these they this those though thus to today tomorrow under
    until was we were what when where whether which while who whose why will with without would yes yet you your
    """.split()
)
_LONGEST_STARTER = max(map(len, _STARTERS))
_MILLIONS = frozenset("mio mrd mill млн млрд".split())
"""Abbreviations only behind a number: "3 Mio. Euro"."""
_ORDINAL = re.compile(r"\d{1,3}")
_MONTHS = frozenset(
    "januar jänner februar feber märz april mai juni juli august september oktober november dezember".split()
)
_BEFORE_ORDINAL = frozenset("der die das dem den des im vom zum zur beim jede jeder jedes jeden".split())
"""German writes an ordinal with a full stop, and the noun behind it with a capital: "der 2. Platz", "am 1. Mai"."""

_OPENERS = r"\"'“‘«‹„‚(\[{¿¡—–*_"
_CLOSERS = r"\"'”’»›)\]}*_」』）】〉》］"
_PAUSES = re.compile(rf"[,;:、，；：،؛][{_CLOSERS}]?")
_STOPS = ".!?…‽؟۔।॥"
_WIDE_PAUSES = "、，；："
_WIDE_LETTERS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
"""Kana, Han and Hangul, before which no space needs to stand."""
_CANDIDATE = re.compile(
    rf"(?P<wide>[。！？｡]+[{_CLOSERS}]*)"
    rf"|(?<![{_STOPS}])(?P<stop>[{_STOPS}]++)(?P<close>[{_CLOSERS}]*+)"  # only a run's beginning is tried
    rf"(?:(?=[ \n])|(?<=[!?])(?=[{_WIDE_LETTERS}]))"
    r"|(?P<paragraph>(?=\n\n))|(?P<line>(?=\n))"
)
_NEXT = re.compile(rf"[ \n]*[{_OPENERS}]*(?P<first>[^ \n{_OPENERS}])")
_LIST_MARK = re.compile(r"\n(?:[-*•–] |\d{1,3}[.)] )")
_LONGEST_LIST_MARK = 6
_LAST_WORD = re.compile(r"\S+$")
_INITIAL = re.compile(r"[^\W\d_](?:\.[^\W\d_])*")
_ITEM_NUMBER = re.compile(r"\(?(?:\d{1,3}|[A-Za-z])")
_LINE_BREAK = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
_LOOK_AHEAD = 16
"""How much must follow a sentence's greatest length before it is cut: more than any rule looks ahead, save through
spaces.
"""


def clean(text: str) -> str:
    """Text in NFC, without NUL and what is invisible, each other control character and run of spaces a space, empty
    lines kept as one.
    """
    return _normalized(text).strip()


def has_something_to_say(text: str) -> bool:
    """Whether there is a letter or digit of any script."""
    return any(map(str.isalnum, text))


def sentences(text: str) -> list[str]:
    """The sentences of a whole text, each of at most LONGEST_SENTENCE characters. No character but space is lost."""
    return list(each_sentence(text))


def each_sentence(text: str) -> Iterator[str]:
    """The same, one by one as they are found: in time and memory that do not depend on what follows."""
    feed = SentenceFeed()
    for start in range(0, len(text), PIECE):
        yield from feed.push(text[start : start + PIECE])
    yield from feed.finish()


class SentenceFeed:
    """For text in pieces. The sentences do not depend on how it is cut into pieces.

    A sentence is complete when the text after it shows so: "at 5 p.m." may go on. One that is `eager` yields the first
    sentence in two, cut after its first clause that is long enough, so that it need not be complete.
    """

    def __init__(self, *, eager: bool = False) -> None:
        self._eager = eager
        self._unsettled = ""  # a last letter that may yet get an accent, or a space that may yet grow
        self._text = ""  # cleaned, not yielded yet
        self._column = 0  # characters of its first line that were yielded

    def push(self, text: str) -> list[str]:
        """Add text; returns the sentences that it completes."""
        settled = _last_beginning(text)
        if settled is None:
            self._unsettled += text
            return []
        self._add(self._unsettled + text[:settled])
        self._unsettled = text[settled:]
        return self._take(final=False)

    def finish(self) -> list[str]:
        """The rest, when the text ends."""
        self._add(self._unsettled)
        self._unsettled = ""
        return self._take(final=True)

    def _add(self, text: str) -> None:
        self._text = (self._text + _normalized(text)).lstrip()

    def _take(self, *, final: bool) -> list[str]:
        taken = []
        while (end := self._end(final=final)) is not None:
            taken.append(" ".join(self._text[:end].split()))
            rest = self._text[end:].lstrip()
            done = self._text[: len(self._text) - len(rest)]
            self._column = len(done) - done.rfind("\n") - 1 if "\n" in done else self._column + len(done)
            self._text = rest
        return [sentence for sentence in taken if sentence]

    def _end(self, *, final: bool) -> int | None:
        """Where the next piece ends; None when more text is needed to know."""
        found = _first_end(self._text, self._column, final=final)
        if self._eager and (clause := _clause_end(self._text, found.known_to)):
            self._eager = False
            return clause
        self._eager = self._eager and found.end is None
        return found.end


def _last_beginning(text: str) -> int | None:
    """Where the last character stands that neither space nor what came before can join with; None when there is
    none.
    """
    for index in range(len(text) - 1, -1, -1):
        character = text[index]
        if not (character.isspace() or _is_control(character) or _joins(character)):
            return index
    return None


def _joins(character: str) -> bool:
    """Whether it belongs to the character before: marks and Hangul vowels and finals, with which NFC composes (Unicode
    annex 15), and what is invisible.
    """
    return (
        unicodedata.category(character)[0] == "M"
        or unicodedata.category(character) == "Cf"
        or "\u1160" <= character <= "\u11ff"
    )


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs")


def _normalized(text: str) -> str:
    """NFC; runs of spaces are one space, or one line break, or two for an empty line; NUL and what is invisible goes,
    other controls are spaces.
    """
    text = unicodedata.normalize("NFC", with_few_marks(visible(_LINE_BREAK.sub("\n", text.replace("\0", "")))))
    text = "".join(" " if _is_control(character) and character != "\n" else character for character in text)
    return re.sub(r"\s+", lambda run: "\n" * min(run[0].count("\n"), 2) or " ", text)


@dataclass(frozen=True)
class _Unknown:
    """More text is needed to know."""


_UNKNOWN = _Unknown()


@dataclass(frozen=True)
class _Found:
    """Where the first sentence ends, None when more text is needed to know; up to `known_to` it is known that none ends
    before.
    """

    end: int | None
    known_to: int


def _first_end(text: str, column: int, *, final: bool) -> _Found:
    """Where the first sentence ends. So many characters of the line with which the text begins came before it."""
    for match in _CANDIDATE.finditer(text, 0, min(len(text), LONGEST_SENTENCE + _LOOK_AHEAD)):
        if match.end() > LONGEST_SENTENCE:
            break
        ends = _ends_sentence(text, column, match, final=final)
        if isinstance(ends, _Unknown):
            return _Found(None, match.start())
        if ends:
            return _Found(match.end(), match.end())
    if len(text) > LONGEST_SENTENCE + _LOOK_AHEAD or (final and len(text) > LONGEST_SENTENCE):
        cut = _cut(text)
        return _Found(cut, cut)
    return _Found(len(text) if final and text else None, len(text))


def _clause_end(text: str, known_to: int) -> int | None:
    """Where the first clause ends that is worth beginning with; None when there is none before `known_to`, where a
    sentence may end.
    """
    for match in _PAUSES.finditer(text, 0, min(known_to, LONGEST_SENTENCE)):
        end = match.end()
        is_wide = text[match.start()] in _WIDE_PAUSES
        is_pause = is_wide or text[end : end + 1].isspace()  # and not "1,000" or "12:30"
        is_long = len(text[:end].split()) >= CLAUSE_WORDS or (is_wide and end >= CLAUSE_CHARACTERS)
        if is_pause and is_long and end < known_to:
            return end
    return None


def _ends_sentence(text: str, column: int, match: re.Match[str], *, final: bool) -> bool | _Unknown:
    """Whether a sentence ends at the match."""
    if match["paragraph"] is not None:
        return True
    if match["wide"] is not None:
        return True if match.end() < len(text) or final else _UNKNOWN
    if match["line"] is not None:
        return _ends_line(text, column, match.start(), final=final)
    following = _NEXT.match(text, match.end())
    if following is None:
        return final or _UNKNOWN
    line = _ends_line(text, column, match.end(), final=final) if text[match.end()] == "\n" else False
    return line or _ends_at_stop(text, match, following, final=final)


def _ends_line(text: str, column: int, line_break: int, *, final: bool) -> bool | _Unknown:
    """Whether a sentence ends with the line: always, but where a long line was wrapped and goes on in small letters."""
    begin = text.rfind("\n", 0, line_break) + 1
    if line_break - begin + (0 if begin else column) < WRAPPED_CHARACTERS:
        return True
    if line_break + 1 == len(text):
        return final or _UNKNOWN
    return True if not text[line_break + 1].islower() else _begins_item(text, line_break, final=final)


def _begins_item(text: str, line_break: int, *, final: bool) -> bool | _Unknown:
    """Whether the line after the break begins with a list's mark."""
    if len(text) < line_break + _LONGEST_LIST_MARK and not final:
        return _UNKNOWN
    return _LIST_MARK.match(text, line_break) is not None


def _ends_at_stop(text: str, match: re.Match[str], following: re.Match[str], *, final: bool) -> bool | _Unknown:
    """Whether a full stop with a space after it ends the sentence, by the text around it."""
    first, stop = following["first"], match["stop"]
    if first.islower():
        return stop[-1] in "!?" and not match["close"]
    if first in ".,;:!?…":
        return False
    if stop != ".":
        return True
    word = _LAST_WORD.search(text, 0, match.start())
    before = word[0].lstrip(_OPENERS.replace("\\", "")) if word else ""
    earlier = text[: word.start()].split() if word else []
    if not earlier and _ITEM_NUMBER.fullmatch(before):
        return False
    at = following.start("first")
    if _ORDINAL.fullmatch(before):
        return _ends_after_number(earlier, text, at, final=final)
    return _ends_after(before, earlier, text, at, final=final)


def _ends_after_number(earlier: list[str], text: str, at: int, *, final: bool) -> bool | _Unknown:
    """Whether a sentence ends after a number and a full stop, which may be an ordinal."""
    if not text[at].isalpha():
        return True
    next_word = _word(text, at, final=final)
    if isinstance(next_word, _Unknown):
        return next_word
    is_ordinal = bool(earlier) and earlier[-1].lower() in _BEFORE_ORDINAL and next_word not in _STARTERS
    return not (is_ordinal or next_word in _MONTHS)


def _ends_after(before: str, earlier: list[str], text: str, at: int, *, final: bool) -> bool | _Unknown:
    """Whether a sentence ends after `before` and a full stop, where the next word stands at `at`."""
    lower = before.lower()
    if lower in _MILLIONS and earlier and earlier[-1][0].isdigit():
        return False
    if lower in _TITLES:
        return False
    if lower in _NUMBERED:
        return not (text[at].isdigit() or text[at] == "+")
    if lower in _EITHER or _INITIAL.fullmatch(before):
        return _is_starter(text, at, final=final)
    return True


def _is_starter(text: str, at: int, *, final: bool) -> bool | _Unknown:
    """Whether the word at `at` mostly begins sentences."""
    word = _word(text, at, final=final)
    return word if isinstance(word, _Unknown) else word in _STARTERS


def _word(text: str, at: int, *, final: bool) -> str | _Unknown:
    """The word at `at` in small letters, or its beginning, which is longer than any that is known."""
    end = at
    while end < len(text) and text[end].isalpha() and end - at <= _LONGEST_STARTER:
        end += 1
    return _UNKNOWN if end == len(text) and not final else text[at:end].lower()


def _cut(text: str) -> int:
    """Where to cut a sentence that is too long: behind its last comma, or at its last space, or just so."""
    commas = [match.end() for match in _PAUSES.finditer(text, 0, LONGEST_SENTENCE)]
    spaces = [index for index in range(LONGEST_SENTENCE) if text[index].isspace()]
    return next(
        (places[-1] for places in (commas, spaces) if places and places[-1] > LONGEST_SENTENCE // 4), LONGEST_SENTENCE
    )
