"""Clock times, Roman numerals and numbers that begin with zeros, as English reads them."""

import re

_CLOCK = re.compile(
    r"(?<![\w.,:/-])(?P<hour>[01]?\d|2[0-3]):0(?P<minute>\d)(?![\w:/]|[.,]\d)(?P<half>\s?[ap]\.?m\b)?", re.IGNORECASE
)
_LEADING_ZEROS = re.compile(r"(?<![\w.,:/+-])0\d{2,14}(?![\w:/-]|[.,]\d)")
_NUMERAL = r"(?P<numeral>(?=[IVX])X{0,3}(?:IX|IV|V?I{0,3}))(?!\w|\.\w|['’](?!s\b))"
"""1 to 39, and not the word in "I'm"."""
_NUMBERED = (
    "World War|Chapter|Part|Act|Scene|Volume|Book|Section|Phase|Type|Stage|Class|Grade|Level|Title|Article|Appendix"
    "|Figure|Table|Episode|Super Bowl|Tier|Annex|Schedule"
)
_BEHIND_KIND = re.compile(rf"\b(?P<before>(?:{_NUMBERED}) ){_NUMERAL}")
_RULERS = (
    "Adrian|Albert|Alexander|Alfonso|Amenhotep|Benedict|Boniface|Carl|Carlos|Catherine|Charles|Christian|Clement"
    "|Constantine|Edward|Elizabeth|Eric|Felipe|Ferdinand|Francis|Franz|Frederick|Frederik|Friedrich|George"
    "|Gregory|Gustav|Haakon|Harald|Henri|Henry|Innocent|Ivan|James|John|Juan|Julius|Karl|Leo|Leopold|Louis|Ludwig"
    "|Margaret|Margrethe|Mary|Mehmed|Murad|Napoleon|Nicholas|Otto|Paul|Pedro|Peter|Philip|Philippe|Pius|Ptolemy"
    "|Ramesses|Ramses|Richard|Robert|Sixtus|Stephen|Thutmose|Umberto|Urban|Victor Emmanuel|Wilhelm|William"
)
_BEHIND_RULER = re.compile(rf"\b(?P<before>(?:{_RULERS}) ){_NUMERAL}")
_SAYS_RULER = re.compile(
    r"\b(?:King|Queen|Pope|Emperor|Empress|Tsar|Czar|Kaiser|Sultan|Pharaoh|Prince|Saint) (?:\w+ )?$"
)
_BEHIND_NAME = re.compile(rf"\b(?P<before>(?P<name>[A-Z][a-z]{{2,30}}) ){_NUMERAL}")
_NO_NAMES = frozenset(
    "and but each every for her his its our that the their these this those was were with your".split()
)
_VALUES = {"I": 1, "V": 5, "X": 10}
_LOOK_BACK = 40
"""Characters: a title and a name before a ruler's."""


def with_english_numbers(sentence: str) -> str:
    """The sentence with these in words and digits: "10:05" is "10 oh 5", "Henry VIII" is "Henry the 8th"."""
    sentence = _LEADING_ZEROS.sub(lambda found: " ".join(found[0]), _CLOCK.sub(_time, sentence))
    sentence = _BEHIND_RULER.sub(_ordinal, _BEHIND_KIND.sub(_cardinal, sentence))
    return _BEHIND_NAME.sub(_behind_name, sentence)


def _time(found: re.Match[str]) -> str:
    hour, minute, half = int(found["hour"]), found["minute"], found["half"] or ""
    if minute != "0":
        return f"{hour} oh {minute}{half}"
    if half:
        return f"{hour}{half}"
    return f"{hour} o'clock" if 1 <= hour <= 12 else f"{hour} hundred"


def _cardinal(found: re.Match[str]) -> str:
    return f"{found['before']}{_value(found['numeral'])}"


def _ordinal(found: re.Match[str]) -> str:
    """ "James I know" is no king: a single I needs a title before it, or nothing that goes on behind it."""
    before = found.string[max(0, found.start() - _LOOK_BACK) : found.start()]
    goes_on = re.match(r" (?!of\b)[a-z]", found.string[found.end() : found.end() + 4]) is not None
    if found["numeral"] == "I" and goes_on and _SAYS_RULER.search(before) is None:
        return found[0]
    value = _value(found["numeral"])
    ending = "th" if value in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{found['before']}the {value}{ending}"


def _behind_name(found: re.Match[str]) -> str:
    """A numeral of one letter may be a letter, as in "Malcolm X"."""
    is_numeral = len(found["numeral"]) > 1 and found["name"].lower() not in _NO_NAMES
    return _cardinal(found) if is_numeral else found[0]


def _value(numeral: str) -> int:
    values = [_VALUES[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-one if one < after else one for one, after in zip(values, following, strict=True))
