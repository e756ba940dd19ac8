"""An export of a run, read as tables: rows in training order, one row group at a time."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.curriculum.shard_schema import MASK
from curation.errors import InputError
from pipelines.export_folder import MANIFEST
from pipelines.store import Store

LATEST = "exports/latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One side of an export: its folder in the run's store, and its manifest."""

    store: Store
    folder: str
    manifest: Mapping[str, object]

    @property
    def row_tokens(self) -> int:
        """Tokens of a row, padding included."""
        length = self.manifest["seq_len"]
        assert isinstance(length, int), "the exporter wrote it"
        return length + 1

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """Type of the token ids."""
        return np.dtype(str(self.manifest["dtype"])).newbyteorder("<")

    @property
    def files(self) -> list[str]:
        """Names of the shard files in training order, in the store."""
        entries = self.manifest["files"]
        assert isinstance(entries, list), "the exporter wrote it"
        return [f"{self.folder}/{entry['path']}" for entry in entries]

    @property
    def mask(self) -> list[str]:
        """The column `loss_mask`, where it has one."""
        return [MASK] if self.manifest.get("loss_mask") else []

    @property
    def num_rows(self) -> int:
        """Rows."""
        totals = self.manifest["totals"]
        assert isinstance(totals, dict), "the exporter wrote it"
        return int(totals["rows"])

    def groups(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yields the row groups in training order."""
        for name in self.files:
            with self.store.open(name) as file:
                parquet = pq.ParquetFile(file, page_checksum_verification=True)
                for group in range(parquet.num_row_groups):
                    yield parquet.read_row_group(group, columns=columns)

    def rows(self, condition: ds.Expression, columns: Sequence[str]) -> pa.Table:
        """Returns columns of the rows for which `condition` holds, in training order."""
        filesystem, root = self.store.resolve()
        paths = [f"{root}/{name}" for name in self.files]
        dataset = ds.dataset(paths, format="parquet", filesystem=filesystem) if paths else None
        if dataset is None:
            return pa.table({name: [] for name in columns})
        return dataset.to_table(columns=list(columns), filter=condition).sort_by("row")


def open_export(run: str, *, split: str = "train") -> Exported:
    """Returns the newest export of a run.

    Raises:
        InputError: the run has none.
    """
    store = Store(run)
    if not store.exists(LATEST):
        raise InputError(f"{run}: expected an export of training rows, found none; give the spec `shards` and run it")
    folder = f"exports/{store.read(LATEST).decode().strip()}" + ("" if split == "train" else f"/{split}")
    return Exported(store=store, folder=folder, manifest=json.loads(store.read(f"{folder}/{MANIFEST}")))


def tokens_of(table: pa.Table, exported: Exported) -> NDArray[np.unsignedinteger]:
    """Returns (R, T + 1) token ids of a table with the column `tokens`; a view where it is one chunk."""
    array = table["tokens"].combine_chunks()
    data = np.frombuffer(array.buffers()[1] or b"", dtype=exported.dtype)
    start = array.offset * exported.row_tokens
    return data[start : start + len(array) * exported.row_tokens].reshape(-1, exported.row_tokens)


def lengths_of(table: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the lengths of all pieces (P,), and how many each row has (R,)."""
    lens = table["doc_lens"].combine_chunks()
    return lens.flatten().to_numpy().astype(np.int64), lens.value_lengths().to_numpy().astype(np.int64)
