"""Steps of a training run: the same rows in the same order on any number of ranks, from any crash on."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import VerifyError
from pipelines.shards import export_shards
from tests.token_runs import documents, texts, write_run
from trainer.loader import CurriculumDataset, Step
from trainer.progress import row_of_step, rows_of_step, share_of
from trainer.shards import open_shards


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    batches = [documents(texts(150)), documents(texts(20, seed=5), source="held", split="validation")]
    return root / export_shards(write_run(root, batches)).folder


def rows_read(step: Step) -> list[int]:
    return [batch.first_row + row for batch in step.batches for row in range(batch.tokens_RC.shape[0])]


@given(st.integers(1, 200), st.integers(1, 40), st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_the_rows_of_a_step_do_not_depend_on_the_number_of_ranks(rows: int, batch: int, worlds: list[int]):
    seen: list[int] = []
    next_row = steps = 0
    while next_row < 2 * rows:
        world = min(worlds[steps % len(worlds)], batch)
        step = rows_of_step(next_row, rows=rows, global_batch=batch)
        seen += [row for rank in range(world) for row in share_of(step, rank=rank, world=world)]
        next_row, steps = next_row + len(step), steps + 1
    assert seen == list(range(rows)) * 2, "the ranks of each step, in order, are the rows of the export, in order"


@pytest.mark.slow
@pytest.mark.parametrize("read_ahead", [0, 3])
def test_a_run_that_crashes_goes_on_with_other_ranks_and_micro_batches_to_the_same_rows(
    exported: Path, read_ahead: int
):
    shards = open_shards(exported)
    uninterrupted = [step.rows for step in CurriculumDataset(shards, global_batch=7, epochs=2)]
    log: list[range] = []
    seen: list[int] = []
    state = CurriculumDataset(shards, global_batch=7).state_dict()
    draw = np.random.default_rng(5)
    while len(log) < len(uninterrupted):
        world, lives = int(draw.integers(1, 8)), int(draw.integers(1, 6))
        ranks = [
            CurriculumDataset(
                shards, global_batch=7, rank=rank, world=world, micro_batch=lives, epochs=2, read_ahead=read_ahead
            )
            for rank in range(world)
        ]
        for rank in ranks:
            rank.load_state_dict(json.loads(json.dumps(state)))
        for _, steps in zip(range(lives), zip(*ranks, strict=True), strict=False):
            assert len({step.rows for step in steps}) == 1
            assert sum(batch.num_targets for step in steps for batch in step.batches) == steps[0].num_targets
            log.append(steps[0].rows)
            seen += [row for step in steps for row in rows_read(step)]
            states = [rank.state_dict() for rank in ranks]
            assert all(other == states[0] for other in states), "one state for all ranks"
            state = states[0]
    assert log == uninterrupted
    assert seen == list(range(len(shards))) * 2, "no row twice, none lost"


def test_the_state_is_one_number_and_a_digest_and_knows_nothing_of_what_was_read_ahead(exported: Path):
    data = CurriculumDataset(exported, global_batch=7, read_ahead=4)
    steps = iter(data)
    next(steps)
    assert data.state_dict() == {"manifest_sha256": data.shards.manifest.sha256, "next_row": 7}
    assert data.step_number() == 1
    assert next(steps).rows == range(7, 14)


def test_another_global_batch_goes_on_at_the_same_row(exported: Path):
    first = CurriculumDataset(exported, global_batch=7)
    next(iter(first))
    second = CurriculumDataset(exported, global_batch=5)
    second.load_state_dict(first.state_dict())
    assert next(iter(second)).rows == range(7, 12)


def test_micro_batches_are_the_rows_of_the_rank(exported: Path):
    shards = open_shards(exported)
    step = next(iter(CurriculumDataset(shards, global_batch=10, rank=1, world=2, micro_batch=2)))
    assert [batch.tokens_RC.shape[0] for batch in step.batches] == [2, 2, 1]
    whole = shards.tokens(5, 10)
    assert np.array_equal(np.concatenate([batch.tokens_RC for batch in step.batches]), whole)


def test_a_state_is_refused_for_other_data_and_when_it_is_none(exported: Path):
    data = CurriculumDataset(exported, global_batch=7)
    saved = data.state_dict()
    with pytest.raises(VerifyError, match="made with other data"):
        CurriculumDataset(exported / "validation", global_batch=2).load_state_dict(saved)
    for wrong in (-1, True, 1.5, None):
        with pytest.raises(VerifyError, match="next_row: expected a whole number"):
            data.load_state_dict(saved | {"next_row": wrong})


def test_more_ranks_than_rows_in_a_step_are_refused(exported: Path):
    with pytest.raises(ValueError, match="world <= global batch, found rank 0, world 5, batch 4"):
        CurriculumDataset(exported, global_batch=4, world=5)
    with pytest.raises(ValueError, match="micro batch and epochs of at least 1"):
        CurriculumDataset(exported, global_batch=4, micro_batch=0)


def test_an_error_while_reading_ahead_reaches_the_loop_and_the_thread_ends(exported: Path, tmp_path: Path):
    copy = Path(shutil.copytree(exported, tmp_path / "copy"))
    shards = open_shards(copy)
    path = copy / shards.manifest.files[0].path
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(VerifyError, match="expected a Parquet file"):
        list(CurriculumDataset(shards, global_batch=7))
    assert not [thread for thread in threading.enumerate() if thread.name == "gristmill-read-ahead"]


def test_a_loop_that_is_left_early_ends_the_thread(exported: Path):
    for _ in CurriculumDataset(exported, global_batch=1, read_ahead=1):
        break
    assert not [thread for thread in threading.enumerate() if thread.name == "gristmill-read-ahead"]


def test_an_empty_export_has_no_steps(tmp_path: Path):
    export = export_shards(write_run(tmp_path, []))
    data = CurriculumDataset(tmp_path / export.folder, global_batch=2)
    assert (list(data), len(data), data.step_number()) == ([], 0, 0)


@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 30))
def test_the_row_that_a_step_starts_with_is_where_the_steps_before_it_end(rows: int, batch: int, steps: int):
    next_row = 0
    for _ in range(steps):
        next_row += len(rows_of_step(next_row, rows=rows, global_batch=batch))
    assert row_of_step(steps, rows=rows, global_batch=batch) == next_row


def test_a_loop_that_keeps_the_number_of_steps_goes_on_in_the_second_epoch(exported: Path):
    data = CurriculumDataset(exported, global_batch=7, epochs=2)
    rows = [step.rows for step in data]
    data.start_at(len(rows) // 2 + 1)
    assert data.step_number() == len(rows) // 2 + 1
    assert [step.rows for step in data] == rows[len(rows) // 2 + 1 :]
