"""Page tokens and creation keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicebox_kit.errors import InvalidField
from voicebox_sql.keys import LATEST_US, SLOTS, draw_key, first_key, time_us_of
from voicebox_sql.paging import Cursor, cursor_from_token, from_token, page_size, to_token

pytestmark = pytest.mark.unit

KEYS = st.integers(0, 2**63 - 1)


@given(KEYS, st.lists(st.text()))
def test_a_token_leads_back_to_its_key(key, query):
    assert from_token(to_token(key, *query), *query) == key


@given(KEYS, st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_a_token_belongs_to_its_query(key, query, other):
    if query != other:
        with pytest.raises(InvalidField) as caught:
            from_token(to_token(key, *query), *other)
        assert caught.value.field == "page_token"


@given(KEYS, st.integers(-(2**63), 2**63 - 1), st.lists(st.text()))
def test_a_token_of_a_ranked_list_leads_back_to_its_place(key, rank, query):
    assert cursor_from_token(to_token(key, *query, rank=rank), *query) == Cursor(key, rank)


def test_a_token_of_an_older_version_is_an_error():
    import base64
    import hashlib

    place = (7).to_bytes(8, "big")
    parts = [place, b"query"]
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()[:8]
    assert_refused(base64.urlsafe_b64encode(place + digest).decode().rstrip("="))  # as the first version wrote it
    raw = base64.urlsafe_b64decode(to_token(7, "query") + "===")
    assert_refused(base64.urlsafe_b64encode(bytes([raw[0] - 1]) + raw[1:]).decode().rstrip("="))


@given(st.integers(0, 24), st.integers(1, 255))
def test_a_token_that_was_changed_is_an_error(position, change):
    import base64

    raw = bytearray(base64.urlsafe_b64decode(to_token(7, "query", rank=3) + "==="))
    raw[position] ^= change
    assert_refused(base64.urlsafe_b64encode(raw).decode().rstrip("="))


def assert_refused(token):
    with pytest.raises(InvalidField):
        cursor_from_token(token, "query")


def test_the_first_page_has_no_token():
    assert from_token("", "query") is None
    assert cursor_from_token("", "query") is None


@given(st.text(min_size=1))
def test_a_forged_token_is_an_error(token):
    with pytest.raises(InvalidField):
        from_token(token, "query")


@given(st.binary(min_size=25, max_size=25))
def test_a_token_with_another_key_is_an_error(raw):
    import base64

    with pytest.raises(InvalidField):
        from_token(base64.urlsafe_b64encode(raw).decode().rstrip("="), "query")


def test_page_sizes():
    assert [page_size(requested) for requested in (0, 1, 1000, 1001, 2**31 - 1)] == [50, 1, 1000, 1000, 1000]
    with pytest.raises(InvalidField) as caught:
        page_size(-1)
    assert caught.value.field == "page_size"


@given(st.integers(0, LATEST_US))
def test_a_key_contains_its_time(time_us):
    key = draw_key(time_us)
    assert time_us_of(key) == time_us
    assert first_key(time_us) <= key < first_key(time_us) + SLOTS <= 2**63


@given(st.integers())
def test_any_time_has_a_bound_that_a_database_can_hold(time_us):
    assert 0 <= first_key(time_us) < 2**63
