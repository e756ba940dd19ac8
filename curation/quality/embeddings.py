"""A classifier of embeddings as a signal: an encoder (ONNX), and a linear head on its vector.

FineWeb-Edu (Penedo et al. 2024, arXiv 2406.17557, section 4) grades pages with a linear head on a sentence encoder, and
Nemotron-CC (Su et al. 2024, arXiv 2412.02595) uses such heads beside a fastText classifier. `Embedder` is the seam: one
method. The encoder here runs on onnxruntime (`pip install 'gristmill[embedding]'`), one document at a time and on one
thread, because vectors that are computed in batches change with the batch.
"""

import functools
import hashlib
import json
import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer

from curation.errors import ArtifactError
from curation.quality.calibration import Calibration, read_calibration
from curation.quality.columns import add_signals
from curation.quality.model_files import verified_file
from curation.quality.scores import bucket_of, buckets_by, check_calibration
from curation.setting import key
from curation.step import require, signal_field, with_fields
from curation.text.words import words_of

HEAD_FORMAT = "gristmill-linear-head-1"
HEAD_KEYS = {"pooling", "normalize", "max_tokens", "weights", "bias", "sigmoid"}
POOLINGS = ("mean", "first")
MAX_DIM, MAX_TOKENS = 1 << 16, 1 << 16
CHARS_PER_TOKEN = 64
"""Only so many characters per token that the encoder takes are tokenised: a token is rarely that long."""

Floats = NDArray[np.float64]


class Embedder(Protocol):
    """The seam to whatever turns text into a vector."""

    def embed(self, text: str) -> Floats:
        """Returns float64 (D,); the same for the same text, whatever was embedded before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearHead:
    """A linear function of a vector, and how the vector is made of what the encoder gives per token."""

    pooling: Literal["mean", "first"]
    """Of an encoder that gives a vector per token: their mean, or the first token's."""
    normalize: bool
    """Divides the vector by its length."""
    max_tokens: int
    """What follows is not read."""
    weight_D: Floats
    bias: float
    sigmoid: bool
    """Makes the result a share, as of logistic regression."""

    def score(self, vector_D: Floats, *, name: str) -> float:
        """Returns the score of a vector.

        Raises:
            ArtifactError: it has another size than the weights.
        """
        if vector_D.shape != self.weight_D.shape:
            raise ArtifactError(
                f"{name}: expected a vector of {self.weight_D.size} numbers, found shape {vector_D.shape}"
            )
        length = math.sqrt(float((vector_D * vector_D).sum())) if self.normalize else 1.0
        linear = float((self.weight_D * vector_D).sum()) / (length or 1.0) + self.bias
        return 1 / (1 + math.exp(-min(max(linear, -700.0), 700.0))) if self.sigmoid else linear


def read_head(data: bytes, *, name: str) -> LinearHead:
    """Returns the head in a JSON file's content.

    Raises:
        ArtifactError: it is no head, or a value is not what it should be.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.pop("format", None) != HEAD_FORMAT or found.keys() != HEAD_KEYS:
        raise ArtifactError(
            f"{name}: expected a head (JSON with the format {HEAD_FORMAT!r} and {', '.join(sorted(HEAD_KEYS))}), "
            "found something else"
        )
    weights, bias, tokens = found["weights"], found["bias"], found["max_tokens"]
    numbers = [*weights, bias] if isinstance(weights, list) and 0 < len(weights) <= MAX_DIM else [None]
    if any(isinstance(item, bool) or not isinstance(item, int | float) or not math.isfinite(item) for item in numbers):
        raise ArtifactError(f"{name}: expected 1 to {MAX_DIM} finite weights and a finite bias, found others")
    if isinstance(tokens, bool) or not isinstance(tokens, int) or not 1 <= tokens <= MAX_TOKENS:
        raise ArtifactError(f"{name}: max_tokens: expected a whole number in [1, {MAX_TOKENS}], found {tokens!r}")
    if found["pooling"] not in POOLINGS or not all(isinstance(found[flag], bool) for flag in ("normalize", "sigmoid")):
        raise ArtifactError(
            f"{name}: expected pooling mean or first, and normalize and sigmoid true or false, found others"
        )
    return LinearHead(
        pooling=found["pooling"],
        normalize=found["normalize"],
        max_tokens=tokens,
        weight_D=np.array(weights, dtype=np.float64),
        bias=float(bias),
        sigmoid=found["sigmoid"],
    )


class OnnxEncoder:
    """An `Embedder` on onnxruntime; safe to share between threads.

    Takes models with the inputs `input_ids`, `attention_mask` and maybe `token_type_ids`, int64 (1, tokens); the first
    output is a vector (1, D), or one per token (1, tokens, D), which the head pools.
    """

    def __init__(self, model: bytes, tokenizer: bytes, head: LinearHead, *, name: str) -> None:
        """Loads both files' contents; `name` is what messages call them.

        Raises:
            ArtifactError: the model is none that onnxruntime takes from memory, or the tokenizer is none.
        """
        import onnxruntime  # noqa: PLC0415 - an extra

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            self._tokenizer = Tokenizer.from_buffer(tokenizer)
        except Exception as error:  # both libraries raise types of their own
            raise ArtifactError(
                f"{name}: expected an ONNX encoder and a tokenizer.json, found others ({error})"
            ) from None
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(head.max_tokens)
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._head, self._name = head, name

    def embed(self, text: str) -> Floats:
        """Returns float64 (D,).

        Raises:
            ArtifactError: the model takes or gives something else than it should.
        """
        encoded = self._tokenizer.encode(text[: CHARS_PER_TOKEN * self._head.max_tokens])
        given = {"input_ids": encoded.ids, "attention_mask": encoded.attention_mask, "token_type_ids": encoded.type_ids}
        try:
            feed = {name: np.array([given[name]], dtype=np.int64) for name in self._inputs}
            output = np.asarray(self._session.run(None, feed)[0], dtype=np.float64)
        except Exception as error:
            raise ArtifactError(f"{self._name}: the encoder cannot be run ({error})") from None
        vectors_TD: Floats = output.reshape(-1, output.shape[-1])
        return np.asarray(vectors_TD.mean(axis=0) if self._head.pooling == "mean" else vectors_TD[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingScore:
    """Adds `signal.<name>` (float64): a linear head on the text's embedding, calibrated if told.

    Null where the text has no word. `buckets` adds `signal.<name>_bucket`, as of `ClassifierScore`.
    """

    encoder: str = key("encoder.onnx", "path of an ONNX model")
    encoder_sha256: str | None = key(None, "digest that it must have")
    tokenizer: str = key("tokenizer.json", "path of its tokenizer")
    tokenizer_sha256: str | None = key(None, "digest that it must have")
    head: str = key("head.json", "path of a linear head")
    head_sha256: str | None = key(None, "digest that it must have")
    name: str = key("embedding", "of the signal")
    calibration: str | None = key(None, "path of a calibration of the head")
    calibration_sha256: str | None = key(None, "digest that it must have")
    buckets: bool = key(False, "adds the bucket too")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal, and the bucket if asked for."""
        names = [self.name, bucket_of(self.name)] if self.buckets else [self.name]
        return with_fields(require(schema, "text", pa.string()), map(signal_field, names))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`.

        Raises:
            ArtifactError: a file is missing, has another digest or is not what it should be.
        """
        loaded = load_embedding(self)
        is_null_N = words_of(batch["text"]).num_words_N == 0
        score_N = np.zeros(batch.num_rows)
        for n in np.flatnonzero(~is_null_N).tolist():
            vector_D = loaded.embedder.embed(batch["text"][n].as_py())
            score_N[n] = loaded.head.score(vector_D, name=self.head)
        calibration = loaded.calibration
        signals = {self.name: score_N if calibration is None else calibration.apply(score_N)}
        if self.buckets:
            signals[bucket_of(self.name)] = buckets_by(calibration, score_N, name=self.name)
        return add_signals(batch, signals, null=dict.fromkeys(signals, is_null_N))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a step needs."""

    embedder: Embedder
    head: LinearHead
    calibration: Calibration | None


@functools.lru_cache(maxsize=4)
def load_embedding(step: EmbeddingScore) -> Loaded:
    """Returns what a step needs, loaded once per process.

    Raises:
        ArtifactError: see `EmbeddingScore.__call__`.
    """
    content = verified_file(step.head, step.head_sha256, what="a linear head")
    head = read_head(content, name=step.head)
    model = verified_file(step.encoder, step.encoder_sha256, what="an ONNX encoder")
    tokenizer = verified_file(step.tokenizer, step.tokenizer_sha256, what="a tokenizer.json")
    calibration = None
    if step.calibration is not None:
        knots = verified_file(step.calibration, step.calibration_sha256, what="a calibration")
        calibration = read_calibration(knots, name=step.calibration)
        check_calibration(calibration, sha256=hashlib.sha256(content).hexdigest(), labels={}, name=step.head)
    embedder = OnnxEncoder(model, tokenizer, head, name=f"{step.encoder}, {step.tokenizer}")
    return Loaded(embedder=embedder, head=head, calibration=calibration)
