"""Reads files as a job does, without extraction, and holds every file to the law of input on the way."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from curation.schema import ACCOUNT, DEAD_LETTER, READ
from pipelines.inputs.open import list_files
from pipelines.inputs.reading import Accounts, read_unit
from pipelines.inputs.sniff import inspect_file
from pipelines.inputs.units import WorkUnit, plan_units
from pipelines.spec import InputSpec, Limits
from tests.oracles.tiling import untiled


@dataclass
class Outcome:
    """What a set of files became."""

    rows: list[dict] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    units: list[WorkUnit] = field(default_factory=list)
    accounts: list[dict] = field(default_factory=list)
    dead: list[dict] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [row["text"] for row in self.rows]

    @property
    def reasons(self) -> list[str]:
        return [row["reason"] for row in self.dead]

    @property
    def counts(self) -> Counter:
        """Records by kind and reason, as the accounts have them."""
        counts: Counter = Counter()
        for row in self.accounts:
            if row["kind"] != "end":
                counts[" ".join(filter(None, (row["kind"], row["reason"])))] += row["count"]
        return counts


def read_files(
    *patterns: Path | str, given: InputSpec | None = None, limits: Limits | None = None, root: Path = Path("/")
) -> Outcome:
    """Lists, inspects, plans and reads; asserts schemas, batch size, the law of input and one end per file."""
    limits = limits or Limits()
    given = dataclasses.replace(given or InputSpec(files=()), files=tuple(map(str, patterns)))
    files = [inspect_file(file, given) for file in list_files(given.files, root)]
    outcome = Outcome(units=plan_units(files, limits, source="s", given=given))
    for unit in outcome.units:
        _read(unit, given, limits, outcome)
    for file in files:
        assert_law_of_input(outcome.accounts, file.path)
    return outcome


def _read(unit: WorkUnit, given: InputSpec, limits: Limits, outcome: Outcome) -> None:
    accounts = Accounts(source="s")
    for batch in read_unit(unit, given, limits, accounts):
        assert batch.schema == READ
        batch.validate(full=True)
        assert batch.num_rows, "an empty batch"
        assert batch["raw"].null_count + batch["text"].null_count == batch.num_rows, "raw or text, not both"
        paths = batch["path"].to_pylist()
        assert len(set(paths)) == 1, "a batch is of one file"
        accounts.documents(paths[0], batch["offset"].to_numpy(), batch["length_bytes"].to_numpy())
        outcome.rows += batch.to_pylist()
        outcome.batches.append(batch)
    table, dead = accounts.accounts_table(), accounts.dead_letter_table()
    assert (table.schema, dead.schema) == (ACCOUNT, DEAD_LETTER)
    outcome.accounts += table.to_pylist()
    outcome.dead += dead.to_pylist()


def assert_law_of_input(accounts: Sequence[dict], path: str) -> None:
    """Asserts that the extents of `path` in all units tile it, and that its end was told once."""
    mine = [row for row in accounts if row["path"] == path]
    ends = [row["offset"] for row in mine if row["kind"] == "end"]
    assert len(ends) == 1, f"{path}: expected one end, found {ends}"
    extents = [(row["offset"], row["length"]) for row in mine if row["kind"] != "end"]
    assert untiled(extents, ends[0]) == [], f"{path}: {mine}"
