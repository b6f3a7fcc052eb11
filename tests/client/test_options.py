"""Options by name: there are these and no others, and `help()` shows each of them."""

import inspect
import pydoc

import pytest
from voicebox.catalog.v1 import catalog_pb2
from voicebox_client import AsyncClient, Client
from voicebox_client.profile_requests import create_profile, update_profile

CALLS = {
    "say": ("Hello.",),
    "dialogue": ([],),
    "converse": (["Hello."],),
    "design_voice": ("A calm voice.", "Hello."),
    "transcribe": (b"RIFF",),
    "transcribe_as": (b"RIFF", "srt"),
    "listen": ([b""],),
    "convert": (b"RIFF", "reader"),
    "convert_live": ([b""], "reader", 16000),
    "create_profile": ("Ann",),
    "update_profile": ("ann",),
    "update_sample": ("profiles/ann/samples/s",),
    "update_generation": ("g",),
    "update_transcription": ("t",),
    "say_again": ("g",),
    "update_limits": ("ann",),
    "explain": ("Hello.",),
    "create_lexicon": ([],),
    "update_lexicon": ("names",),
    "import_lexicon": (b"form,alias",),
    "import_checkpoint": (b"",),
}
MISSPELT = {
    "say": ("voise", "voice"),
    "dialogue": ("gap_second", "gap_seconds"),
    "converse": ("profil", "profile"),
    "design_voice": ("langauge", "language"),
    "transcribe": ("word_offset", "word_offsets"),
    "transcribe_as": ("max_line_lenght", "max_line_length"),
    "listen": ("interim_result", "interim_results"),
    "convert": ("strenght", "strength"),
    "convert_live": ("pitch_semitone", "pitch_semitones"),
    "create_profile": ("consent_statment", "consent_statement"),
    "update_profile": ("displayname", "display_name"),
    "update_sample": ("transcripts", "transcript"),
    "update_generation": ("favourite", "favorite"),
    "update_transcription": ("label", "labels"),
    "say_again": ("sead", "seed"),
    "update_limits": ("character_per_day", "characters_per_day"),
    "explain": ("lexicon", "lexicons"),
    "create_lexicon": ("langauge", "language"),
    "update_lexicon": ("entrys", "entries"),
    "import_lexicon": ("langauge", "language"),
    "import_checkpoint": ("licens", "licence"),
}


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("method", CALLS)
def test_an_unknown_option_is_an_error_that_names_the_nearest_one(kind, method):
    wrong, right = MISSPELT[method]
    with pytest.raises(TypeError, match=rf"{method}\(\) has no option '{wrong}': did you mean '{right}'\?"):
        getattr(kind("127.0.0.1:1"), method)(*CALLS[method], **{wrong: "x"})
    with pytest.raises(TypeError, match=rf"no option 'zzzzz': choose from .*{right}"):
        getattr(kind("127.0.0.1:1"), method)(*CALLS[method], zzzzz="x")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_every_method_with_options_documents_each_of_them(kind):
    methods = {name for name, method in inspect.getmembers(kind, inspect.isfunction) if hasattr(method, "__wrapped__")}
    assert methods == set(CALLS)
    for name in methods:
        method = getattr(kind, name)
        options = [each for each in inspect.signature(method).parameters.values() if repr(each.default) == "..."]
        lines = pydoc.plain(pydoc.render_doc(method)).splitlines()
        assert options
        for option in options:
            assert any(
                line.split(maxsplit=1)[0] == option.name and len(line.split()) > 1 for line in lines if line.strip()
            ), option.name


def test_both_clients_have_the_same_methods_with_the_same_options():
    def options(kind):
        members = inspect.getmembers(kind, inspect.isfunction)
        return {
            name: list(inspect.signature(member).parameters) for name, member in members if not name.startswith("_")
        }

    assert options(Client) == options(AsyncClient)


def test_consent_is_given_in_words():
    profile = create_profile(
        "Ann", "ann", consent_statement="Ann agreed.", consent_speaker="Ann", consent_scope="demos"
    ).profile
    assert profile.consent == catalog_pb2.Consent(statement="Ann agreed.", speaker="Ann", scope="demos")
    assert list(update_profile("ann", "", consent_statement="No more.").update_mask.paths) == ["consent"]
    assert create_profile("Ann", "", consent=profile.consent).profile.consent == profile.consent
    with pytest.raises(ValueError, match="not both"):
        create_profile("Ann", "", consent=profile.consent, consent_statement="Ann agreed.")
    with pytest.raises(ValueError, match="what was agreed"):
        create_profile("Ann", "", consent_speaker="Ann")
