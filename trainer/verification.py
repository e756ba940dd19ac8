"""Reads a whole export and compares it with its manifest: digests, checksums, layout, rows, order.

A sha256 finds every changed byte; the further checks find an export that was *written* wrong, and say which row.
"""

import hashlib
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.curriculum.shard_schema import MASK, mask_of
from curation.errors import VerifyError
from curation.identity import ID_BYTES
from curation.text.conversation import IS_REJECTED, LEARNT
from trainer.manifest import Manifest, safe_path
from trainer.open_file import OpenFile, checked_path
from trainer.shards import PIECE_COLUMNS, Shards

DIGESTS = "MANIFEST.sha256"
CHUNK_BYTES = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")

Int64Array = NDArray[np.int64]


def verify_shards(shards: Shards) -> None:
    """Does nothing when every file is what the manifest says.

    Raises:
        VerifyError: the first difference, with the file and the row.
    """
    _check_digests(shards.root, shards.manifest)
    walk = _Walk(shards.manifest)
    for file in shards.files:
        _check_sha256(file.path, file.file.sha256)
        for group in range(len(file.file.row_groups)):
            check_tokens(file, group)
            walk.add(file, group)
    walk.finish()


def _check_digests(root: Path, manifest: Manifest) -> None:
    """Every file that MANIFEST.sha256 lists has that digest, and no Parquet file is unlisted."""
    _check_sha256(checked_path(root, manifest.order_path), manifest.order_sha256)
    _check_sha256(checked_path(root, "tokenizer.json"), manifest.tokenizer_sha256)
    if manifest.split != "train":  # the digests of a validation split stand in the folder above
        return
    listed = set()
    for number, line in enumerate(checked_path(root, DIGESTS).read_text("utf-8", "replace").splitlines(), start=1):
        found = _LINE.fullmatch(line)
        if not found or not safe_path(found[2]):
            raise VerifyError(
                f"{root / DIGESTS}: line {number}: expected a sha256 and a path inside, found {ascii(line)[:120]}"
            )
        _check_sha256(checked_path(root, found[2]), found[1])
        listed.add(found[2])
    for path in sorted(root.rglob("*.parquet")):
        if path.relative_to(root).as_posix() not in listed:
            raise VerifyError(f"{path}: expected only the files of {DIGESTS}, found this one too; move it away")


def _check_sha256(path: Path, expected: str) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        raise VerifyError(
            f"{path}: expected sha256 {expected}, found {digest.hexdigest()}; restore the file from its source"
        )


class FirstUse:
    """Checks the tokens of each row group when a row of it is first used, so that no run starts by reading it all."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._checked: set[tuple[Path, int]] = set()

    def check(self, rows: range) -> None:
        """Does nothing when the row groups that hold `rows` are what the manifest says; raises VerifyError."""
        for file, start, stop in self._shards.spans(rows.start, rows.stop):
            for group, _, _ in file.groups(start, stop):
                if (file.path, group) not in self._checked:
                    check_tokens(file, group)
                    self._checked.add((file.path, group))


def check_tokens(file: OpenFile, group: int) -> None:
    """Raises VerifyError when the tokens of a row group, one page, have another CRC than the manifest says."""
    found, expected = zlib.crc32(file.token_bytes(group).data), file.file.row_groups[group].tokens_crc32
    if found != expected:
        raise VerifyError(f"{file.path}: row group {group}: expected tokens with CRC {expected}, found {found}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The columns of one row group: R rows, P pieces of documents."""

    file: OpenFile
    number: int
    first_row: int
    n_valid_R: Int64Array
    continued_R: NDArray[np.bool_]
    counts_R: Int64Array
    length_P: Int64Array
    id_P: NDArray[np.void]
    mask_RC: NDArray[np.uint8] | None

    def expect(self, holds_R: NDArray[np.bool_], what: str) -> None:
        """Raises VerifyError with the first row in which `holds_R` is false."""
        wrong = np.flatnonzero(~holds_R)
        if wrong.size:
            raise VerifyError(f"{self.file.path}: row {self.first_row + int(wrong[0])}: expected {what}; export again")


def _load(file: OpenFile, number: int) -> _Group:
    entry = file.file.row_groups[number]
    table = file.group_columns(number, (*PIECE_COLUMNS, "row", *([MASK] if file.has_mask else ())))
    lists = {name: table[name].combine_chunks() for name in ("doc_lens", "doc_ids", "doc_sources")}
    counts = {name: lists[name].value_lengths().to_numpy(zero_copy_only=False) for name in lists}
    ids = lists["doc_ids"].flatten()
    data = np.frombuffer(ids.buffers()[1] or b"", dtype=f"V{ID_BYTES}")[ids.offset : ids.offset + len(ids)]
    group = _Group(
        file=file,
        number=number,
        first_row=entry.row_start,
        n_valid_R=table["n_valid"].to_numpy().astype(np.int64),
        continued_R=table["continued"].to_numpy(),
        counts_R=counts["doc_lens"].astype(np.int64),
        length_P=lists["doc_lens"].flatten().to_numpy().astype(np.int64),
        id_P=data,
        mask_RC=mask_of(table) if file.has_mask else None,
    )
    rows = np.arange(entry.row_start, entry.row_start + entry.rows)
    group.expect(table["row"].to_numpy() == rows, "its number in training order in `row`")
    for name in ("doc_ids", "doc_sources"):
        group.expect(counts[name] == group.counts_R, f"as many {name} as doc_lens")
    return group


class _Walk:
    """Walks over the row groups in order; knows how the row before ended."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._digest = hashlib.sha256()
        self._tokens = self._overlaps = self._targets = 0
        self._first_rows = np.array([stage.row_start for stage in manifest.stages])
        self._is_full = False  # whether the row before has no padding
        self._end = 0  # tokens of the last document that came before
        self._last_token = -1
        self._last_id = b""

    def add(self, file: OpenFile, number: int) -> None:
        """Checks one row group and adds it to the totals."""
        group = _load(file, number)
        self._check_lengths(group)
        self._check_tokens(group)
        if group.mask_RC is not None:
            self._check_mask(group, group.mask_RC)
        self._add_order(group)
        self._tokens += int(group.n_valid_R.sum())
        self._overlaps += int(group.continued_R.sum())

    def finish(self) -> None:
        """Compares the totals and the order with the manifest."""
        manifest = self._manifest
        found = {"tokens": self._tokens, "overlaps": self._overlaps, "order_digest": self._digest.hexdigest()}
        if manifest.has_mask:
            found["targets"] = self._targets
        for name, value in found.items():
            if value != getattr(manifest, name):
                raise VerifyError(
                    f"manifest.json: {name}: expected {getattr(manifest, name)}, found {value} in the rows"
                )

    def _check_lengths(self, group: _Group) -> None:
        num_rows, row_tokens = group.n_valid_R.size, self._manifest.sequence_length + 1
        rows = np.arange(group.first_row, group.first_row + num_rows)
        row_P = np.repeat(np.arange(num_rows), group.counts_R)
        summed = np.bincount(row_P, weights=group.length_P, minlength=num_rows).astype(np.int64)
        positive = np.bincount(row_P, weights=group.length_P < 1, minlength=num_rows) == 0
        group.expect((summed == group.n_valid_R) & positive & (group.counts_R > 0), "doc_lens that sum to n_valid")
        group.expect((group.n_valid_R >= 1) & (group.n_valid_R <= row_tokens), f"1 to {row_tokens} valid tokens")
        full_before = np.append(self._is_full, group.n_valid_R[:-1] == row_tokens)
        group.expect(~group.continued_R | full_before, "a full row before one that goes on with its document")
        self._is_full = bool(group.n_valid_R[-1] == row_tokens)
        group.expect(~group.continued_R | ~np.isin(rows, self._first_rows), "a stage that starts with a document")

    def _check_tokens(self, group: _Group) -> None:
        """Ids are in the vocabulary; documents end with EOS; a continued row repeats the last token."""
        manifest = self._manifest
        tokens = group.file.token_bytes(group.number).copy().view(np.dtype(manifest.dtype).newbyteorder("<"))
        tokens_RC = tokens.reshape(group.n_valid_R.size, -1)
        group.expect(np.less(tokens_RC, manifest.vocab_size).all(axis=1), f"token ids below {manifest.vocab_size}")
        padding_RC = np.arange(tokens_RC.shape[1])[None, :] >= group.n_valid_R[:, None]
        group.expect((~padding_RC | (tokens_RC == manifest.eos_id)).all(axis=1), "EOS as padding")
        last_R = tokens_RC[np.arange(tokens_RC.shape[0]), group.n_valid_R - 1].astype(np.int64)
        before_R = np.concatenate(([self._last_token], last_R[:-1]))
        continued = group.continued_R
        group.expect(~continued | (tokens_RC[:, 0] == before_R), "the last token of the row before as its first")
        group.expect(continued | (before_R == manifest.eos_id) | (before_R < 0), "a row before that ends its document")
        self._last_token = int(last_R[-1])
        ends_P = np.cumsum(group.length_P) - np.repeat(np.cumsum(group.n_valid_R) - group.n_valid_R, group.counts_R)
        inner_P = np.ones(ends_P.size, dtype=bool)
        inner_P[np.cumsum(group.counts_R) - 1] = False
        row_P = np.repeat(np.arange(group.counts_R.size), group.counts_R)
        wrong = tokens_RC[row_P[inner_P], ends_P[inner_P] - 1] != manifest.eos_id
        group.expect(np.bincount(row_P[inner_P][wrong], minlength=group.counts_R.size) == 0, "EOS after each document")

    def _check_mask(self, group: _Group, mask_RC: NDArray[np.uint8]) -> None:
        """Marks are known ones, and none stands on padding; counts what is to be learnt and predicted."""
        valid_RC = np.arange(mask_RC.shape[1]) < group.n_valid_R[:, None]
        group.expect(((mask_RC <= LEARNT + IS_REJECTED) & (valid_RC | (mask_RC == 0))).all(axis=1), "a known loss_mask")
        starts_P = np.cumsum(group.length_P) - group.length_P
        learnt = mask_RC[valid_RC] == LEARNT
        self._targets += int(learnt.sum()) - int(learnt[starts_P].sum())

    def _add_order(self, group: _Group) -> None:
        """Adds (doc_id, first token in the document, length) of each piece to the digest of the order."""
        first_P = np.cumsum(group.counts_R) - group.counts_R
        last_P = first_P + group.counts_R - 1
        id_before = np.concatenate(
            (np.frombuffer(self._last_id or bytes(ID_BYTES), group.id_P.dtype), group.id_P[last_P][:-1])
        )
        same = (group.id_P[first_P].view(np.uint8) == id_before.view(np.uint8)).reshape(-1, ID_BYTES).all(axis=1)
        group.expect(~group.continued_R | same, "the document of the row before to go on")
        begin_P = np.zeros(group.length_P.size, dtype=np.int64)
        end = self._end
        for row in np.flatnonzero(group.continued_R):  # a document's end is known once its start is
            piece = first_P[row]
            if row and not (group.counts_R[row - 1] == 1 and group.continued_R[row - 1]):
                end = int(group.length_P[last_P[row - 1]])
            begin_P[piece] = end - 1
            end += int(group.length_P[piece]) - 1
        record = np.empty(begin_P.size, dtype=[("id", group.id_P.dtype), ("begin", "<i8"), ("length", "<i8")])
        record["id"], record["begin"], record["length"] = group.id_P, begin_P, group.length_P
        self._digest.update(record.tobytes())
        self._end = int(begin_P[-1] + group.length_P[-1])
        self._last_id = group.id_P[-1].tobytes()
