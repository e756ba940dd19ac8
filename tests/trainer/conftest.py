"""A small export to train on, and groups of processes that train together."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipelines.shards import export_shards
from tests.token_runs import documents, texts, write_run
from trainer.shards import Shards, open_shards

if TYPE_CHECKING:
    from tests.trainer.ranks import RankGroup


@pytest.fixture(scope="package")
def trained_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an export of about fifty rows in two stages, of two sources."""
    root = tmp_path_factory.mktemp("trained-on")
    held = documents(texts(6, seed=5), source="held", split="validation")
    batches = [documents(texts(12)), documents(texts(6, seed=3), source="law"), held]
    request = write_run(root, batches)
    shards = dataclasses.replace(request.shards, order="warmup")
    return root / export_shards(dataclasses.replace(request, shards=shards)).folder


@pytest.fixture
def shards(trained_on: Path) -> Shards:
    """The same, opened."""
    return open_shards(trained_on)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Callable[[int], RankGroup]]":
    """Groups of so many ranks, each started once and used again."""
    from tests.trainer.ranks import RankGroup

    groups: dict[int, RankGroup] = {}

    def of(world: int) -> RankGroup:
        if world not in groups:
            groups[world] = RankGroup(world, tmp_path_factory.mktemp("ranks"))
        return groups[world]

    yield of
    for group in groups.values():
        group.close()
