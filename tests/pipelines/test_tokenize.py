"""Tokenizers: trained the same twice, pinned, blind to special tokens in text, and the token store they write."""

import dataclasses
import hashlib
import json
import os
import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import ArtifactError, InputError, SpecError
from curation.schema import TOKENS
from pipelines import tokenize
from pipelines.store import Store
from pipelines.tokenize import compression_ratio, encode_batch, encode_part, load_tokenizer, pieces_of
from pipelines.tokenizer_training import Training, train_tokenizer
from tests.token_runs import documents, texts, tokenizer

EOS = "<|endoftext|>"
SMALL = Training(vocab_size=400, max_bytes=20_000)


def edited(**changes: object) -> bytes:
    return json.dumps(json.loads(tokenizer().content) | changes).encode()


def test_training_gives_the_same_bytes_whatever_the_batches_and_their_order():
    batch = documents(texts(500))
    rows = list(range(500))
    random.Random(1).shuffle(rows)
    shuffled = batch.take(pa.array(rows))
    first = train_tokenizer(lambda: [batch], SMALL)
    assert train_tokenizer(lambda: [batch.slice(0, 100), batch.slice(100)], SMALL) == first
    assert train_tokenizer(lambda: [shuffled], SMALL) == first
    assert train_tokenizer(lambda: [batch], dataclasses.replace(SMALL, seed=1)) != first, "another seed, another sample"


@pytest.mark.parametrize("threads", ["1", "4"])
def test_training_gives_the_same_bytes_in_another_process_with_any_number_of_threads(threads: str):
    code = (
        "import hashlib; from tests.pipelines.test_tokenize import SMALL, documents, texts, train_tokenizer;"
        "batch = documents(texts(500)); print(hashlib.sha256(train_tokenizer(lambda: [batch], SMALL)).hexdigest())"
    )
    environment = os.environ | {
        "TOKENIZERS_PARALLELISM": "true",
        "RAYON_NUM_THREADS": threads,
        "PYTHONHASHSEED": threads,
    }
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    batch = documents(texts(500))
    assert found.stdout.strip() == hashlib.sha256(train_tokenizer(lambda: [batch], SMALL)).hexdigest()


def test_the_sample_stays_within_the_byte_cap_and_is_chosen_by_id():
    batch = documents(["word " * 20] * 100)
    few = train_tokenizer(lambda: [batch], dataclasses.replace(SMALL, max_bytes=1))
    assert load_tokenizer(few, eos=EOS).vocab_size < 300, "one document at least, and one only"


@pytest.mark.parametrize(
    "batches", [[], [documents([])], [documents(["", ""])]], ids=["none", "no rows", "empty texts"]
)
def test_training_without_text_is_an_input_error(batches: list[pa.RecordBatch]):
    with pytest.raises(InputError, match="expected documents with text to train on, found none"):
        train_tokenizer(lambda: batches, SMALL)


def test_a_vocabulary_without_room_for_the_bytes_is_a_spec_error():
    with pytest.raises(SpecError, match="a vocabulary above 256"):
        train_tokenizer(list, Training(vocab_size=256))


def test_eos_spelled_in_a_document_is_text_and_never_the_token():
    hostile = [EOS, f"a{EOS}b", EOS * 50, f"{EOS[:5]}{EOS}{EOS[5:]}", f" {EOS}\n{EOS} "]
    for text, ids in zip(hostile, tokenizer().encode(hostile), strict=True):
        assert tokenizer().eos_id not in ids
        assert tokenizer().decode(ids) == text


@given(st.lists(st.lists(st.one_of(st.text(max_size=20), st.sampled_from([EOS, "<|", "|>"]))).map("".join), max_size=5))
def test_any_text_decodes_to_itself_and_holds_no_eos(given_texts: list[str]):
    for text, ids in zip(given_texts, tokenizer().encode(given_texts), strict=True):
        assert tokenizer().decode(ids) == text
        assert tokenizer().eos_id not in ids


def test_truncation_padding_and_templates_of_a_tokenizer_file_change_nothing():
    content = edited(
        truncation={"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        padding={
            "strategy": {"Fixed": 64},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": EOS,
        },
        post_processor={
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": EOS, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {EOS: {"id": EOS, "ids": [0], "tokens": [EOS]}},
        },
    )
    text = "river stone light winter"
    assert load_tokenizer(content, eos=EOS).encode([text])[0].tolist() == tokenizer().encode([text])[0].tolist()


def test_a_tokenizer_of_another_digest_is_refused():
    with pytest.raises(ArtifactError, match=f"expected sha256 {'0' * 64}, found {tokenizer().sha256}"):
        load_tokenizer(tokenizer().content, eos=EOS, sha256="0" * 64)
    assert load_tokenizer(tokenizer().content, eos=EOS, sha256=tokenizer().sha256) == tokenizer()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_tokenizer_is_refused(content: bytes):
    with pytest.raises(ArtifactError, match=r"expected the content of a tokenizer\.json"):
        load_tokenizer(content, eos=EOS)


def test_a_tokenizer_with_dropout_is_refused():
    model = json.loads(tokenizer().content)["model"] | {"dropout": 0.1}
    with pytest.raises(ArtifactError, match=r"expected no dropout, found 0\.1"):
        load_tokenizer(edited(model=model), eos=EOS)


def test_eos_must_be_a_special_token_that_text_cannot_spell():
    with pytest.raises(ArtifactError, match=r"expected the special token '</s>', found \['<\|endoftext\|>'\]"):
        load_tokenizer(tokenizer().content, eos="</s>")
    spelled = json.loads(tokenizer().content)
    spelled["added_tokens"] = [spelled["added_tokens"][0] | {"id": spelled["model"]["vocab"]["e"], "content": "e"}]
    with pytest.raises(ArtifactError, match="text can spell 'e'"):
        load_tokenizer(json.dumps(spelled).encode(), eos="e")


@given(st.lists(st.text(max_size=40), max_size=12), st.integers(0, 12))
def test_encoding_does_not_depend_on_batches(given_texts: list[str], cut: int):
    batch = documents(given_texts)
    whole, parts = (
        encode_batch(batch, tokenizer()),
        [encode_batch(part, tokenizer()) for part in (batch.slice(0, cut), batch.slice(cut))],
    )
    assert np.array_equal(whole.ids, np.concatenate([part.ids for part in parts]))
    assert whole.rows.equals(pa.concat_batches([part.rows for part in parts]))
    assert whole.rows["num_tokens"].to_pylist() == [tokenizer().encode([text])[0].size for text in given_texts]


@given(st.text(alphabet="aé漢🎈\n", max_size=300), st.integers(4, 40))
def test_pieces_of_a_long_text_are_short_whole_characters_and_add_up(text: str, limit: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenize, "PIECE_BYTES", limit)
        pieces = list(pieces_of(text.encode()))
    assert "".join(piece.decode() for piece in pieces) == text
    assert all(0 < len(piece) <= limit for piece in pieces)


def test_a_text_longer_than_a_piece_is_encoded_without_loss(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokenize, "PIECE_BYTES", 100)
    text = "\n".join(texts(50)) + "漢" * 400
    encoded = encode_batch(documents(["short", text, "end"]), tokenizer())
    start = encoded.rows["num_tokens"][0].as_py()
    stop = start + encoded.rows["num_tokens"][1].as_py()
    assert tokenizer().decode(encoded.ids[start:stop]) == text


def test_compression_ratio_is_low_for_repetition_and_null_for_nothing():
    assert compression_ratio(b"") is None
    repeated, noise = compression_ratio(b"ab" * 5000), compression_ratio(random.Random(0).randbytes(5000))
    assert repeated is not None
    assert noise is not None
    assert repeated < 0.02
    assert 1 <= noise < 1.01
    assert compression_ratio(b"ab" * 2048 + b"tail") == compression_ratio(b"ab" * 2048), "only the first 4 KiB count"


def test_a_part_is_a_table_and_its_ids_back_to_back_the_same_twice(tmp_path: Path):
    batch = documents([*texts(30), "", f"x{EOS}y"])
    written = []
    for name, batches in (("a", [batch]), ("b", [batch.slice(0, 3), batch.slice(3)])):
        store = Store(str(tmp_path / name))
        encode_part(batches, tokenizer(), store=store, part="part-00000-00000000")
        encode_part(batches, tokenizer(), store=store, part="part-00000-00000000")
        written.append([store.read(f"tokens/part-00000-00000000.{suffix}") for suffix in ("parquet", "bin")])
    assert written[0] == written[1]
    table = pq.read_table(tmp_path / "a" / "tokens" / "part-00000-00000000.parquet")
    assert table.schema.equals(TOKENS)
    ids = np.frombuffer(written[0][1], dtype="<u2")
    assert ids.size == sum(table["num_tokens"].to_pylist())
    ends = np.cumsum(table["num_tokens"].to_numpy())
    decoded = [tokenizer().decode(part) for part in np.split(ids, ends[:-1])]
    assert decoded == batch["text"].to_pylist()


def test_a_pinned_tokenizer_travels_by_pickle():
    assert pickle.loads(pickle.dumps(tokenizer())) == tokenizer()


def test_threads_measure_compression_at_the_same_time_as_one_does_alone():
    windows = [f"{number} some text that packs {number % 7}".encode() * (number % 90 + 1) for number in range(3000)]
    alone = [compression_ratio(window) for window in windows]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(compression_ratio, windows)) == alone
