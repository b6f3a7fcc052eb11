"""The languages of Whisper: its codes and their BCP 47 tags."""

CODES_OF_V2 = tuple(
    """en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml
    cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi
    lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su""".split()
)
"""The 99 languages of all multilingual models, in the order of their tokens; large-v3 also has Cantonese, yue."""

BCP_47 = {"jw": "jv"}
"""Javanese: jw was withdrawn in 2001."""

CODES = {tag: code for code, tag in BCP_47.items()}

LANGUAGES = tuple(BCP_47.get(code, code) for code in CODES_OF_V2)
LANGUAGES_OF_V3 = (*LANGUAGES, "yue")
ENGLISH = ("en",)

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
"""Written without spaces between words."""
