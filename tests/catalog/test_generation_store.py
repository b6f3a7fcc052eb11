"""Generations in the database: pages, filters, search."""

import asyncio
import uuid
from itertools import product

import pytest
from sqlalchemy import text as sql
from voicebox_catalog.store.filters import GENERATION_FIELDS
from voicebox_catalog.store.history_query import Order, parse
from voicebox_catalog.store.tables import Generation
from voicebox_kit.errors import NotFound
from voicebox_sql import search
from voicebox_sql.paging import Cursor

T0 = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""


def row(text="hello", owner="local", **fields):
    chosen = {
        "key": 0,
        "owner": owner,
        "id": str(uuid.uuid4()),
        "text": text,
        "profile": "",
        "voice": "flite/slt",
        "engine": "flite",
        "model": "",
        "language": "en-US",
        "seed": 2**32 - 1,
        "speed": 1.0,
        "pitch_semitones": 0.0,
        "container": "wav",
        "sample_rate_hz": 24000,
        "duration_us": 1_000_000,
        "size_bytes": 0,
        "time_to_first_chunk_us": 0,
        "synthesis_time_us": 0,
        "status": 1,
        "warnings": [],
        "blob": "",
        "model_revision": "",
        "parameters": {},
        "favorite": False,
        "labels": {},
    }
    return Generation(**(chosen | fields))


async def found(store, filter="", words="", order="", limit=1000, owner="local"):
    return [row.text for row in await store.page(owner, parse(GENERATION_FIELDS, filter, words, order), None, limit)]


async def test_newest_first_whatever_the_order_of_arrival(generation_store):
    for second in (2, 0, 3, 1):
        await generation_store.add(row(f"{second}"), T0 + second)
    assert await found(generation_store) == ["3", "2", "1", "0"]


ORDERS = {
    Order.NEWEST: lambda row: (-row.key,),
    Order.OLDEST: lambda row: (row.key,),
    Order.LONGEST: lambda row: (-row.duration_us, -row.key),
    Order.SHORTEST: lambda row: (row.duration_us, row.key),
    Order.RELEVANCE: lambda row: (search.relevance_class(row.text), -row.key),
}


FILTERS = ("", 'engine = "flite"', 'labels.odd = "1"', 'engine = "flite" AND labels.odd = "1"')


@pytest.mark.parametrize(("many", "limit"), [(False, 4), (True, 4), (True, 2)])
async def test_pages_follow_each_other_without_gap_or_overlap(generation_store, monkeypatch, many, limit):
    if many:
        monkeypatch.setattr("voicebox_catalog.store.history_pages.FEW", 3)
        monkeypatch.setattr("voicebox_catalog.store.history_pages.NEAR", 3)
        monkeypatch.setattr("voicebox_catalog.store.history_pages.FURTHER", 7)
    kept = []
    for number in range(25):  # five in each microsecond, of three durations
        sent = row("word " * (number % 4 + 1) + f"{number}", duration_us=number % 3, labels={"odd": f"{number % 2}"})
        kept.append(await generation_store.add(sent, T0 + number // 5))
    for filter, words, order in product(FILTERS, ("", "word"), Order):
        if order is Order.RELEVANCE and not words:
            continue
        query, seen, place = parse(GENERATION_FIELDS, filter, words, order), [], None
        while page := await generation_store.page("local", query, place, limit):
            seen += [row.text for row in page]
            place = generation_store.cursor(query, page[-1])
        expected = [
            row.text for row in sorted(kept, key=ORDERS[order]) if "labels" not in filter or row.labels["odd"] == "1"
        ]
        assert seen == expected, (filter, words, order)


async def test_thousands_in_one_microsecond_all_find_a_key(generation_store):
    from voicebox_sql.keys import SLOTS, first_key, time_us_of

    async def fill(session):
        rows = [row(f"{slot}", key=first_key(T0) + slot) for slot in range(SLOTS)]
        session.add_all(rows)

    await generation_store._database.write(fill)
    kept = await generation_store.add(row("one more"), T0)
    assert 0 < time_us_of(kept.key) - T0 < 1000


async def test_a_row_is_kept_once(generation_store):
    first = row("first")
    again = row("second", id=first.id)
    await generation_store.add(first, T0)
    assert (await generation_store.add(again, T0)).text == "first"
    assert await found(generation_store) == ["first"]


async def test_two_at_once_make_one_row(generation_store):
    identity = str(uuid.uuid4())
    kept = await asyncio.gather(
        *(generation_store.add(row(f"{number}", id=identity, blob=f"{number}"), T0) for number in range(8))
    )
    assert len({row.blob for row in kept}) == 1
    assert len(await found(generation_store)) == 1


@pytest.mark.parametrize(
    ("filter", "hits"),
    [
        ('engine = "flite"', "ac"),
        ('engine = "espeak"', "b"),
        ('engine = "flite" AND status = FAILED', "c"),
        ('engine = "espeak" AND status = FAILED', ""),
        ('profile = "profiles/ann"', "b"),
        ('voice = "v\'1"', "a"),
        ('language = "de" AND engine = "espeak" AND profile = "profiles/ann"', "b"),
        ("duration_seconds >= 2", "bc"),
        ("duration_seconds > 2", "c"),
        ("duration_seconds = 2", "b"),
        ("duration_seconds < 2", "a"),
        ("duration_seconds <= 2", "ab"),
        ('create_time = "2026-01-01T00:00:01Z"', "b"),
        ('create_time < "2026-01-01T00:00:01Z"', "a"),
        ('create_time <= "2026-01-01T00:00:01Z"', "ab"),
        ('create_time > "2026-01-01T00:00:01Z"', "c"),
        ('create_time >= "2026-01-01T00:00:01Z"', "bc"),
        ('create_time >= "0001-01-01T00:00:00Z" AND create_time < "9999-01-01T00:00:00Z"', "abc"),
        ('create_time > "2026-01-01T00:00:00Z" AND engine = "flite" AND duration_seconds < 9', "c"),
    ],
)
@pytest.mark.parametrize("words", ["", "w"])
async def test_filters_with_and_without_words(generation_store, filter, hits, words):
    await generation_store.add(row("word a", voice="v'1", duration_us=1_000_000), T0)
    await generation_store.add(
        row("word b", engine="espeak", profile="profiles/ann", language="de", duration_us=2_000_000), T0 + 1_000_000
    )
    await generation_store.add(row("word c", status=3, duration_us=3_000_000), T0 + 2_000_000)
    await generation_store.add(row("word x", owner="other"), T0)
    assert sorted(await found(generation_store, filter, words)) == [f"word {letter}" for letter in hits]


TEXTS = [
    "The quick brown fox jumps.",
    "A well-known café in Zürich, n'est-ce pas?",
    "今日は良い天気ですね。",
    "हिन्दी में बोलो",
    "مرحبا بالعالم",
    "สวัสดีชาวโลก",
    "Temperature: 21.5 °C",
]


@pytest.mark.parametrize(
    ("words", "hit"),
    [
        ("fox quick", 0),
        ("QUICK FO", 0),
        ("well-known", 1),
        ("well-kno", 1),
        ("cafe", 1),
        ("CAFÉ zuri", 1),
        ("n'est-ce", 1),
        ("天気", 2),
        ("良い 今日", 2),
        ("हिन्दी", 3),
        ("बो", 3),
        ("بالعالم", 4),
        ("ชาว", 5),
        ("21.5", 6),
        ("21.", 6),
        ("5", 6),
        ("zurich", 1),
        ("ZÜRI", 1),
        ("مَرْحَبًا", 4),
        ("ｆｏｘ", 0),
    ],
)
async def test_words_of_any_script_are_found(generation_store, words, hit):
    for number, text in enumerate(TEXTS):
        await generation_store.add(row(text), T0 + number)
    assert await found(generation_store, words=words) == [TEXTS[hit]]


@pytest.mark.parametrize("words", ["fox cat", "uick", "qu brown", "known-well", "気天", "天良", "5.21", "fox ü"])
async def test_words_that_are_not_there_are_not_found(generation_store, words):
    for number, text in enumerate(TEXTS):
        await generation_store.add(row(text), T0 + number)
    assert await found(generation_store, words=words) == []


@pytest.mark.parametrize(
    "words", ['"fox', "' OR 1=1", "fox*", "fox NOT quick", "words:fox", "^fox", "NEAR(fox quick)", "{fox}"]
)
async def test_no_search_is_a_syntax_error(generation_store, words):
    await generation_store.add(row(TEXTS[0]), T0)
    await found(generation_store, words=words)


async def test_scope_tokens_are_no_words(generation_store):
    await generation_store.add(row("hello"), T0)
    assert await found(generation_store, words=search.scope_token("owner", "local")) == []


async def test_a_deleted_generation_is_found_no_more(generation_store):
    kept = await generation_store.add(row("hello"), T0)
    await generation_store.delete("local", kept.id)
    assert await found(generation_store) == await found(generation_store, words="hello") == []
    with pytest.raises(NotFound):
        await generation_store.delete("local", kept.id)


async def test_another_owner_sees_nothing(generation_store):
    kept = await generation_store.add(row("hello"), T0)
    assert (
        await found(generation_store, owner="other")
        == await found(generation_store, words="hello", owner="other")
        == []
    )
    for denied in (generation_store.get, generation_store.delete):
        with pytest.raises(NotFound):
            await denied("other", kept.id)


async def test_no_page_is_sorted_and_every_filter_has_its_index(generation_store, database):
    for filter, words, order in [
        ("", "", ""),
        ("", "", "create_time"),
        ("", "", "duration"),
        ("", "", "duration desc"),
        ('engine="a"', "", ""),
        ('profile="a"', "", ""),
        ('voice="a"', "", ""),
        ('language="de"', "", ""),
        ("status=FAILED", "", ""),
        ("favorite=true", "", ""),
        ("duration_seconds > 3", "", ""),
        ('create_time > "2026-01-01T00:00:00Z"', "", ""),
        ("", "word", ""),
        ("", "word", "create_time"),
        ('engine="a" AND profile="b"', "", ""),
    ]:
        async with database.reading() as session:
            if session.get_bind().dialect.name != "sqlite":
                return  # PostgreSQL chooses by its statistics
            query = parse(GENERATION_FIELDS, filter, words, order)
            statement = generation_store.found.statement(session.sync_session, "local", query, Cursor(5, 5), 50)
            compiled = str(
                statement.compile(dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True})
            )
            plan = " | ".join(
                step.detail for step in await session.execute(sql("EXPLAIN QUERY PLAN " + compiled.replace(":", "\\:")))
            )
        assert "TEMP B-TREE" not in plan, (filter, words, order)
        assert "USING INDEX generations_by_" in plan or "VIRTUAL TABLE INDEX" in plan


async def test_an_error_keeps_nothing(database, generation_store):
    async def work(session):
        session.add(row("half", key=1))
        await session.flush()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.write(work)
    assert await found(generation_store) == []


async def test_a_cancelled_caller_does_not_cut_a_commit(database, generation_store):
    began = asyncio.Event()

    async def work(session):
        began.set()
        await asyncio.sleep(0)
        session.add(row("whole", key=1))

    task = asyncio.create_task(database.write(work))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await found(generation_store) == ["whole"]
