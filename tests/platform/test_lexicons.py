"""A lexicon from a file to what is said, by the command, the clients and HTTP."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from voicebox_client import AsyncClient, Client, VoiceboxClientError

from bench.launch import Platform

TEXT = "We saw a GIF at the zoo."


def command(running: Platform, *words: str, folder: Path | None = None) -> str:
    program = Path(sys.executable).with_name("voicebox")
    done = subprocess.run(
        [program, "--server", running.gateway, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def lexicon(running: Platform) -> str:
    """A lexicon in which GIF is said in another way."""
    with Client(running.gateway) as client:
        for each in list(client.list_lexicons()):
            client.delete_lexicon(each.name)
        return client.create_lexicon([("GIF", "jiff", "dʒˈɪf"), ("zoo", "menagerie")], "names").name


def test_the_command_does_all_of_it(running: Platform, lexicon: str, tmp_path: Path) -> None:
    assert "lexicons/names" in command(running, "lexicons", "list")
    assert "menagerie" in command(running, "lexicons", "show", "names")
    for ending in ("pls", "csv"):
        command(running, "lexicons", "export", "names", "-o", f"names.{ending}", folder=tmp_path)
        command(running, "lexicons", "import", f"names.{ending}", "--id", ending, "--any-case", folder=tmp_path)
        shown = json.loads(command(running, "--json", "lexicons", "show", ending))
        assert [entry["written"] for entry in shown["entries"]] == ["GIF", "zoo"]
    command(running, "lexicons", "create", "--id", "mine", "--language", "en-US", "Ann=Anne", "Kai=/kˈaɪ/")
    assert "/kˈaɪ/" in command(running, "explain", "Kai and Ann.", "--lexicon", "mine", "--lexicon", "names")
    explained = command(running, "explain", TEXT, "--lexicon", "names")
    assert "We saw a GIF at the menagerie." in explained
    assert "dʒˈɪf" in explained
    command(running, "say", TEXT, "--lexicon", "names", "-o", "said.wav", folder=tmp_path)
    generation = json.loads(command(running, "--json", "history", "list"))["generations"][0]
    assert generation["parameters"]["lexicons"] == "lexicons/names"
    for name in ("names", "pls", "csv", "mine"):
        command(running, "lexicons", "delete", name)
    assert "lexicons/" not in command(running, "lexicons", "list")


def test_a_profile_is_read_with_its_lexicons(running: Platform, lexicon: str) -> None:
    command(running, "profiles", "create", "Zoe", "--id", "zoe", "--lexicon", "names")
    with Client(running.gateway) as client:
        assert list(client.get_profile("zoe").default_voice_settings.lexicons) == ["lexicons/names"]
        client.delete_profile("zoe", permanently=True)


async def test_the_asyncio_client_does_it_too(running: Platform, lexicon: str) -> None:
    async with AsyncClient(running.gateway) as client:
        assert [each.entry_count async for each in client.list_lexicons()] == [2]
        changed = await client.update_lexicon("names", entries=[("GIF", "giff")], display_name="Names")
        assert (changed.display_name, changed.entry_count) == ("Names", 1)
        explained = await client.explain(TEXT, lexicons=["names"])
        assert explained.sentences[0].spoken == "We saw a giff at the zoo."
        data = b"".join([piece async for piece in client.export_lexicon("names", "csv")])
        answer = await client.import_lexicon(data + b"gif,again\r\n", "more")
        assert answer.lexicon.entry_count == 1
        assert "'gif' (line 3)" in answer.warnings[0]
        assert (await client.get_lexicon("more")).entries == changed.entries
        await client.delete_lexicon("more")
        with pytest.raises(VoiceboxClientError) as caught:
            await client.say("GIF", lexicons=["more"]).read()
        assert caught.value.reason == "LEXICON_NOT_FOUND"


def test_large_and_hostile_files_come_by_http(running: Platform, lexicon: str) -> None:
    url = f"http://{running.gateway}/v1/lexicons:import"
    rows = "".join(f"word{number},{'alias ' * 15}\n" for number in range(9_000))
    answer = httpx.post(url, params={"lexicon_id": "large"}, content=rows.encode(), timeout=60)
    assert (answer.status_code, answer.json()["lexicon"]["entryCount"]) == (200, 9_000), answer.text[:500]
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><lexicon>&b;</lexicon>'
    for content, sentence in ((bomb, "document type"), ("x" * (9 << 20), "8388608 bytes"), (rows * 2, "10000 entries")):
        answer = httpx.post(url, content=content.encode(), timeout=60)
        assert answer.status_code == 400
        assert sentence in answer.json()["message"]
    exported = httpx.get(f"http://{running.gateway}/v1/lexicons/large:export", timeout=60)
    assert exported.headers["content-type"] == "application/pls+xml"
    assert exported.text.count("<lexeme>") == 9_000
    httpx.delete(f"http://{running.gateway}/v1/lexicons/large").raise_for_status()
