"""The language signal: labels, nulls, and models that are not what they should be."""

import re

import pyarrow as pa
import pytest

from curation.errors import ArtifactError
from curation.quality.language import PACKAGED_MODEL, PACKAGED_SHA256, Language, model_digest


def measured(*texts):
    return Language()(pa.record_batch({"text": pa.array(texts, pa.string())}))


def test_common_languages_are_found_with_a_score_and_its_lead():
    batch = measured(
        "The cat sat on the mat.\nIt was a good cat.", "Die Katze saß auf der Matte.", "Кошка сидела на коврике."
    )
    assert batch["signal.language"].to_pylist() == ["en", "de", "ru"]
    for score, margin in zip(
        batch["signal.language_score"].to_pylist(), batch["signal.language_margin"].to_pylist(), strict=True
    ):
        assert 0.5 < margin <= score <= 1.0 + 1e-4


def test_a_text_without_a_word_has_no_language():
    batch = measured("", "... !!!", None)
    assert [batch[name].null_count for name in batch.schema.names[1:]] == [3, 3, 3]


def test_line_feeds_do_not_end_what_is_read():
    batch = measured("Ja\nThe rest of this text is in English, and there is much more of it.")
    assert batch["signal.language"].to_pylist() == ["en"]


def test_the_packaged_model_has_its_digest():
    assert model_digest(None, None) == PACKAGED_SHA256


def test_a_model_of_another_digest_is_refused_before_it_is_loaded():
    with pytest.raises(
        ArtifactError, match=r"expected a fastText model of sha256 00, found 8f3472cf.*; correct path or digest"
    ):
        Language(model=str(PACKAGED_MODEL), sha256="00")(pa.record_batch({"text": ["a"]}))


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(
        ArtifactError, match=r"none\.ftz: expected a fastText model, found none \(No such file or directory\)"
    ):
        model_digest(str(tmp_path / "none.ftz"), None)


def test_a_file_that_is_no_model_is_named(tmp_path):
    path = tmp_path / "text.ftz"
    path.write_bytes(b"not a model")
    expected = f"{path}: header: expected fastText's magic number 793712314, found 544501614 (byte 8); "
    expected += "the file is damaged or no fastText model"
    with pytest.raises(ArtifactError, match=f"^{re.escape(expected)}$"):
        Language(model=str(path))(pa.record_batch({"text": ["a"]}))
