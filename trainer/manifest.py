"""The manifest of an export, read as what it is: data from somebody else.

Every value is checked for type and range, paths must stay inside the folder, and rows, files and stages must tile
each other, before a byte of a shard is touched. Unknown keys are ignored: minor versions may add some.
"""

import bisect
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from curation.curriculum.shard_schema import DTYPES, FORMAT, FORMAT_VERSION, row_bytes
from curation.errors import VerifyError

NAME = "manifest.json"
MAX_MANIFEST_BYTES = 512 << 20
MAX_COUNT = 1 << 62
MAX_PATH_CHARACTERS = 1024
MAX_ROW_TOKENS = 1 << 28
SHA256 = re.compile(r"[0-9a-f]{64}")
VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(\.\d{1,4})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """A row group: its rows in training order, and where their token ids lie in the file."""

    row_start: int
    rows: int
    tokens_offset: int
    tokens_crc32: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardFile:
    """A shard file; `path` is relative to the export's folder."""

    path: str
    row_start: int
    rows: int
    bytes: int
    sha256: str
    row_groups: tuple[RowGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRange:
    """A stage and its rows [row_start, row_end); the factor is a suggestion for the learning rate."""

    name: str
    row_start: int
    row_end: int
    lr_factor: float
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a reader needs; `sha256` is that of the manifest itself and names the data in checkpoints."""

    sha256: str
    split: str
    sequence_length: int
    dtype: str
    vocab_size: int
    eos_id: int
    tokenizer_sha256: str
    rows: int
    tokens: int
    overlaps: int
    padding: int
    stages: tuple[StageRange, ...]
    files: tuple[ShardFile, ...]
    order_path: str
    order_sha256: str
    order_digest: str
    has_mask: bool = False
    targets: int | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources of the documents in the rows, sorted; `Batch.source_P` indexes them."""
        return tuple(sorted({source for stage in self.stages for source in stage.sources}))

    def stage_at(self, row: int) -> StageRange:
        """Returns the stage that holds `row`, in [0, rows)."""
        return self.stages[bisect.bisect_right([stage.row_end for stage in self.stages], row)]

    @property
    def row_bytes(self) -> int:
        """Bytes of the token ids of one row."""
        return row_bytes(self.sequence_length, self.dtype)


def read_manifest(root: Path) -> Manifest:
    """Returns the manifest of the export in `root`.

    Raises:
        VerifyError: there is none, or it is not one; the message names the key, what was expected and what was found.
    """
    path = root / NAME
    try:
        with path.open("rb") as file:
            content = file.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise VerifyError(
            f"{path}: expected the manifest of an export, found {error.strerror}; give its folder"
        ) from error
    if len(content) > MAX_MANIFEST_BYTES:
        raise VerifyError(f"{path}: expected at most {MAX_MANIFEST_BYTES} bytes, found more")
    return parse_manifest(content, where=str(path))


def parse_manifest(content: bytes, *, where: str = NAME) -> Manifest:
    """Returns the manifest in `content`; `where` begins every message.

    Raises:
        VerifyError: see `read_manifest`.
    """
    try:
        value = json.loads(content, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise VerifyError(f"{where}: expected JSON, found {error}") from error
    top = _Object(value, where)
    _check_version(top)
    tokenizer, totals, order = top.object("tokenizer"), top.object("totals"), top.object("order")
    length = top.integer("seq_len", 1, MAX_ROW_TOKENS)
    dtype = top.choice("dtype", DTYPES)
    vocab_size = tokenizer.integer("vocab_size", 1, 1 << (8 * DTYPES[dtype]))
    width = row_bytes(length, dtype)
    has_mask = top.flag("loss_mask")
    manifest = Manifest(
        sha256=hashlib.sha256(content).hexdigest(),
        split=top.choice("split", ("train", "validation")),
        sequence_length=length,
        dtype=dtype,
        vocab_size=vocab_size,
        eos_id=tokenizer.integer("eos_id", 0, vocab_size - 1),
        tokenizer_sha256=tokenizer.sha256("sha256"),
        rows=totals.count("rows"),
        tokens=totals.count("tokens"),
        overlaps=totals.count("overlaps"),
        padding=totals.count("padding"),
        stages=tuple(_stage(entry) for entry in top.objects("stages")),
        files=tuple(_file(entry, width) for entry in top.objects("files")),
        order_path=order.path("path"),
        order_sha256=order.sha256("sha256"),
        order_digest=top.sha256("order_digest"),
        has_mask=has_mask,
        targets=totals.count("targets") if has_mask else None,
    )
    _check_tiling(manifest, where)
    return manifest


def safe_path(value: str) -> bool:
    """Whether `value` is a plain relative path with `/`, which cannot leave its folder."""
    parts = value.split("/")
    return (
        0 < len(value) <= MAX_PATH_CHARACTERS
        and value.isprintable()
        and "\\" not in value
        and not PurePosixPath(value).is_absolute()
        and all(part not in ("", ".", "..") for part in parts)
    )


class _Object:
    """A JSON object whose values are asked for by key, type and range."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise VerifyError(f"{where}: expected an object, found {_short(value)}")
        self._value: Mapping[str, object] = value
        self.where = where

    def fail(self, key: str, expected: str) -> VerifyError:
        """Returns the error for `key`."""
        return VerifyError(f"{self.where}: {key}: expected {expected}, found {_short(self._value.get(key))}")

    def integer(self, key: str, low: int, high: int) -> int:
        """Returns a whole number in [low, high]."""
        value = self._value.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.fail(key, f"a whole number from {low} to {high}")
        return value

    def number(self, key: str, low: float, high: float, *, missing: float) -> float:
        """Returns a number in [low, high]; `missing` where there is no such key."""
        value = self._value.get(key, missing)
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise self.fail(key, f"a number from {low} to {high}")
        return float(value)

    def keys(self, key: str) -> tuple[str, ...]:
        """Returns the keys of an object; none where there is none."""
        value = self._value.get(key, {})
        if not isinstance(value, dict):
            raise self.fail(key, "an object")
        return tuple(value)

    def flag(self, key: str) -> bool:
        """Returns true or false; false where there is no such key."""
        value = self._value.get(key, False)
        if not isinstance(value, bool):
            raise self.fail(key, "true or false")
        return value

    def count(self, key: str) -> int:
        """Returns a number of things."""
        return self.integer(key, 0, MAX_COUNT)

    def text(self, key: str) -> str:
        """Returns a string."""
        value = self._value.get(key)
        if not isinstance(value, str):
            raise self.fail(key, "a string")
        return value

    def choice(self, key: str, choices: Mapping[str, int] | tuple[str, ...]) -> str:
        """Returns one of `choices`."""
        value = self._value.get(key)
        if not isinstance(value, str) or value not in choices:
            raise self.fail(key, f"one of {', '.join(choices)}")
        return value

    def sha256(self, key: str) -> str:
        """Returns 64 lower-case hexadecimal digits."""
        if not SHA256.fullmatch(self.text(key)):
            raise self.fail(key, "a sha256 of 64 hexadecimal digits")
        return self.text(key)

    def path(self, key: str) -> str:
        """Returns a relative path that stays inside the export's folder."""
        if not safe_path(self.text(key)):
            raise self.fail(key, "a relative path inside the folder")
        return self.text(key)

    def object(self, key: str) -> "_Object":
        """Returns an object."""
        return _Object(self._value.get(key), f"{self.where}: {key}")

    def objects(self, key: str) -> Iterator["_Object"]:
        """Yields the objects of a list."""
        value = self._value.get(key)
        if not isinstance(value, list):
            raise self.fail(key, "a list")
        for index, item in enumerate(value):
            yield _Object(item, f"{self.where}: {key}[{index}]")


def _short(value: object) -> str:
    """Returns a short, printable form of a hostile value."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python prints
        return "a huge number"
    return ascii(text[:60])[1:-1] + ("..." if len(text) > 60 else "")  # noqa: PLR2004


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object with the same key twice")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name}, which is not JSON")


def _check_version(top: _Object) -> None:
    top.choice("format", (FORMAT,))
    found = VERSION.fullmatch(top.text("format_version"))
    major = FORMAT_VERSION.split(".")[0]
    if not found or found[1] != major:
        raise top.fail("format_version", f"version {major}.x, which this reader knows")


def _stage(entry: _Object) -> StageRange:
    start = entry.count("row_start")
    return StageRange(
        name=entry.text("name"),
        row_start=start,
        row_end=entry.integer("row_end", start, MAX_COUNT),
        lr_factor=entry.number("lr_factor", 0, 1024, missing=1.0),
        sources=entry.keys("tokens_by_source"),
    )


def _file(entry: _Object, width: int) -> ShardFile:
    num_bytes, row, rows = entry.count("bytes"), entry.count("row_start"), entry.count("rows")
    groups = []
    at = row
    for item in entry.objects("row_groups"):
        group_rows = item.integer("rows", 1, MAX_COUNT)
        group = RowGroup(
            row_start=item.integer("row_start", at, at),
            rows=group_rows,
            tokens_offset=item.integer("tokens_offset", 4, max(num_bytes - group_rows * width, 3)),
            tokens_crc32=item.integer("tokens_crc32", 0, (1 << 32) - 1),
        )
        groups.append(group)
        at += group_rows
    if at != row + rows:
        raise entry.fail("rows", f"{at - row}, the rows of its row groups")
    return ShardFile(
        path=entry.path("path"),
        row_start=row,
        rows=rows,
        bytes=num_bytes,
        sha256=entry.sha256("sha256"),
        row_groups=tuple(groups),
    )


def _check_tiling(manifest: Manifest, where: str) -> None:
    """Files and stages must each cover rows [0, rows) in order, and positions must add up."""
    for kind, ranges in (
        ("files", [(file.row_start, file.row_start + file.rows) for file in manifest.files]),
        ("stages", [(stage.row_start, stage.row_end) for stage in manifest.stages]),
    ):
        at = 0
        for index, (start, stop) in enumerate(ranges):
            if start != at:
                raise VerifyError(f"{where}: {kind}[{index}]: expected to start at row {at}, found {start}")
            at = stop
        if at != manifest.rows:
            raise VerifyError(f"{where}: {kind}: expected to end at row {manifest.rows}, found {at}")
    paths = [file.path for file in manifest.files]
    if len(set(paths)) != len(paths):
        raise VerifyError(f"{where}: files: expected every path once, found one twice")
    positions = manifest.rows * (manifest.sequence_length + 1)
    if manifest.tokens + manifest.padding != positions or manifest.overlaps > manifest.rows:
        raise VerifyError(
            f"{where}: totals: expected tokens + padding = {positions} and at most one overlap a row, "
            f"found {manifest.tokens} + {manifest.padding} and {manifest.overlaps}"
        )
