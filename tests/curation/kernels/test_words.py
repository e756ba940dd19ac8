"""The words kernel against a definition in Python, on every script, size and alignment."""

import subprocess
import sys
import unicodedata

import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation.kernels.unicode import CODE_POINTS, EXTEND, IDEOGRAPH, SPACELESS, unicode_table
from curation.kernels.word_statistics import has_words
from curation.kernels.words import words
from tests.oracles import words as oracle

LETTERS = st.characters(exclude_categories=("Cs", "Cn", "Co"))
PIECES = st.sampled_from(
    [
        "a",
        "Word",
        "12",
        "é",
        "Ж",
        "漢",
        "カ",
        "ไ",
        "ท",
        "น้",
        "า",
        "๑",
        "한글",
        "\u0301",
        "\u200d",
        "\n",
        " ",
        "_",
        "🙂",
        "𝒳",
        "٣",
    ]
)
BURMESE = st.text(st.sampled_from("ကမန့်္ော၁ ឯក្រា១ເດາ໑A\u200d"), max_size=60)
TEXTS = st.one_of(
    BURMESE,
    st.text(LETTERS, max_size=80),
    st.lists(PIECES, max_size=150).map("".join),
    st.tuples(st.sampled_from(["x", "1", "é", "漢", "ก", " "]), st.integers(55, 140)).map(
        lambda pair: pair[0] * pair[1]
    ),
)


def documents(encoded):
    offsets = np.cumsum([0, *(len(text) for text in encoded)], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets


def found_words(found, encoded, n):
    begin, end = found.word_offsets_N1[n : n + 2]
    spans = zip(found.start_W[begin:end].tolist(), found.length_W[begin:end].tolist(), strict=True)
    return [encoded[n][start : start + length] for start, length in spans]


@given(st.lists(TEXTS, min_size=1, max_size=5))
@example(["❤️ 1️⃣ 👨‍👩‍👧 می‌خواهم", "漢字abc12 12漢", "\u212a İ ẞ É 𐐀", "9" * 64 + "a " + "9" * 128, "a" * 63 + "漢字"])
def test_words_hashes_and_counts_are_those_of_the_definition(texts):
    encoded = [text.encode() for text in texts]
    found = words(*documents(encoded))
    for n, text in enumerate(texts):
        expected = [word for _, word in oracle.words(text)]
        begin, end = found.word_offsets_N1[n : n + 2]
        assert found_words(found, encoded, n) == [word.encode() for word in expected]
        assert found.hash_W[begin:end].tolist() == [oracle.word_hash(word) for word in expected]
        assert found.chars_W[begin:end].tolist() == [len(word) for word in expected]
        assert found.counts_N6[n].tolist() == [
            len(text),
            sum(map(len, expected)),
            sum(map(oracle.is_spaceless, text)),
            sum(not oracle.has_letter(word) for word in expected),
            sum(map(oracle.is_own_word, text)),
            sum(oracle.is_run_letter(word[0]) and oracle.has_letter(word) for word in expected),
        ]
        newlines = found.newline_K[found.newline_offsets_N1[n] : found.newline_offsets_N1[n + 1]]
        assert newlines.tolist() == [i for i, byte in enumerate(text.encode()) if byte == 10]


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_bytes_that_are_not_utf8_give_words_that_depend_on_their_own_document_only(encoded):
    together = words(*documents(encoded))
    for n in range(len(encoded)):
        alone = words(*documents(encoded[n : n + 1]))
        assert found_words(together, encoded, n) == found_words(alone, encoded[n : n + 1], 0)
        assert together.counts_N6[n].tolist() == alone.counts_N6[0].tolist()
        begin, end = together.word_offsets_N1[n : n + 2]
        assert together.hash_W[begin:end].tolist() == alone.hash_W.tolist()


def test_offsets_may_begin_within_the_values():
    values = np.frombuffer(b"left out|one two|three|left out", dtype=np.uint8)
    found = words(values, np.array([9, 16, 22], dtype=np.int64))
    assert found.word_offsets_N1.tolist() == [0, 2, 3]
    assert found.length_W.tolist() == [3, 3, 5]


@given(TEXTS)
def test_a_document_has_words_if_any_are_found(texts):
    encoded = [text.encode() for text in texts]
    assert (
        has_words(*documents(encoded)).tolist()
        == np.diff(words(*documents(encoded)).word_offsets_N1).astype(bool).tolist()
    )


def test_every_character_alone_is_a_word_or_none_for_both_kernels():
    step = 997 if numba.config.DISABLE_JIT else 1
    encoded = [chr(point).encode() for point in range(0, 0x110000, step) if not 0xD800 <= point < 0xE000]
    has_N, offsets_N1 = has_words(*documents(encoded)), words(*documents(encoded)).word_offsets_N1
    assert np.array_equal(has_N, np.diff(offsets_N1) > 0)
    assert has_N.any()
    assert not has_N.all()


def test_words_that_differ_in_case_only_have_equal_hashes_in_every_script():
    pairs = ["Word wORD", "ÉCOLE école", "МОСКВА москва", "ΑΘΗΝΑ αθηνα", "ԵՐԵՒԱՆ երեւան", "𐐀𐐁 𐐨𐐩", "ＡＢＣ ａｂｃ"]
    for pair in pairs:
        assert len(set(words(*documents([pair.encode()])).hash_W.tolist())) == 1, pair


def test_a_lower_case_of_another_length_is_not_taken_because_it_would_move_the_bytes():
    assert len(set(words(*documents(["\u212a k".encode()])).hash_W.tolist())) == 2  # U+212A KELVIN SIGN is three bytes


def test_the_table_agrees_with_unicodedata_for_every_assigned_code_point():
    classes = (unicode_table() >> np.uint32(24)).tolist()
    for code_point in range(0x80, CODE_POINTS):
        character = chr(code_point)
        if unicodedata.category(character) in ("Cn", "Cs"):
            continue  # unassigned in this Python's Unicode, maybe not in the table's
        word = oracle.is_letter_or_number(character)
        assert (classes[code_point] & 1) == word, hex(code_point)
        assert bool(classes[code_point] & IDEOGRAPH) == oracle.is_own_word(character), hex(code_point)
        assert bool(classes[code_point] & EXTEND) == oracle.extends(character), hex(code_point)
        assert bool(classes[code_point] & SPACELESS) == oracle.is_spaceless(character), hex(code_point)


def test_wrong_dtypes_and_offsets_are_refused_with_what_was_found():
    values = np.zeros(4, dtype=np.uint8)
    with pytest.raises(TypeError, match=r"values: expected contiguous uint8 \(bytes,\), found int8 \(4,\)"):
        words(values.astype(np.int8), np.array([0, 4]))
    with pytest.raises(TypeError, match=r"offsets_N1: expected int64 \(N \+ 1,\), found int32 \(2,\)"):
        words(values, np.array([0, 4], dtype=np.int32))
    for offsets in ([0, 5], [3, 1], [-1, 4]):
        with pytest.raises(ValueError, match=r"expected ascending offsets in \[0, 4\]"):
            words(values, np.array(offsets, dtype=np.int64))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ภาษาไทย", "ภา ษา ไท ย"),
        ("ເດັກນ້ອຍ", "ເດັ ກ ນ້ ອ ຍ"),
        ("ខ្មែរ", "ខ្មែ រ"),
        ("မြန်မာ", "မြန် မာ"),
        ("မန္တလေး", "မန္တ လေး"),
        ("အင်္ဂလိပ်", "အင်္ဂ လိပ်"),
        ("ไทยABC๑๒ก", "ไท ย ABC ๑๒ ก"),
    ],
)
def test_scripts_without_spaces_are_cut_into_orthographic_clusters(text, expected):
    assert [word.decode() for word in found_words(words(*documents([text.encode()])), [text.encode()], 0)] == (
        expected.split()
    )


@pytest.mark.parametrize("byte", [0xE5, 0xF0, 0xE0, 0xF8, 0xFF])
def test_leads_without_continuation_make_no_more_words_than_there_is_room_for(byte):
    for data in (bytes([byte]) * 2000, bytes([byte, 0xF8]) * 1000, bytes([byte, 0xBF]) * 1000):
        found = words(*documents([data]))
        assert found.word_offsets_N1[-1] <= len(data) // 2
        assert (found.start_W.astype(np.int64) + found.length_W <= len(data)).all()


GUARDED = """
import ctypes, mmap
import numpy as np
from curation.kernels.minhash import sketch_characters
from curation.kernels.simplified import simplified_hashes
from curation.kernels.words import words
page = mmap.PAGESIZE
region = mmap.mmap(-1, 2 * page)
address = ctypes.addressof(ctypes.c_char.from_buffer(region))
assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(address + page), page, 0) == 0
for text in ("plain words 12 " * 9, "x" * 63, "漢字" * 30, "ไทย" * 25, "é" * 70 + "1", "\\xe9"):
    data = text.encode()
    for cut in range(min(4, len(data))):  # the last character may be cut short
        piece = data[: len(data) - cut]
        values = np.frombuffer((ctypes.c_uint8 * len(piece)).from_address(address + page - len(piece)), np.uint8)
        values[:] = np.frombuffer(piece, np.uint8)
        offsets = np.array([0, len(piece)])
        found = words(values, offsets)
        simplified_hashes(values, offsets, found)
        sketch_characters(values, offsets, found.counts_N6[:, 0], ngram=5, num_permutations=7, seed=1)
print("nothing was read past the end")
"""


@pytest.mark.slow
def test_nothing_is_read_past_the_end_of_the_text_where_the_next_page_may_not_be_read():
    done = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "nothing was read past the end\n"), done.stderr
