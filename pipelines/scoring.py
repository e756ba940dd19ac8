"""Classifiers and n-gram models of a spec: the steps that they are, and the files that those read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import TypeVar

from curation.quality.embeddings import EmbeddingScore
from curation.quality.ensembles import Ensemble
from curation.quality.perplexity import ModelOfLanguage, Perplexity
from curation.quality.scores import PACKAGED_CALIBRATION_SHA256, PACKAGED_SHA256, PREFIX, ClassifierScore
from curation.step import Step
from pipelines.configured import LocalFile
from pipelines.spec import JobSpec
from pipelines.spec_signals import ClassifierSpec, EmbeddingSpec, PerplexitySpec

PACKAGED_MODELS = [PACKAGED_SHA256, PACKAGED_CALIBRATION_SHA256]
QUALITY = "quality"
"""The signal of `quality_model`."""
FILES = {
    "model": "sha256",
    "encoder": "encoder_sha256",
    "tokenizer": "tokenizer_sha256",
    "head": "head_sha256",
    "calibration": "calibration_sha256",
}
"""Keys that name files, and the keys of their digests."""

Modelled = ClassifierSpec | EmbeddingSpec | PerplexitySpec
Scored = TypeVar("Scored", ClassifierSpec, EmbeddingSpec, PerplexitySpec)


def score_steps(spec: JobSpec, files: Mapping[str, LocalFile]) -> tuple[Step, ...]:
    """Returns the steps of a spec's models: each classifier alone, ensembles, perplexity.

    Args:
        spec: the job.
        files: where files are, by the name in the spec; what is not there stays as it is named.
    """
    bucketed = {name for ensemble in spec.ensembles.values() if ensemble.of == "bucket" for name in ensemble.members}
    spec = _with_files(
        spec, lambda name: (str(files[name].path), files[name].sha256) if name in files else (name, None)
    )
    steps: list[Step] = []
    if spec.quality_model is not None:
        steps.append(ClassifierScore(name=QUALITY, buckets=QUALITY in bucketed, languages=("en",)))
    for name, classifier in spec.classifiers.items():
        labels = tuple((label.removeprefix(PREFIX), value) for label, value in classifier.labels.items())
        steps.append(
            ClassifierScore(
                name=name,
                labels=labels,
                languages=classifier.languages,
                buckets=name in bucketed,
                **files_of(classifier),
            )
        )
    for name, embedding in spec.embeddings.items():
        steps.append(EmbeddingScore(name=name, buckets=name in bucketed, **files_of(embedding)))
    for name, ensemble in spec.ensembles.items():
        steps.append(Ensemble(name=name, members=ensemble.members, of=ensemble.of, combine=ensemble.combine))
    if spec.perplexity:
        models = (ModelOfLanguage(language=label, **files_of(model)) for label, model in spec.perplexity.items())
        steps.append(Perplexity(models=tuple(models)))
    return tuple(steps)


def files_of(item: Modelled) -> dict[str, str]:
    """Returns the values of the keys that name files or digests."""
    names = {*FILES, *FILES.values()}
    return {each.name: getattr(item, each.name) for each in fields(item) if each.name in names}


def named_files(spec: JobSpec) -> Iterator[tuple[str, str, str | None]]:
    """Yields (path of the key, file, digest) of every file that models name."""
    sections: tuple[tuple[str, Mapping[str, Modelled]], ...] = (
        ("classifiers", spec.classifiers),
        ("embeddings", spec.embeddings),
        ("perplexity", spec.perplexity),
    )
    for section, items in sections:
        for name, item in items.items():
            values = files_of(item)
            for key, digest in FILES.items():
                if values.get(key) is not None:
                    yield f"{section}.{name}.{key}", values[key], values[digest]


def with_paths(spec: JobSpec, change: Callable[[str], str]) -> JobSpec:
    """Returns `spec` with the paths of models' files changed."""
    return _with_files(spec, lambda name: (change(name), None))


Change = Callable[[str], tuple[str, str | None]]
"""A file's name to its new name and digest; None: the digest stays."""


def _with_files(spec: JobSpec, change: Change) -> JobSpec:
    return replace(
        spec,
        classifiers={name: _changed(item, change) for name, item in spec.classifiers.items()},
        embeddings={name: _changed(item, change) for name, item in spec.embeddings.items()},
        perplexity={label: _changed(item, change) for label, item in spec.perplexity.items()},
    )


def _changed(item: Scored, change: Change) -> Scored:
    files = files_of(item)
    for key, name in files_of(item).items():
        if key in FILES and name is not None:
            files[key], sha256 = change(name)
            files |= {FILES[key]: sha256} if sha256 else {}
    return replace(item, **files)  # type: ignore[arg-type]  # the keys are of texts
