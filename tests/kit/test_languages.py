"""Every form of a language tag that programs send becomes the one of RFC 5646."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_kit import languages
from voicebox_kit.errors import InvalidField

FORMS = {
    "en-US": (
        "en_US",
        "en-us",
        "EN-us",
        "en_US.UTF-8",
        "en-USA",
        "eng-US",
        "en-840",
        " en-US ",
        "English (US)",
        "american english",
    ),
    "en-GB": ("en-UK", "en_uk", "eng-GBR", "British English"),
    "en": ("EN", "eng", "English", "ENGLISH"),
    "nb": ("nb", "NB", "nob", "Bokmål", "no-bok"),
    "no": ("no", "nor", "Norwegian"),
    "nn": ("nn", "nno", "no-nyn", "Nynorsk"),
    "zh-CN": ("zh_CN", "zh-cn", "cmn-CN", "zho-CHN", "zh_CN.GB18030"),
    "zh-Hans-CN": ("cmn-Hans-CN", "zh-cmn-Hans-CN", "zh_Hans_CN"),
    "zh-Hans": ("zh_Hans", "cmn-hans", "Chinese (Simplified)"),
    "zh": ("chi", "zho", "cmn", "zh-cmn", "zh-guoyu", "mandarin"),
    "yue": ("yue", "zh-yue", "Cantonese"),
    "nan": ("zh-min-nan", "zh-nan"),
    "he": ("iw", "heb", "Hebrew"),
    "id": ("in", "ind"),
    "yi": ("ji", "yid"),
    "ro": ("mo", "ron", "rum", "Moldavian"),
    "fil": ("tl", "tgl", "Tagalog"),
    "jv": ("jw", "jav"),
    "de": ("deu", "ger", "DE"),
    "fr": ("fra", "fre"),
    "pt-BR": ("pt_BR.UTF-8", "pt_br", "por-BRA"),
    "sr-Latn": ("sr@latin", "sh", "sr_Latn"),
    "sr-Latn-RS": ("sr_RS.UTF-8@latin", "sr_RS@latin"),
    "ca-ES-valencia": ("ca_ES.UTF-8@valencia", "ca-ES-VALENCIA"),
    "de-AT": ("de_AT@euro", "de_AT.ISO-8859-15@euro"),
    "tlh": ("i-klingon",),
    "es-419": ("es_419",),
    "de-1996": ("de-1996",),
    "en-US-u-co-phonebk": ("en-us-u-co-phonebk",),
    "en-GB-x-rp": ("en-gb-x-rp",),
    "mul": ("mul", "multi", "MUL"),
    "": ("", "und", "auto", " "),
}
NOT_TAGS = (
    "xx",
    "qq-ZZ",
    "en-",
    "-en",
    "en--US",
    "no language",
    "C",
    "*",
    "e",
    "en/US",
    "1",
    "en;q=1",
    "en-GB-GB",
    "en-\u0661",
    "x" * 80,
    "日本",
)


@pytest.mark.parametrize(("given", "tag"), [(given, tag) for tag, forms in FORMS.items() for given in forms])
def test_every_form_is_understood(given, tag):
    assert languages.tag(given, "language") == tag


@pytest.mark.parametrize("tag", FORMS)
def test_a_tag_stays_as_it_is(tag):
    assert languages.tag(tag, "language") == tag


@pytest.mark.parametrize("given", NOT_TAGS)
def test_what_nobody_understands_is_an_error(given):
    with pytest.raises(InvalidField, match="is not a language tag such as en-US") as refused:
        languages.tag(given, "style.language")
    assert (refused.value.field, refused.value.reason) == ("style.language", "LANGUAGE_TAG_INVALID")


@given(
    st.one_of(
        st.text(max_size=70),
        st.from_regex(r"[a-zA-Z0-9]{1,8}([-_][a-zA-Z0-9]{1,8}){0,6}(\.[a-z]{3})?(@[a-z]{3})?", fullmatch=True),
    )
)
def test_any_text_is_a_tag_or_none(text):
    """What is understood is understood again as the same, and belongs to itself."""
    found = languages.understood(text)
    if found:
        assert languages.understood(found) == found
        assert languages.covers(text, found)
        assert languages.same(text, found)
    assert languages.own(text[:70].replace(" ", "") or "en")


@pytest.mark.parametrize(
    ("requested", "spoken"),
    [
        ("nb", "no"),
        ("no", "nb-NO"),
        ("cmn-Hans-CN", "zh"),
        ("zh-CN", "zh-Hans"),
        ("en", "en-US"),
        ("en_US", "en"),
        ("tl", "fil"),
        ("sh", "sr"),
        ("en-x-foo", "en-US"),
        ("en-US-x-foo-bar", "en"),
        ("en_us_x_twain", "en-US"),
        ("de-DE-u-co-phonebk", "de-DE"),
        ("ja-u-ca-japanese-x-mine", "ja-JP"),
        ("zh-Hant-x-foo", "zh"),
    ],
)
def test_a_language_covers_what_it_narrows_or_widens(requested, spoken):
    assert languages.covers(requested, spoken)
    assert languages.covers(spoken, requested)


@pytest.mark.parametrize(
    ("requested", "spoken"),
    [
        ("en-GB", "en-US"),
        ("nn", "no"),
        ("yue", "zh"),
        ("uz-Cyrl", "uz-Latn"),
        ("en", "enm"),
        ("", "en"),
        ("nonsense", "no"),
        ("en", "nonsense"),
        ("en-GB-x-rp", "en-GB-x-gbclan"),
        ("en-x-foo", "de"),
        ("en-GB-x-foo", "en-US"),
        ("x-py", "x-qu"),
        ("x-private", "x-piqd"),
        ("x-lang", "x-py"),
    ],
)
def test_others_are_others(requested, spoken):
    assert not languages.covers(requested, spoken)


@pytest.mark.parametrize(
    ("requested", "known", "meant"),
    [
        ("nb", ("nn", "no", "nb"), "nb"),
        ("nb", ("nn", "no"), "no"),
        ("en_GB", ("en-US", "en-GB"), "en-GB"),
        ("eng", ("de", "en-US", "en-GB"), "en-US"),
        ("cmn-Hans-CN", ("yue", "zh"), "zh"),
        ("fil", ("tl",), "tl"),
        ("en-GB", ("en-US",), None),
        ("en-x-foo", ("de", "en-US", "en-GB"), "en-US"),
        ("en-GB-x-rp", ("en-GB-x-gbclan", "en-GB", "en-GB-x-rp"), "en-GB-x-rp"),
        ("de-AT-x-wien", ("en-US", "de-DE"), None),
    ],
)
def test_the_best_of_those_that_there_are(requested, known, meant):
    assert languages.best(requested, known) == meant


@pytest.mark.parametrize(
    ("code", "tag"),
    [
        ("en-us-nyc", "en-US-x-nyc"),
        ("chr-US-Qaaa-x-west", "chr-US-x-qaaa-west"),
        ("py", "x-py"),
        ("cmn", "zh"),
        ("vi-vn-x-south", "vi-VN-x-south"),
    ],
)
def test_an_engines_own_codes_become_tags(code, tag):
    assert languages.own(code) == tag
    assert languages.tag(tag, "language") == tag
