"""The laws that every Step of the package obeys; steps are found by walking it, so none can be forgotten."""

import atexit
import dataclasses
import functools
import importlib
import inspect
import itertools
import json
import pickle
import pkgutil
import tempfile
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import curation
from curation.contamination.contamination import Contamination
from curation.contamination.cutting import CutContamination
from curation.identity import doc_ids, hash_bytes
from curation.quality.embeddings import EmbeddingScore
from curation.quality.ensembles import Ensemble
from curation.quality.gates import Gate, Rule, When
from curation.quality.perplexity import ModelOfLanguage, Perplexity
from curation.schema import DOCUMENT, PII_SPAN, READ
from curation.step import Plan, Step, configuration_of
from curation.synthesis.children import Generator
from curation.text.extract import Extract, Extractor
from tests.evaluation_sets import index_file
from tests.ngram_models import model_file
from tests.onnx_encoder import write_encoder

ENCODER = Path(tempfile.mkdtemp(prefix="gristmill-laws-"))
SNIPPETS = (
    "The cat sat on the mat, and that was that.",
    "Ein Satz über Äpfel & Öl; e\u0301 und ﬁ.",
    "これは日本語の文です。ที่นี่ภาษาไทย",
    "Это русский текст о погоде.",
    "- bullet line\n• another one...\n\n\nlast …",
    "\x00\x07\x1b[31mred\x1b[0m\r\nline\rline",
    "\u202eabc\u202c \u200d 👩‍👩‍👧 ́",
    "word " * 40,
    "Mail an.na@firma.de or call +44 20 7946 0958; 91.198.174.192, ghp_" + "a1" * 18 + " DE89 3704 0044 0532 0130 00.",
    "<p>not <b>html</b></p>",
    "",
    " \n\t\n ",
    "a",
)
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(SNIPPETS),
        st.lists(st.sampled_from(SNIPPETS), max_size=6).map("\n".join),
        st.text(max_size=200),
    ),
    max_size=9,
)
HTML = b"<html><body><main><p>%s</p></main></body></html>"


def provenance(texts):
    n = len(texts)
    columns = {field.name: pa.nulls(n, field.type) for field in READ}
    columns |= {
        "doc_id": pa.array(doc_ids("laws", "laws.jsonl", range(n)), pa.binary(16)),
        "source": pa.array(["laws"] * n, pa.string()),
        "path": pa.array(["laws.jsonl"] * n, pa.string()),
        "offset": pa.array(range(n), pa.int64()),
        "length_bytes": pa.array([1] * n, pa.int64()),
        "raw_hash": pa.array([hash_bytes(t.encode()) for t in texts], pa.binary(16)),
    }
    return columns


def read_batch(texts):
    columns = provenance(texts)
    raw = [HTML % t.encode() if i % 2 else t.encode("utf-8") for i, t in enumerate(texts)]
    return pa.RecordBatch.from_arrays(
        [*[columns[n] for n in READ.names[:-2]], pa.array(raw, pa.binary()), columns["text"]], schema=READ
    )


def document_batch(texts):
    columns = provenance(texts) | {"text": pa.array(texts, pa.string())}
    edits = pa.array([[] for _ in texts], DOCUMENT.field("edits").type)
    return pa.RecordBatch.from_arrays([*[columns[n] for n in DOCUMENT.names[:-1]], edits], schema=DOCUMENT)


def url_batch(texts):
    urls = [
        (None, "https://www.sexy-girls.example.co.uk/xxx?a", "ftp://10.0.0.1/hot/sex", "//", t)[len(t) % 5]
        for t in texts
    ]
    sites = [url.split("/")[2].removeprefix("www.") if url and url.count("/") > 2 else None for url in urls]
    batch = document_batch(texts)
    for name, values in (("url", urls), ("site", sites)):
        place = batch.schema.get_field_index(name)
        batch = batch.set_column(place, batch.schema.field(place), pa.array(values, pa.string()))
    return batch


def language_batch(texts):
    languages = [("en", "de", "zh", None)[len(t) % 4] for t in texts]
    return document_batch(texts).append_column("signal.language", pa.array(languages, pa.string()))


def child_batch(texts):
    """Every other document was written by a model, from the text before it; the spans are of the first bytes."""
    batch = language_batch(texts)
    models = pa.array(["m" if row % 2 else None for row in range(len(texts))], pa.string())
    batch = batch.set_column(batch.schema.get_field_index("model"), "model", models)
    parents = [texts[row - 1] if len(text) % 3 else None for row, text in enumerate(texts)]
    spans = [[{"kind": "email", "start": 0, "end": len(text[:1].encode())}] for text in texts]
    batch = batch.append_column("parent_text", pa.array(parents, pa.string()))
    batch = batch.append_column("signal.parent_language", batch["signal.language"])
    return batch.append_column(pa.field("pii", pa.list_(PII_SPAN), nullable=False), pa.array(spans, pa.list_(PII_SPAN)))


def signal_batch(texts):
    batch = document_batch(texts)
    languages = [("en", "th", None)[len(t) % 3] for t in texts]
    lengths = pa.array([None if len(t) % 5 == 4 else float(len(t)) for t in texts], pa.float64())
    batch = batch.append_column("signal.language", pa.array(languages, pa.string()))
    return batch.append_column("signal.length", lengths).append_column("signal.num_words", lengths)


GATE = Gate(
    name="gate",
    rules=(
        Rule(signal="length", min=3, max=100, review_within=2),
        Rule(signal="language", one_of=("en",), when=When(source=("laws",))),
    ),
)


def found_steps():
    """Every concrete Step class defined in the curation package."""
    for module_info in pkgutil.walk_packages(curation.__path__, "curation."):
        module = importlib.import_module(module_info.name)
        for _, kind in inspect.getmembers(module, inspect.isclass):
            is_protocol = getattr(kind, "_is_protocol", False)
            if kind.__module__ == module.__name__ and hasattr(kind, "output_schema") and not is_protocol:
                yield kind


@functools.cache
def evaluation_index():
    """Returns path and digest of an index in which some of the snippets are items."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return index_file(Path(folder.name), {"laws/1": [SNIPPETS[0]], "laws/2": ["word " * 14]}, ngram=8)


@functools.cache
def ngram_models():
    """Returns the n-gram models of two languages, trained on some of the snippets."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    texts = {"en": [SNIPPETS[0], "word " * 9], "any": [SNIPPETS[1], SNIPPETS[3]]}
    files = {name: model_file(Path(folder.name, f"{name}.npz"), known) for name, known in texts.items()}
    return tuple(ModelOfLanguage(language=name, model=path) for name, path in files.items())


def example_of(kind, settings):
    """Returns (a step of `kind`, what makes its batches); steps with defaults need nothing here."""
    if kind is Gate:
        return GATE, signal_batch
    if kind is Plan:
        return Plan(phases=((GATE,), (dataclasses.replace(GATE, name="second"),))), signal_batch
    if kind in (Contamination, CutContamination):
        return kind(**evaluation_index()), document_batch
    if kind is EmbeddingScore:
        return EmbeddingScore(**write_encoder(ENCODER)), document_batch
    if kind is Ensemble:
        return Ensemble(name="best", members=("length", "num_words"), of="score"), signal_batch
    batches = {
        "Extract": read_batch,
        "FleschReadingEase": signal_batch,
        "LocalStopWords": signal_batch,
        "RemovedWords": signal_batch,
        "UrlRules": url_batch,
        "BadWords": signal_batch,
        "Toxicity": signal_batch,
        "Perplexity": signal_batch,
        "MinedTasks": language_batch,
        **dict.fromkeys(("KeptFacts", "KeptNegations", "Residue", "ParentOverlap"), child_batch),
        **dict.fromkeys(("LanguageKept", "InventedPersonalData"), child_batch),
        "ParentLanguage": lambda texts: child_batch(texts).drop_columns(["signal.parent_language"]),
    }
    given = {"models": ngram_models()} if kind is Perplexity else {}
    return kind(**given, **settings), batches.get(kind.__name__, document_batch)


STEPS = sorted(set(found_steps()), key=lambda kind: kind.__qualname__)
OTHER_EXTRACTORS = [name for name in get_args(Extractor) if name != Extract().extractor]
CASES = [(kind, {}) for kind in STEPS] + [(Extract, {"extractor": name}) for name in OTHER_EXTRACTORS]
each_step = pytest.mark.parametrize(
    ("kind", "settings"), CASES, ids=["-".join([kind.__qualname__, *settings.values()]) for kind, settings in CASES]
)
few = hypothesis_settings(max_examples=12, deadline=None)


def test_walking_the_package_finds_the_steps():
    names = {kind.__name__ for kind in STEPS}
    assert {"Plan", "Gate", "Extract", "Nfc", "Language", "GopherQuality", "GopherRepetition", "MinHash"} <= names


@each_step
def test_a_step_is_its_own_frozen_slotted_configuration(kind, settings):
    step, _ = example_of(kind, settings)
    assert isinstance(step, Step)
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert "__dict__" not in dir(step)
    assert pickle.loads(pickle.dumps(step)) == step
    assert json.dumps(configuration_of(step)) == json.dumps(configuration_of(pickle.loads(pickle.dumps(step))))
    assert kind.__doc__
    assert not kind.__doc__.startswith(kind.__name__ + "(")


@each_step
@few
@given(texts=TEXTS)
def test_the_output_has_the_schema_that_was_promised(kind, settings, texts):
    step, batches = example_of(kind, settings)
    batch = batches(texts)
    result = step(batch)
    assert result.schema.equals(step.output_schema(batch.schema))
    result.validate(full=True)


@each_step
@few
@given(texts=TEXTS, cuts=st.lists(st.integers(0, 9), max_size=3))
def test_batches_do_not_matter(kind, settings, texts, cuts):
    step, batches = example_of(kind, settings)
    batch = batches(texts)
    whole = step(batch)
    edges = sorted({0, len(texts), *(min(cut, len(texts)) for cut in cuts)})
    parts = [step(batch.slice(a, z - a)) for a, z in itertools.pairwise(edges)]
    joined = pa.Table.from_batches(parts or [step(batch)]).combine_chunks()
    assert joined.equals(pa.Table.from_batches([whole]).combine_chunks())


@each_step
@few
@given(texts=TEXTS)
def test_a_step_is_pure_and_keeps_every_document(kind, settings, texts):
    step, batches = example_of(kind, settings)
    batch, again = batches(texts), batches(texts)
    first = step(batch)
    assert batch.equals(again)
    assert step(batch).equals(first)
    parent = pc.index_in(first["parent_id"], value_set=batch["doc_id"]) if derives(kind) else None
    if parent is None:
        assert first["doc_id"].equals(batch["doc_id"])
    else:
        assert first.filter(pc.is_null(first["parent_id"])).equals(batch), "a document changed, or went"
        assert parent.null_count == batch.num_rows, "a parent is not in the input"
        assert pc.count_distinct(first["doc_id"]).as_py() == first.num_rows, "two documents have one id"


def derives(kind):
    """Whether a step adds rows; a phase of such steps would be one too, but no plan has one."""
    return issubclass(kind, Generator)


@each_step
def test_nothing_in_gives_nothing_out(kind, settings):
    step, batches = example_of(kind, settings)
    assert step(batches([])).num_rows == 0
