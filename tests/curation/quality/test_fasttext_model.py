"""Reading model files: sound ones to the last byte, damaged and hostile ones as one error, quickly and in little memory."""

import random
import re
import struct
import time
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from curation.errors import ArtifactError
from curation.kernels.fasttext import new_cache
from curation.quality.classifier import read_classifier
from curation.quality.fasttext_model import Dense, Quantized, read_model
from curation.quality.language import PACKAGED_MODEL
from tests.fasttext_models import train

DIM, BUCKETS = 4, 300
TEXT = pa.array(["ba ke lo слово 漢字", "", "x" * 99])
SETTINGS = ("dim", "ws", "epoch", "minCount", "neg", "wordNgrams", "loss", "model", "bucket", "minn", "maxn")
MOST_SECONDS = 1.0


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Returns model files by kind; compiles the kernels, whose memory is not a model's."""
    packaged = read_classifier(PACKAGED_MODEL.read_bytes(), name="lid")
    packaged.best(TEXT, count=2)
    shape = {
        "dim": DIM,
        "bucket": BUCKETS,
        "minn": 2,
        "maxn": 3,
        "wordNgrams": 2,
        "epoch": 1,
        "num_texts": 100,
        "loss": "hs",
    }
    return {
        kind: train(tmp_path_factory.mktemp(kind), quantize=quantize, **shape)
        for kind, quantize in {
            "dense": None,
            "quantised": {"qnorm": True},
            "pruned": {"cutoff": 256, "qnorm": True},
        }.items()
    }


each_kind = pytest.mark.parametrize("kind", ["dense", "quantised", "pruned"])


def outcome(data):
    """Returns None where the file is read and used, else the error's text; asserts what it may cost."""
    started = time.process_time()
    tracemalloc.start()
    try:
        classifier = read_classifier(data, name="m.bin")
        label_NK, score_NK = classifier.best(TEXT, count=2, cache=new_cache(classifier.encoder, num_bytes=1))
        assert label_NK.max() < len(classifier.names)
        assert np.isfinite(score_NK).all()
        return None
    except ArtifactError as error:
        return str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 40 * len(data) + 40_000_000, "memory that the file's size does not warrant"
        assert time.process_time() - started < MOST_SECONDS


def fields(data, *, num_entries):
    """Returns where the fields lie: of the header, of the dictionary's first entries, and of the matrices."""
    size, _, _, _, num_kept = struct.unpack_from("<3i2q", data, 64)
    at = 64 + struct.calcsize("<3i2q")
    places = [*range(0, at, 4)]
    for entry in range(size):
        at = data.index(b"\0", at) + 10
        places += [at - 9, at - 1] if entry < num_entries else []
    at += 8 * max(0, num_kept)
    return [*places, *range(at, at + 60)]


@each_kind
def test_a_model_is_read_to_its_last_byte(kind, files):
    model = read_model(files[kind], name="m.bin")
    assert isinstance(model.input, Dense if kind == "dense" else Quantized)
    assert isinstance(model.output, Dense)
    assert (model.dim, model.num_buckets, model.min_chars, model.max_chars, model.word_ngrams) == (
        DIM,
        BUCKETS,
        2,
        3,
        2,
    )
    assert len(model.labels) == len(model.label_counts) == 5
    assert set(model.labels) == {f"__label__{name}" for name in ("one", "two", "three", "vier", "fünf")}
    assert sum(model.label_counts) == 100
    assert (model.bucket_K is not None) == (kind == "pruned")
    assert outcome(files[kind]) is None


def test_a_view_and_a_memory_map_are_read_as_bytes_are(files, tmp_path):
    assert (
        read_model(memoryview(files["dense"]), name="m.bin").labels == read_model(files["dense"], name="m.bin").labels
    )
    path = tmp_path / "model.bin"
    path.write_bytes(files["dense"])
    assert read_classifier(np.memmap(path, mode="r").data, name="m.bin").names


@each_kind
def test_a_file_cut_off_anywhere_is_refused(kind, files):
    data = files[kind]
    for size in sorted({*fields(data, num_entries=999), *range(0, len(data), 211), len(data) - 1}):
        assert outcome(data[:size]) is not None, size


@each_kind
def test_a_file_with_bytes_behind_its_end_is_refused(kind, files):
    size = len(files[kind])
    expected = (
        f"m.bin: expected the end of the file, found 3 bytes (byte {size}); the file is damaged or no fastText model"
    )
    assert outcome(files[kind] + b"abc") == expected


@pytest.mark.slow
@each_kind
def test_extreme_numbers_in_any_field_are_refused_or_harmless(kind, files):
    data = files[kind]
    for at in fields(data, num_entries=5):
        for value in (-1, 0, 1, 2, 255, 2**31 - 1, -(2**31), 10**9):
            changed = bytearray(data)
            struct.pack_into("<i", changed, at, value)
            outcome(bytes(changed))
        for value in (-1, 2**63 - 1, -(2**63), 2**40):
            changed = bytearray(data)
            struct.pack_into("<q", changed, at, value)
            outcome(bytes(changed))


@each_kind
def test_flipped_bits_are_refused_or_harmless(kind, files):
    draw = random.Random(kind)
    for _ in range(400):
        changed = bytearray(files[kind])
        for _ in range(draw.choice([1, 1, 2, 8])):
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
        outcome(bytes(changed))


def test_random_headers_and_random_bytes_are_refused():
    draw = random.Random(3)
    header = struct.pack("<2i", 793712314, 12)
    for size in (0, 1, 7, 8, 63, 64, 500, 20_000):
        for _ in range(40):
            assert outcome(draw.randbytes(size)) is not None
            assert outcome(header + draw.randbytes(size)) is not None


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("dim", 0, "settings, dim: expected 1 to 4096, found 0"),
        ("dim", 2**31 - 1, "settings, dim: expected 1 to 4096, found 2147483647"),
        ("wordNgrams", 10**6, "settings, wordNgrams: expected 0 to 64, found 1000000"),
        ("loss", 9, "settings, loss: expected 1 to 4, found 9"),
        ("model", 1, "settings: expected a supervised model (3), found 1"),
        ("bucket", 0, "settings, bucket: expected 1 to 2147483647, found 0"),
        ("maxn", 257, "settings, maxn: expected 0 to 256, found 257"),
    ],
)
def test_each_setting_is_bounded(setting, value, message, files):
    changed = bytearray(files["dense"])
    struct.pack_into("<i", changed, 8 + 4 * SETTINGS.index(setting), value)
    assert outcome(bytes(changed)) == f"m.bin: {message} (byte 64); the file is damaged or no fastText model"


def test_a_vocabulary_larger_than_the_file_is_refused_before_memory_is_taken(files):
    changed = bytearray(files["dense"])
    struct.pack_into("<3i", changed, 64, 2**31 - 1, 2**31 - 2, 1)
    assert re.fullmatch(r"m\.bin: dictionary: expected 2147483647 entries, found \d+ bytes .*", outcome(bytes(changed)))


def test_numbers_that_are_not_finite_or_too_large_are_refused(files):
    for value in (float("nan"), float("inf"), -2e6):
        changed = bytearray(files["dense"])
        struct.pack_into("<f", changed, len(changed) - 4, value)
        expected = "output matrix: expected numbers from -1000000 to 1000000, found others"
        assert outcome(bytes(changed)).startswith(f"m.bin: {expected} ")


def test_buckets_of_a_pruned_model_that_repeat_are_refused(files):
    data = files["pruned"]
    model = read_model(data, name="m.bin")
    pairs = np.argsort(model.bucket_K[np.argsort(model.bucket_K)])
    assert pairs.size > 2
    at = 64 + struct.calcsize("<3i2q") + int((model.entries.size_E + np.uint64(10)).sum())
    changed = bytearray(data)
    changed[at : at + 8] = changed[at + 8 : at + 16]
    expected = f"m.bin: dictionary: expected {pairs.size} different buckets below 300, found others"
    assert outcome(bytes(changed)).startswith(expected)


def test_words_chosen_to_share_a_slot_are_refused_and_not_searched():
    words = b"a\0" + bytes(9)
    data = struct.pack("<2i", 793712314, 12) + struct.pack("<12id", 1, 0, 0, 0, 0, 1, 3, 3, 0, 0, 0, 0, 0.0)
    data += struct.pack("<3i2q", 20_001, 20_000, 1, 0, -1) + words * 20_000 + b"__label__x\0" + bytes(8) + b"\1"
    data += b"\0" + struct.pack("<2q", 20_000, 1) + bytes(80_000) + b"\0" + struct.pack("<2q", 1, 1) + bytes(4)
    expected = (
        "m.bin: dictionary: expected at most 64 words in a slot, found 20000; the file is damaged or no fastText model"
    )
    assert outcome(data) == expected


def test_the_packaged_model_is_read_in_the_memory_of_its_rows_as_float32_and_a_bit():
    data = PACKAGED_MODEL.read_bytes()
    read_classifier(data, name="lid")
    tracemalloc.start()
    classifier = read_classifier(data, name="lid")
    assert tracemalloc.get_traced_memory()[1] < 2 * 4 * 50_000 * 16
    tracemalloc.stop()
    assert len(classifier.names) == 176
