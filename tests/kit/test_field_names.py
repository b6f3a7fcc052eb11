"""Fields under other people's names."""

import pytest
from voicebox_compat.fields import with_field_names
from voicebox_kit.errors import InvalidField, NotFound

pytestmark = pytest.mark.unit

NAMES = {"config.hotwords": "phrases", "audio": "input.audio"}


def raised(error: Exception) -> Exception:
    with pytest.raises(type(error)) as reported, with_field_names(NAMES):
        raise error
    return reported.value


@pytest.mark.parametrize(
    ("field", "sentence", "name", "expected"),
    [
        ("config.hotwords", "config.hotwords may have 100 entries.", "phrases", "phrases may have 100 entries."),
        ("config.hotwords[3]", "config.hotwords[3] is empty.", "phrases", "phrases is empty."),
        ("config.hotwords", "The model cannot honour config.hotwords.", "phrases", "The model cannot honour phrases."),
        ("config.hotwords", "There are too many.", "phrases", "phrases: There are too many."),
        ("text", "text is empty.", "text", "text is empty."),
        ("audio", "audio/x is no audiobook.", "input.audio", "input.audio/x is no audiobook."),
        ("config.hot", "config.hot is not config.hotwords.", "config.hot", "config.hot is not config.hotwords."),
    ],
)
def test_a_field_goes_by_its_other_name(field, sentence, name, expected):
    error = raised(InvalidField(field, sentence, "REASON"))
    assert isinstance(error, InvalidField)
    assert (error.field, error.sentence, error.reason) == (name, expected, "REASON")


def test_other_errors_pass_as_they_are():
    error = NotFound("voice", "config.hotwords", "There are two.")
    assert raised(error) is error
    assert error.sentence == "There is no voice 'config.hotwords'. There are two."
