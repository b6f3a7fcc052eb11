"""Ids as tables shorten them are taken by every verb that takes a name."""

import pytest
from voicebox.catalog.v1 import catalog_pb2

FIRST, SECOND = "3f2a8c1e-0000-4000-8000-000000000001", "3f2a8c1e-9999-4000-8000-000000000002"


@pytest.fixture(autouse=True)
def kept(platform):
    platform.generations = [catalog_pb2.Generation(name=f"generations/{one}", text="Hi.") for one in (FIRST, SECOND)]
    platform.transcriptions = [
        catalog_pb2.Transcription(name=f"transcriptions/{one}", text="Hi.") for one in (FIRST, SECOND)
    ]


@pytest.mark.parametrize("collection", ["generations", "transcriptions"])
@pytest.mark.parametrize("words", [["show"], ["favorite"], ["label", "team=games"], ["delete"]])
@pytest.mark.parametrize("short", ["3f2a8c1e-9", "{collection}/3f2a8c1e-99", SECOND, "{collection}/" + SECOND])
def test_the_beginning_of_an_id_is_enough(voicebox, platform, collection, words, short):
    verb, *rest = words
    group = {"generations": "history"}.get(collection, collection)
    result = voicebox(group, verb, short.format(collection=collection), *rest)
    assert result.exit_code == 0, result.output
    requested = [request for requests in platform.requested.values() for request in requests]
    assert f"{collection}/{SECOND}" in str(requested[-1])


def test_a_beginning_of_two_is_refused_and_both_are_named(voicebox, platform):
    result = voicebox("history", "delete", "3f2a8c1e")
    assert result.exit_code == 2
    assert FIRST in result.stderr
    assert SECOND in result.stderr
    assert len(platform.generations) == 2


def test_a_name_that_is_no_beginning_is_passed_on(voicebox, platform):
    assert "There is no generation 'generations/abcdef99'" in voicebox("history", "show", "abcdef99").stderr
