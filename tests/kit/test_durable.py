"""Files that are written aside: whole under their names, or not there."""

import pytest
from voicebox_kit.durable import write_aside


def test_the_file_has_its_name_when_it_is_whole(tmp_path):
    path, staged = tmp_path / "file", tmp_path / "file.new"
    write_aside(path, staged, lambda aside: aside.write_bytes(b"whole"))
    assert (path.read_bytes(), staged.exists()) == (b"whole", False)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), FileNotFoundError()])
def test_on_an_error_nothing_is_left_and_what_was_there_stays(tmp_path, error):
    path, staged = tmp_path / "file", tmp_path / "file.new"
    path.write_bytes(b"before")

    def write(aside):
        aside.write_bytes(b"half")
        raise error

    with pytest.raises(type(error)):
        write_aside(path, staged, write)
    assert (path.read_bytes(), staged.exists()) == (b"before", False)
