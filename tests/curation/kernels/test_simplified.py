"""Simplified hashes against a definition in Python, and against what datatrove makes of whole texts."""

import unicodedata

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from curation.kernels.simplified import simplified_hashes
from curation.kernels.unicode import CODE_POINTS, simplified_table
from curation.kernels.words import words
from tests.curation.kernels.test_words import TEXTS, documents
from tests.oracles import words as oracle


def hashes(*encoded):
    values, offsets = documents(encoded)
    return simplified_hashes(values, offsets, words(values, offsets))


@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(["Ärger ÉCOLE e\u0301 2024 a1b22 ٣٤ ΟΔΟΣ οδος \u212a İ Ⱥ 한글 " + "é" * 40, "x" * 30 + "12", "1"])
def test_hashes_are_those_of_the_definition(texts):
    expected = [oracle.word_hash(word, oracle.simplified) for text in texts for _, word in oracle.words(text)]
    assert hashes(*(text.encode() for text in texts)).tolist() == expected


def test_what_fineweb_takes_for_the_same_has_one_hash():
    for text in ("ÉCOLE école ecole e\u0301cole", "1984 2024 7 ٣٤", "ΟΔΟΣ οδος όδος", "a1 A22", "Ⱥ ⱥ"):
        assert len(set(hashes(text.encode()).tolist())) == 1, text


def test_words_without_digits_and_diacritics_keep_the_hash_of_their_lower_case():
    values, offsets = documents(["Plain words, МОСКВА".encode()])
    found = words(values, offsets)
    assert simplified_hashes(values, offsets, found).tolist() == found.hash_W.tolist()


@given(st.lists(st.binary(max_size=120), max_size=5))
def test_bytes_that_are_not_utf8_give_hashes_that_depend_on_their_own_document_only(encoded):
    together = hashes(*encoded).tolist()
    assert together == [hash_ for one in encoded for hash_ in hashes(one).tolist()]


def test_the_table_agrees_with_unicodedata_for_every_assigned_code_point():
    table = simplified_table().tolist()
    for code_point in range(0x80, CODE_POINTS):
        if unicodedata.category(chr(code_point)) in ("Cn", "Cs"):
            continue  # unassigned in this Python's Unicode, maybe not in the table's
        expected = oracle.simplified_character(chr(code_point))
        assert table[code_point] == (ord(expected) if expected else 0xFFFFFFFF), hex(code_point)


def test_a_letter_that_grows_by_lower_casing_fits_however_long_the_word():
    word = "Ⱥ" * 5000
    assert hashes(word.encode()).tolist() == [oracle.word_hash(word, oracle.simplified)]
    assert np.unique(hashes((word + " " + word.lower()).encode())).size == 1
