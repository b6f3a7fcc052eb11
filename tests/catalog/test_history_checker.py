"""The checker finds what a broken store would show, and nothing in what a correct one may show."""

import pytest

from .history_checker import Kind, Operation, Outcome, violations

pytestmark = pytest.mark.unit

ACKNOWLEDGED, UNKNOWN, REFUSED = Outcome.ACKNOWLEDGED, Outcome.UNKNOWN, Outcome.REFUSED


def write(outcome=ACKNOWLEDGED, invoked=0.0):
    return Operation(Kind.WRITE, "a", invoked, invoked + 1, outcome, "1")


def delete(outcome=ACKNOWLEDGED, invoked=2.0):
    return Operation(Kind.DELETE, "a", invoked, invoked + 1, outcome)


def read(value, invoked=4.0, outcome=ACKNOWLEDGED):
    return Operation(Kind.READ, "a", invoked, invoked + 1, outcome, value)


@pytest.mark.parametrize(
    ("operations", "final"),
    [
        ([write()], {"a": "1"}),
        ([write(UNKNOWN)], {"a": "1"}),
        ([write(UNKNOWN)], {}),
        ([write(REFUSED)], {}),
        ([write(), delete()], {}),
        ([write(), delete(UNKNOWN)], {}),
        ([write(), delete(UNKNOWN)], {"a": "1"}),
        ([write(), delete(REFUSED), read("1")], {"a": "1"}),
        ([write(), delete(), read(None)], {}),
        ([write(), delete(invoked=4.5), read(None)], {}),
        ([write(), delete(invoked=4.5), read("1")], {}),
        ([write(invoked=4.5), read(None)], {"a": "1"}),
        ([write(invoked=4.5), read("1")], {"a": "1"}),
        ([write(), read(None, outcome=UNKNOWN)], {"a": "1"}),
    ],
)
def test_what_a_correct_store_may_show(operations, final):
    assert violations(operations, final) == []


@pytest.mark.parametrize(
    ("operations", "final", "sentence"),
    [
        ([write()], {}, "acknowledged, and it is gone"),
        ([write(), delete(REFUSED)], {}, "acknowledged, and it is gone"),
        ([write()], {"a": "half"}, "'half' is there"),
        ([write(UNKNOWN)], {"a": "half"}, "'half' is there"),
        ([write(REFUSED)], {"a": "1"}, "refused, and it is there"),
        ([write(), delete()], {"a": "1"}, "delete was acknowledged, and it is there"),
        ([], {"b": "1"}, "b: nobody wrote it"),
        ([write(), read(None)], {"a": "1"}, "found nothing"),
        ([write(), read("2")], {"a": "1"}, "found '2'"),
        ([write(invoked=9), read("1")], {"a": "1"}, "not written before"),
        ([write(), delete(), read("1")], {}, "after its delete"),
    ],
)
def test_what_no_correct_store_can_show(operations, final, sentence):
    [violation] = violations(operations, final)
    assert sentence in violation
