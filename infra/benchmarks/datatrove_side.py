"""datatrove's side of against_datatrove.py: runs in datatrove's own venv, prints one JSON object.

Usage: python datatrove_side.py TEXTS.jsonl LANGUAGE_MODEL FOLDER. Each step runs over all documents by its own
`run`, alone: a filter drops documents, and the next one would then see fewer. Its filters stop at the first
rule that fails, which is in its favour. Times are CPU seconds (user and system, children too).
"""

import json
import os
import sys
from collections.abc import Iterator

from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter, LanguageFilter
from datatrove.utils.hashing import HashConfig
from fasttext.FastText import _FastText

WARM_UP_DOCUMENTS = 20


def steps(model: str, folder: str) -> dict[str, list[PipelineStep]]:
    """Returns the steps of each task, with their defaults (MinHash: 14 x 8 over 5-grams)."""
    language = LanguageFilter(label_only=True)
    language.model._model = _FastText(model)  # the same model file as ours; its default would be downloaded
    minhash = MinhashDedupSignature(folder, MinhashConfig(hash_config=HashConfig(precision=32)))
    return {"language": [language], "gopher": [GopherRepetitionFilter(), GopherQualityFilter()], "minhash": [minhash]}


def documents(texts: list[str]) -> Iterator[Document]:
    """Yields fresh documents: steps write into them."""
    return (Document(text=text, id=str(index)) for index, text in enumerate(texts))


def seconds() -> float:
    """Returns CPU seconds of this process and its children so far."""
    return sum(os.times()[:4])


def run(step: PipelineStep, texts: list[str]) -> None:
    """Runs one step over all texts."""
    for _ in step.run(documents(texts), 0, 1) or ():
        pass


def main() -> None:
    """Warms up, then measures each task."""
    path, model, folder = sys.argv[1:]
    with open(path, encoding="utf-8") as lines:
        texts = [json.loads(line) for line in lines]
    measured = {}
    for task, of_task in steps(model, folder).items():
        for step in of_task:
            run(step, texts[:WARM_UP_DOCUMENTS])
        before = seconds()
        for step in of_task:
            run(step, texts)
        measured[task] = seconds() - before
    measured["without_language"] = measured["gopher"] + measured["minhash"]
    measured["all"] = measured["without_language"] + measured["language"]
    num_bytes = sum(len(text.encode()) for text in texts)
    json.dump({"bytes": num_bytes, "documents": len(texts), "cpu_seconds": measured}, sys.stdout)


if __name__ == "__main__":
    main()
