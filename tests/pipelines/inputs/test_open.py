import dataclasses
import os

import pytest
import xxhash

from curation.errors import InputError
from pipelines.inputs.files import InputFile
from pipelines.inputs.open import digest_of, list_files, open_bytes, open_raw
from tests.oracles.reading import read_files


def test_the_digest_is_of_the_stored_bytes_and_none_where_there_are_none(tmp_path):
    (tmp_path / "a").write_bytes(b"stored")
    (tmp_path / "b").symlink_to("b")
    found = {file.path: digest_of(file) for file in list_files(["."], tmp_path)}
    assert found == {"a": xxhash.xxh3_128_hexdigest(b"stored"), "b": None}


def test_a_file_that_has_changed_since_it_was_listed_is_an_error_and_not_bad_data(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"text":"a"}\n')
    (file,) = list_files(["a.jsonl"], tmp_path)
    with (tmp_path / "a.jsonl").open("ab") as more:
        more.write(b"x")
    with pytest.raises(InputError) as error:
        open_raw(file)
    assert str(error.value) == "a.jsonl: expected 13 bytes as when it was listed, found 14; start again"
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(InputError, match=r"^a\.jsonl: cannot be opened: .*No such file"):
        open_raw(file)


def test_a_fifo_in_the_place_of_a_listed_file_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "a")
    with pytest.raises(InputError, match="expected a regular file"):
        open_raw(InputFile(uri=str(tmp_path / "a"), path="a", bytes=0))


def test_a_device_that_fails_while_it_is_read_is_an_error_and_not_bad_data():
    # The memory of this process can be opened, but its end cannot be found: an error of the device.
    with pytest.raises(InputError) as error:
        open_raw(InputFile(uri="/proc/self/mem", path="mem", bytes=-1))
    assert str(error.value) == "mem: cannot be read any more: [Errno 22] Invalid argument"


def test_open_bytes_reads_below_the_limit_and_refuses_above(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert open_bytes("a", root=tmp_path, limit=5) == b"12345"
    assert open_bytes(f"file://{tmp_path}/a", root=tmp_path, limit=5) == b"12345"
    with pytest.raises(OSError, match="expected at most 4 bytes, found more"):
        open_bytes("a", root=tmp_path, limit=4)
    with pytest.raises(OSError, match="No such file"):
        open_bytes("b", root=tmp_path, limit=4)
    with pytest.raises(InputError, match="found protocol 'ftp'"):
        open_bytes("ftp://e.org/a", root=tmp_path, limit=4)


def test_a_file_that_loses_its_permission_after_it_was_listed_is_a_dead_letter(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"text")
    (file,) = list_files(["a.txt"], tmp_path)
    refused = dataclasses.replace(file, problem="permission_denied", detail="no permission to read it")
    assert digest_of(refused) is None
    assert read_files(tmp_path / "a.txt").counts == {"document": 1}
