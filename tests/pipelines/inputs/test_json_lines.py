import json
import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import BadRecord
from pipelines.inputs.json_lines import parse_line

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def without_surrogates(value):
    """What a value with lone surrogates becomes: U+FFFD for each; pairs that escapes made are one character."""
    if isinstance(value, str):
        return (
            value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") if not value.isascii() else value
        )
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


@given(st.dictionaries(st.text(), VALUES))
def test_a_valid_object_is_read_as_pythons_own_parser_reads_it(record):
    line = json.dumps(record).encode()
    assert parse_line(line) == (json.loads(line), False)


ODD = st.sampled_from(['"', "\\", "\ud83d", "\ude00", "\ud800", "\udfff", "NaN", "Infinity", "1e999", "u"])
ANY_TEXT = st.lists(ODD | st.text(max_size=2)).map("".join)


@given(st.dictionaries(ANY_TEXT, ANY_TEXT | st.floats() | st.lists(st.floats() | ANY_TEXT)))
def test_what_only_lenient_parsers_accept_is_repaired_and_nothing_else_changes(record):
    line = json.dumps(record).encode()
    found, replaced = parse_line(line)
    assert not replaced
    expected = without_surrogates(json.loads(line))
    if len(expected) == len(record):  # else two keys became one
        assert found == expected


@pytest.mark.parametrize(
    ("line", "record"),
    [
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":NaN,"b":[-Infinity,Infinity]}', {"a": None, "b": [None, None]}),
        (b'{"a":"NaN \\ud83d","b":NaN}', {"a": "NaN \ufffd", "b": None}),
        (b'{"a":1e999,"b":-1.5E+400,"c":1e2}', {"a": None, "b": None, "c": 100.0}),
        (b'{"a":"\\ud83d\\ude00\\ud83d"}', {"a": "\U0001f600\ufffd"}),
        (b'{"a":"\\\\ud83d"}', {"a": "\\ud83d"}),
        (b'{"a":"\\u0000"}\r', {"a": "\0"}),
    ],
)
def test_what_real_files_get_wrong_is_read(line, record):
    assert parse_line(line) == (record, False)


def test_bytes_that_are_not_utf8_become_the_replacement_character_and_are_told():
    assert parse_line(b'{"a":"caf\xe9","b":"\xed\xa0\x80"}') == ({"a": "caf\ufffd", "b": "\ufffd\ufffd\ufffd"}, True)
    assert parse_line('{"a":"\ufffd","b":NaN}'.encode()) == ({"a": "\ufffd", "b": None}, False)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a":', "bad_json"),
        (b'{"a":1}{"a":2}', "bad_json"),
        (b"{'a':1}", "bad_json"),
        (b'{"a":Nan}', "bad_json"),
        (b"[1]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"null", "not_an_object"),
        (b"NaN", "not_an_object"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
        (b"[" * 100_000, "too_deep"),
        (b"[NaN," + b"[" * 100_000, "too_deep"),
        (b"{" * 100_000, "bad_json"),
    ],
)
def test_what_cannot_be_read_has_its_reason(line, reason):
    with pytest.raises(BadRecord) as bad:
        parse_line(line)
    assert bad.value.reason == reason


@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([b'"', b"\\", b"\\u", b"d83d", b"{", b"}", b":", b"NaN", b"1e999", b"\xff", b"a"])).map(
        b"".join
    )
)
def test_any_bytes_are_an_object_or_a_bad_record(line):
    try:
        record, _ = parse_line(line)
    except BadRecord:
        return
    assert orjson.loads(orjson.dumps(record)) == record


def test_repairing_a_large_line_takes_linear_time_and_bounded_memory():
    line = b'{"a":NaN,"text":"' + b'ab\\"' * 2_000_000 + b'"}'
    record, _ = parse_line(line)
    assert len(record["text"]) == 6_000_000
