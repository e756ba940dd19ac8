"""datatrove's FineWeb recipe over a file of JSON lines; runs in datatrove's own venv.

Usage: python datatrove_fineweb_side.py FOLDER LANGUAGE_MODEL FILE. Writes FOLDER/kept.jsonl, `user_id` and `text`.
The steps and their settings are those of datatrove's examples/fineweb.py: text by trafilatura, English at 0.65,
Gopher's repetition and quality, C4 without its rule on ends of lines, FineWeb's own, MinHash, personal data masked. The
language model is our copy of the same file. Blocklists of URLs are left out: our arm uses none either.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.utils.hashing import HashConfig
from fasttext.FastText import _FastText

SECONDS = 60
"""Per page, in place of 1: a busy machine should not decide which pages are kept."""
MINHASH = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5)


def read(file: Path) -> Iterator[Document]:
    """Yields the documents of a file of text, or of `html.jsonl`, whose HTML becomes text by trafilatura."""
    documents = JsonlReader(str(file.parent), glob_pattern=file.name, compression=None).run()
    return (
        Trafilatura(favour_precision=True, timeout=SECONDS).run(documents) if file.name == "html.jsonl" else documents
    )


def filtered(file: Path, language_model: str) -> Iterator[Document]:
    """Yields the documents that pass all filters."""
    language = LanguageFilter()
    language.model._model = _FastText(language_model)
    documents = read(file)
    filters = (
        language,
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
    )
    for step in filters:
        documents = step.run(documents, 0, 1)
    return documents


def deduplicated(documents: list[Document], folder: Path) -> Iterator[Document]:
    """Yields one of each cluster of near duplicates."""
    signatures, buckets, clusters = (str(folder / name) for name in ("signatures", "buckets", "clusters"))
    for _ in MinhashDedupSignature(signatures, MINHASH).run(iter(documents), 0, 1) or ():
        pass
    stage = MinhashDedupBuckets(signatures, buckets, config=MINHASH)
    for rank in range(MINHASH.num_buckets):
        stage.run(None, rank, MINHASH.num_buckets)
    MinhashDedupCluster(buckets, clusters, MINHASH).run(None, 0, 1)
    return MinhashDedupFilter(clusters).run(iter(documents), 0, 1)


def main() -> None:
    """Runs the recipe."""
    folder, model, file = sys.argv[1:]
    kept = list(filtered(Path(file), model))
    documents = PIIFormatter().run(deduplicated(kept, Path(folder)), 0, 1)
    lines = [json.dumps({"user_id": document.id, "text": document.text}) + "\n" for document in documents]
    Path(folder, "kept.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
