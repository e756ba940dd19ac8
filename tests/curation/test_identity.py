"""Hashes of a column: those of its values, remembered for the very same array only."""

import pyarrow as pa
import pytest

from curation.identity import secure_hash, secure_hashes


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_a_null_counts_as_empty_whatever_the_type(kind):
    array = pa.array(["a", None, ""], pa.string()).cast(kind)
    assert secure_hashes(array).to_pylist() == [secure_hash(value) for value in (b"a", b"", b"")]
    assert secure_hashes(array.slice(0, 0)).to_pylist() == []


def test_hashes_of_the_same_array_are_not_made_twice_and_those_of_another_never_served():
    array = pa.array(["one", "two", "three"])
    first = secure_hashes(array)
    assert secure_hashes(pa.record_batch({"text": array})["text"]) is first
    assert secure_hashes(array.slice(1)).to_pylist() == first.to_pylist()[1:]
    for number in range(50):
        text = f"text {number}"
        assert secure_hashes(pa.array([text])).to_pylist() == [secure_hash(text.encode())], (
            "a freed address is used again"
        )
