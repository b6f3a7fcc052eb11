"""Which language covers which, by BCP 47."""


def canonical(tag: str) -> str:
    """A tag in the letter case of RFC 5646: en-US, zh-Hant, en-GB-x-rp."""
    first, *rest = tag.split("-")
    private = rest.index("x") if "x" in rest else len(rest)
    return "-".join([first.lower(), *(_cased(part) if index < private else part.lower() for index, part in enumerate(rest))])


def covers(asked: str, spoken: str) -> bool:
    """Whether a voice for one language will do for another: "en" covers "en-US", and a voice for "en" speaks "en-US"."""
    one, other = f"{asked.lower()}-", f"{spoken.lower()}-"
    return one.startswith(other) or other.startswith(one)


def _cased(subtag: str) -> str:
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.title() if len(subtag) == 4 and subtag.isalpha() else subtag.lower()
