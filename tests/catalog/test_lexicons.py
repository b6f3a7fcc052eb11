"""Pronunciation lexicons: created, changed and deleted, and what is refused in them."""

import uuid

import grpc
import pytest
from voicebox.catalog.v1 import catalog_pb2 as pb

ANN = (("x-voicebox-principal", "ann"),)


def entry(written, alias="", phoneme=""):
    return pb.LexiconEntry(written=written, alias=alias, phoneme=phoneme)


async def create(catalog, *entries, lexicon_id="names", metadata=None, request_id="", **fields):
    request = pb.CreateLexiconRequest(
        lexicon=pb.Lexicon(entries=entries, **fields), lexicon_id=lexicon_id, request_id=request_id
    )
    return await catalog.CreateLexicon(request, metadata=metadata)


async def get(catalog, name="lexicons/names", **fields):
    return await catalog.GetLexicon(pb.GetLexiconRequest(name=name, **fields))


async def test_what_is_created_is_there(catalog):
    created = await create(catalog, entry("GIF", "jiff"), entry("  Nguyễn  Ái", phoneme="ŋwiən aːj"), language="en")
    assert (created.name, created.display_name, created.language) == ("lexicons/names", "names", "en")
    assert created.entry_count == 2
    assert [each.written for each in created.entries] == ["GIF", "Nguyễn Ái"]
    assert created.create_time.seconds > 0
    assert created.etag
    assert await get(catalog) == created
    listed = (await catalog.ListLexicons(pb.ListLexiconsRequest())).lexicons
    assert [(each.name, each.entry_count, len(each.entries)) for each in listed] == [("lexicons/names", 2, 0)]


async def test_an_etag_that_is_current_saves_the_entries(catalog):
    created = await create(catalog, entry("GIF", "jiff"))
    assert not (await get(catalog, known_etag=created.etag)).entries
    assert (await get(catalog, known_etag="old")).entries == created.entries


async def test_a_repeated_request_creates_nothing(catalog, refused):
    request_id = str(uuid.uuid4())
    first = await create(catalog, entry("GIF", "jiff"), lexicon_id="", request_id=request_id)
    assert await create(catalog, entry("GIF", "jiff"), lexicon_id="", request_id=request_id) == first
    error = await refused(create(catalog, entry("GIF", "giff"), lexicon_id="", request_id=request_id))
    assert error.reason == "REQUEST_ID_REUSED"
    assert len((await catalog.ListLexicons(pb.ListLexiconsRequest())).lexicons) == 1


async def test_a_name_in_use_is_refused(catalog, refused):
    await create(catalog, entry("GIF", "jiff"))
    error = await refused(create(catalog, entry("GIF", "jiff")))
    assert (error.code, error.reason) == (grpc.StatusCode.ALREADY_EXISTS, "LEXICON_EXISTS")


async def test_pages_are_newest_first(catalog):
    for number in range(5):
        await create(catalog, entry("GIF", "jiff"), lexicon_id=f"number-{number}")
    names, token = [], ""
    while True:
        page = await catalog.ListLexicons(pb.ListLexiconsRequest(page_size=2, page_token=token))
        names += [each.name for each in page.lexicons]
        if not (token := page.next_page_token):
            break
    assert names == [f"lexicons/number-{number}" for number in (4, 3, 2, 1, 0)]


async def update(catalog, *mask, etag="", **fields):
    message = pb.Lexicon(name="lexicons/names", etag=etag, **fields)
    return await catalog.UpdateLexicon(pb.UpdateLexiconRequest(lexicon=message, update_mask={"paths": mask}))


async def test_an_update_changes_what_the_mask_names(catalog, refused):
    created = await create(catalog, entry("GIF", "jiff"))
    changed = await update(catalog, "entries", etag=created.etag, entries=[entry("Gif", "giff")], display_name="Other")
    assert [(each.written, each.alias) for each in changed.entries] == [("Gif", "giff")]
    assert (changed.display_name, changed.entry_count) == ("names", 1)
    assert changed.etag != created.etag
    error = await refused(update(catalog, "display_name", etag=created.etag, display_name="Late"))
    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert (await update(catalog, "display_name", display_name="Other")).entries == changed.entries


async def test_entries_are_checked_again_when_capital_letters_no_longer_matter(catalog, refused):
    await create(catalog, entry("US", "United States"), entry("us", phoneme="ʌs"), case_sensitive=True)
    error = await refused(update(catalog, "case_sensitive", case_sensitive=False))
    assert error.reason == "LEXICON_ENTRY_REPEATED"
    assert "lexicon.entries[1]" in error.sentence


async def test_what_is_deleted_is_gone(catalog, refused):
    created = await create(catalog, entry("GIF", "jiff"))
    error = await refused(catalog.DeleteLexicon(pb.DeleteLexiconRequest(name=created.name, etag="other")))
    assert error.reason == "ETAG_MISMATCH"
    await catalog.DeleteLexicon(pb.DeleteLexiconRequest(name=created.name, etag=created.etag))
    assert (await refused(get(catalog))).reason == "LEXICON_NOT_FOUND"


async def test_two_owners_may_use_the_same_name(catalog):
    await create(catalog, entry("GIF", "jiff"), metadata=ANN)
    mine = await create(catalog, entry("GIF", "giff"))
    assert (await get(catalog)).entries == mine.entries
    assert len((await catalog.ListLexicons(pb.ListLexiconsRequest())).lexicons) == 1


@pytest.mark.parametrize(
    ("entries", "reason", "sentence"),
    [
        ([entry("a", "b"), entry("b", "see a")], "LEXICON_LOOP", "'a' (lexicon.entries[0]), 'b' (lexicon.entries[1])"),
        ([entry("x", "y"), entry("GIF", "a GIF file")], "LEXICON_LOOP", "lexicon.entries[1]: the alias of 'GIF'"),
        ([entry("GIF", "a"), entry("gif", "b")], "LEXICON_ENTRY_REPEATED", "lexicon.entries[1]"),
        ([entry("GIF", "a"), entry("")], "LEXICON_ENTRY_INVALID", "lexicon.entries[1]: written needs a letter"),
        ([entry("GIF")], "LEXICON_ENTRY_INVALID", "lexicon.entries[0]: 'GIF' needs an alias or a phoneme"),
        ([entry("GIF", phoneme="dʒ1f§")], "LEXICON_ENTRY_INVALID", "lexicon.entries[0]: phoneme has 1 §"),
        ([entry("GIF", phoneme="ˈ")], "LEXICON_ENTRY_INVALID", "needs a vowel or a consonant"),
        ([entry("GIF", "a\x01b")], "LEXICON_ENTRY_INVALID", "alias must not contain control"),
        ([entry("a" * 201, "b")], "LEXICON_ENTRY_INVALID", "written may have 200 characters, not 201"),
        ([entry(f"word{n}", "x") for n in range(10_001)], "LEXICON_TOO_LARGE", "lexicon.entries[10000]"),
        ([entry(f"w{n}", "x y" * 160) for n in range(2_500)], "LEXICON_TOO_LARGE", "1000000 characters"),
    ],
)
async def test_what_is_wrong_is_refused_and_its_place_named(catalog, refused, entries, reason, sentence):
    error = await refused(create(catalog, *entries))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert sentence in error.sentence


async def test_a_circle_of_ten_thousand_aliases_is_found(catalog, refused):
    count = 10_000
    circle = [entry(f"word{n}", f"word{(n + 1) % count}") for n in range(count)]
    error = await refused(create(catalog, *circle))
    assert error.reason == "LEXICON_LOOP"
    assert "9995 more" in error.sentence


async def test_a_longer_written_form_within_an_alias_is_no_loop(catalog):
    await create(catalog, entry("York", "New York"), entry("New York", "the big apple"))


async def test_so_many_and_no_more(catalog, refused, monkeypatch):
    monkeypatch.setattr("voicebox_catalog.store.lexicons.MAX_LEXICONS", 2)
    for number in range(2):
        await create(catalog, entry("GIF", "jiff"), lexicon_id=f"number-{number}")
    await create(catalog, entry("GIF", "jiff"), metadata=ANN)
    error = await refused(create(catalog, entry("GIF", "jiff")))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TOO_MANY_LEXICONS")


async def test_a_profile_names_the_lexicons_that_it_is_spoken_with(catalog, refused):
    profile = pb.Profile(display_name="Ann", default_voice_settings=pb.VoiceSettings(lexicons=["lexicons/names"]))
    created = await catalog.CreateProfile(pb.CreateProfileRequest(profile=profile))
    assert created.default_voice_settings == profile.default_voice_settings
    profile.default_voice_settings.lexicons.append("profiles/ann")
    error = await refused(catalog.CreateProfile(pb.CreateProfileRequest(profile=profile)))
    assert "lexicons[1]" in error.sentence
