"""Keys of words and URLs: what is equal, what is not, and what is null."""

import hashlib

import pyarrow as pa
import pytest

from curation.dedup.exact_keys import ExactKeys
from curation.errors import SchemaError


def keys(rows, **asked):
    batch = pa.RecordBatch.from_pylist(rows, pa.schema([("text", pa.string()), ("url", pa.string())]))
    return ExactKeys(**asked)(batch)


def texts(*values):
    return [{"text": value} for value in values]


def test_texts_of_equal_words_have_one_key_and_others_do_not():
    found = keys(
        texts("One two, THREE.", "one\n\ntwo three", "onetwo three", "one three two", "one two three 3"), words=True
    )
    first, same, *others = found["words_hash"].to_pylist()
    assert first == same == hashlib.blake2b(b"one two three ", digest_size=16).digest()
    assert len({first, *others}) == 4


def test_texts_without_a_word_have_no_key_and_so_are_never_equal_by_words():
    assert keys(texts("", "!!!", None), words=True)["words_hash"].null_count == 3


def test_urls_of_one_normal_form_have_one_key_and_what_is_no_url_has_none():
    urls = ["http://e.example/a?utm_source=x", "https://E.example:443/a#b", "http://e.example/b", "no url", None]
    found = keys([{"text": "t", "url": url} for url in urls], url=True)["url_hash"].to_pylist()
    assert found[0] == found[1] == hashlib.blake2b(b"//e.example/a", digest_size=16).digest()
    assert found[2] not in (None, found[0])
    assert found[3:] == [None, None]


def test_what_nobody_asked_for_is_null_and_costs_nothing():
    found = keys([{"text": "some words", "url": "http://e.example/"}])
    assert found["words_hash"].null_count == found["url_hash"].null_count == 1


def test_documents_without_a_column_of_urls_are_refused():
    with pytest.raises(SchemaError, match=r"^reads 'url', which no earlier step adds; columns are text$"):
        ExactKeys().output_schema(pa.schema([("text", pa.string())]))
