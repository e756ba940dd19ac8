"""Archives of arrays: what was written comes back, and a hostile file is refused before memory is taken."""

import io
import json
import random
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn

from curation.archive import ERRORS, read_archive, write_archive

ABOUT = {"format": "test", "names": ["a", "é"]}
ARRAYS = {"one": np.arange(50, dtype=np.uint64), "two": np.ones((4, 2), dtype=np.float32)}
ZEROS = np.zeros(1 << 27, dtype=np.uint8)  # never touched, so it takes no memory here


def read(content):
    return read_archive(content, names=("about", "one", "two"))


@given(drawn.arrays(st.sampled_from([np.uint64, np.int64, np.float32]), drawn.array_shapes(min_dims=0, min_side=0)))
def test_arrays_come_back_as_they_were_and_the_file_is_the_same_each_time(array):
    content = write_archive(ABOUT, {"one": array})
    assert content == write_archive(ABOUT, {"one": array})
    arrays = read_archive(content, names=["about", "one"])
    assert json.loads(arrays["about"].tobytes()) == ABOUT
    assert arrays["one"].dtype == array.dtype
    assert arrays["one"].shape == array.shape
    assert arrays["one"].tobytes() == array.tobytes()
    assert arrays["one"].flags.writeable


def changed(name, content, *, compression=zipfile.ZIP_STORED):
    """Returns the file with another member in place of one."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(write_archive(ABOUT, ARRAYS))) as made, zipfile.ZipFile(file, "w") as new:
        for member in made.namelist():
            is_it = member == f"{name}.npy"
            new.writestr(member, content if is_it else made.read(member), compression if is_it else None)
    return file.getvalue()


def header(shape, dtype="<u8"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def larger_than_the_file():
    content = bytearray(write_archive(ABOUT, ARRAYS))
    at = content.index(b"PK\x01\x02") + 20  # of the directory's first entry: its two sizes
    content[at : at + 8] = (2**31).to_bytes(4, "little") * 2
    return bytes(content)


def flagged(bit):
    content = bytearray(write_archive(ABOUT, ARRAYS))
    content[content.index(b"PK\x01\x02") + 8] |= bit
    return bytes(content)


BOMB = changed("one", saved(ZEROS), compression=zipfile.ZIP_DEFLATED)
HOSTILE = {
    "a deflated bomb": (BOMB, ValueError, "one compressed or encrypted, where members are stored as they are"),
    "a bomb in what it says": (
        changed("about", saved(ZEROS), compression=zipfile.ZIP_DEFLATED),
        ValueError,
        "about compressed or encrypted",
    ),
    "a claim of 2^50 numbers": (
        changed("one", header((1 << 50,))),
        ValueError,
        r"one of 0 bytes, where uint64 \(1125899906842624,\) has 9007199254740992",
    ),
    "a product that wraps around": (changed("one", header((1 << 32, 1 << 32))), ValueError, "one of 0 bytes, where"),
    "negative sizes": (changed("one", header((-1, -1)) + b"x" * 8), ValueError, "one of 8 bytes, where"),
    "objects": (changed("one", saved(np.array([{}], dtype=object))), ValueError, "one of Python objects"),
    "a member larger than the file": (larger_than_the_file(), ValueError, "about of 2147483648 bytes, more than its"),
    "an encrypted member": (flagged(1), ValueError, "about compressed or encrypted"),
    "a patched member": (flagged(0x20), NotImplementedError, "compressed patched data"),
    "no such member": (write_archive(ABOUT, {"one": ARRAYS["one"]}), KeyError, "no item named 'two.npy'"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_before_its_claims_take_memory(what):
    content, kind, message = HOSTILE[what]
    tracemalloc.start()
    try:
        with pytest.raises(kind, match=message):
            read(content)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert issubclass(kind, ERRORS)


def test_files_with_drawn_bytes_changed_or_cut_off_are_read_or_refused_with_a_known_error():
    sound, draw, refused = write_archive(ABOUT, ARRAYS), random.Random(5), 0
    for _ in range(1500):
        content = bytearray(sound[: draw.choice([len(sound), draw.randrange(len(sound))])])
        for _ in range(draw.randint(1, 6)):
            if content:
                content[draw.randrange(len(content))] = draw.randrange(256)
        try:
            read(bytes(content))
        except ERRORS:
            refused += 1
    assert refused > 400


def test_headers_of_drawn_text_are_read_or_refused_with_a_known_error():
    draw, refused = random.Random(6), 0
    pieces = [b"'descr'", b"'<u8'", b"'|O'", b"'fortran_order'", b"'shape'", b"False", b"(2,)", b"(" * 300, b":", b","]
    pieces += [b"{", b"}", b"2L", b"'", b"\\", b"\xff", b"[('a', '<u8')]", b"'<M8[s]'", b"-1", b"10" * 99, b"\n", b" "]
    sound = header((0,))[10:].strip()
    for _ in range(600):
        text = sound
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice(pieces) + text[at + draw.choice([0, 1, 5]) :]
        member = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
        try:
            with warnings.catch_warnings(action="ignore"):
                read(changed("one", member))
        except ERRORS:
            refused += 1
    assert refused > 400
