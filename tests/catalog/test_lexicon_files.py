"""Lexicons come from files and go into files: PLS and CSV, also hostile ones."""

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from voicebox.catalog.v1 import catalog_pb2 as pb

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><lexicon version="1.0" alphabet="ipa" xml:lang="de" '
    'xmlns="http://www.w3.org/2005/01/pronunciation-lexicon">'
)


async def blocks(data, **fields):
    yield pb.ImportLexiconRequest(file=HttpBody(data=data[:1000]), **fields)
    for begin in range(1000, len(data), 65_536):
        yield pb.ImportLexiconRequest(file=HttpBody(data=data[begin : begin + 65_536]))


async def brought(catalog, data, **fields):
    return await catalog.ImportLexicon(blocks(data.encode() if isinstance(data, str) else data, **fields))


async def entries(catalog, name):
    stored = await catalog.GetLexicon(pb.GetLexiconRequest(name=name))
    return [(each.written, each.alias, each.phoneme) for each in stored.entries]


async def exported(catalog, name, kind=pb.LEXICON_FORMAT_UNSPECIFIED):
    download = catalog.ExportLexicon(pb.ExportLexiconRequest(name=name, format=kind))
    bodies = [answer.body async for answer in download]
    return bodies[0].content_type, b"".join(body.data for body in bodies)


async def test_pls_is_read(catalog):
    answer = await brought(
        catalog,
        HEAD
        + """
        <meta name="author" content="me"/><metadata><x><lexeme/>any text</x></metadata>
        <lexeme role="noun"><grapheme>judgment</grapheme><grapheme>judgement</grapheme>
          <phoneme>ˈdʒʌdʒ.mənt</phoneme><phoneme prefer="true">dʒʌdʒ</phoneme><example>his judgment</example></lexeme>
        <lexeme><grapheme>W3C</grapheme><alias>World Wide Web Consortium</alias></lexeme>
        <lexeme><grapheme>A &amp; B</grapheme><phoneme alphabet="x-sampa">"eI &#x26; bi:</phoneme></lexeme>
        </lexicon>""".replace(" &#x26; ", " "),
        lexicon_id="read",
    )
    assert (answer.lexicon.language, answer.lexicon.case_sensitive, answer.lexicon.entry_count) == ("de", True, 4)
    assert [warning.partition(" ")[0] for warning in answer.warnings] == ["Roles", "Further"]
    assert await entries(catalog, "lexicons/read") == [
        ("judgment", "", "dʒʌdʒ"),
        ("judgement", "", "dʒʌdʒ"),
        ("W3C", "World Wide Web Consortium", ""),
        ("A & B", "", "ˈeɪ biː"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("stores", ["sqlite"])
async def test_pls_may_be_utf_16(catalog, encoding):
    text = HEAD.replace("UTF-8", encoding) + "<lexeme><grapheme>Öl</grapheme><alias>Ol</alias></lexeme></lexicon>"
    answer = await brought(catalog, text.encode(encoding))
    assert await entries(catalog, answer.lexicon.name) == [("Öl", "Ol", "")]


BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE lexicon [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>\n<lexicon>&i;</lexicon>"
)
LEXEME = "<lexeme><grapheme>GIF</grapheme>"
HOSTILE = {
    "billion laughs": (BOMB, "line 2"),
    "external entity": ('<!DOCTYPE lexicon [<!ENTITY x SYSTEM "file:///etc/passwd">]><lexicon>&x;</lexicon>', "line 1"),
    "external document type": ('<!DOCTYPE lexicon SYSTEM "http://127.0.0.1/x.dtd"><lexicon/>', "line 1"),
    "deep": (HEAD + "<metadata>" + "<a>" * 100_000, "line 1"),
    "unclosed": (HEAD + "\n" + LEXEME, "line 2"),
    "no lexicon": ("<html><body/></html>", "<html>"),
    "a lexeme in a lexeme": (HEAD + "\n\n<lexeme><lexeme/>", "line 3"),
    "text between": (HEAD + "\nhello</lexicon>", "line 2"),
    "no grapheme": (HEAD + "<lexeme><alias>x</alias></lexeme></lexicon>", "needs a <grapheme>"),
    "unknown alphabet": (HEAD + f'\n{LEXEME}<phoneme alphabet="x-arpabet">G</phoneme></lexeme></lexicon>', "line 2"),
    "no x-sampa": (HEAD + f'\n{LEXEME}<phoneme alphabet="x-sampa">g$f</phoneme></lexeme></lexicon>', "'$'"),
    "no ipa": (HEAD + f"\n{LEXEME}<phoneme>g8f</phoneme></lexeme></lexicon>", "line 2, column 9: phoneme has 8"),
    "no sound": (HEAD + f"\n{LEXEME}</lexeme></lexicon>", "line 2"),
    "language": ("<lexicon xml:lang='not a language!'/>", "language tag"),
    "encoding": (b'<?xml version="1.0" encoding="x-nothing"?><lexicon/>', "line 1"),
    "forms": (HEAD + "<lexeme>" + "<grapheme>x</grapheme>" * 65 + "</lexeme></lexicon>", "64"),
    "too many": (HEAD + f"{LEXEME}<alias>x</alias></lexeme>" * 10_001 + "</lexicon>", "10000 entries"),
    "one attribute": (HEAD + f"<lexeme role='{'x' * 7_000_000}'>", "line 1"),
    "too long": (b"<" + b"x" * (8 << 20), "bytes"),
    "empty": (" ", "empty"),
    "loop": ("a,b\nb,c\nc,a\n", "'a' (line 1), 'b' (line 2), 'c' (line 3)"),
    "quote": ('written,alias\n"GIF" x,jiff\n', "line 2"),
    "open quote": ('GIF,jiff\n"never,closed\n', "line 2"),
    "columns": ("GIF,jiff,,more\n", "line 1: it has 4 columns"),
    "same column": ("written,alias,alias\n", "line 1"),
    "not utf-8": (b"GIF,jiff\nG\xe9,x\n", "line 2"),
    "utf-16": ("GIF,jiff\n".encode("utf-16"), "line 1"),
    "binary": (bytes(range(256)) * 100, "line"),
    "nul": (b"GI\0F,jiff\n", "line 1"),
    "cell": ("GIF," + "x" * 200_000, "line 1"),
    "100,000 lines": ("".join(f"word{number},alias\n" for number in range(100_000)), "line 10001"),
    "no alias": ("GIF\n", "line 1"),
}


@pytest.mark.parametrize(("data", "place"), HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.asyncio(loop_scope="module")
async def test_a_hostile_file_is_a_sentence_with_its_place(shared_catalog, refused, data, place):
    error = await refused(brought(shared_catalog, data))
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT, error.sentence
    assert place in error.sentence
    assert error.reason.startswith("LEXICON_")
    assert not (await shared_catalog.ListLexicons(pb.ListLexiconsRequest())).lexicons


@pytest.mark.parametrize(
    "data",
    [
        'GIF,jiff\nComma,"a, b"\nQuote,"say ""so"""\n',
        '\ufeffwritten,alias\r\nGIF,jiff\r\n\r\nComma,"a, b"\r\nQuote,"say ""so"""\r\n',
        'Phoneme,Alias,Written\n,jiff,GIF\n,"a, b",Comma\n,"say ""so""",Quote',
        'GIF,jiff\nComma,"a,\nb"\nQuote,"say\n""so"""',
    ],
)
@pytest.mark.parametrize("stores", ["sqlite"])
async def test_csv_is_read(catalog, data):
    answer = await brought(catalog, data)
    stored = await entries(catalog, answer.lexicon.name)
    assert stored == [("GIF", "jiff", ""), ("Comma", "a, b", ""), ("Quote", 'say "so"', "")]
    assert (answer.lexicon.language, answer.lexicon.case_sensitive) == ("en-US", False)


async def test_a_written_form_that_comes_again_is_left_out_with_a_warning(catalog):
    answer = await brought(catalog, "GIF,jiff\ngif,giff\nPNG,ping\n")
    assert [each[0] for each in await entries(catalog, answer.lexicon.name)] == ["GIF", "PNG"]
    assert "'gif' (line 2)" in answer.warnings[0]
    assert not (await brought(catalog, "GIF,jiff\ngif,giff\n", case_sensitive=True)).warnings


async def test_a_repeated_import_is_the_same_lexicon(catalog, refused):
    request_id = "6f1e6a54-6f3e-4e0f-8a55-0d9b9e2f8b11"
    first = await brought(catalog, "GIF,jiff\ngif,x\n", request_id=request_id)
    assert await brought(catalog, "GIF,jiff\ngif,x\n", request_id=request_id) == first
    error = await refused(brought(catalog, "GIF,giff\n", request_id=request_id))
    assert error.reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize("kind", [pb.LEXICON_FORMAT_PLS, pb.LEXICON_FORMAT_CSV])
async def test_what_is_exported_can_be_imported(catalog, kind):
    given = [
        pb.LexiconEntry(written='<A> & "B"', alias="=1+2, 'x' ]]>"),
        pb.LexiconEntry(written="Łódź 😀", phoneme="wut͡ɕ"),
        pb.LexiconEntry(written="both", alias="two", phoneme="tuː"),
        *(pb.LexiconEntry(written=f"word{number}", alias="alias " * 40) for number in range(500)),
    ]
    created = await catalog.CreateLexicon(
        pb.CreateLexiconRequest(lexicon=pb.Lexicon(language="pl", entries=given, display_name="Names"))
    )
    content_type, data = await exported(catalog, created.name, kind)
    assert content_type == ("text/csv; charset=utf-8" if kind == pb.LEXICON_FORMAT_CSV else "application/pls+xml")
    again = await brought(catalog, data, language="pl")
    assert not again.warnings
    assert (again.lexicon.language, again.lexicon.case_sensitive) == ("pl", False)
    assert await entries(catalog, again.lexicon.name) == await entries(catalog, created.name)
