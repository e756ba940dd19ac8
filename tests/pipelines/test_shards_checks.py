"""What a spec of shards must name, before anything starts."""

import pyarrow as pa
import pytest

from curation.curriculum.mixture import MixtureStage, Share
from curation.errors import SpecError
from pipelines.shards_checks import check_scores, shards_findings
from pipelines.spec import InputSpec, JobSpec, ScoreSpec, ShardsSpec

INPUTS = {"web": InputSpec(files=("x",)), "law": InputSpec(files=("y",), domain="contracts")}


def findings(**settings: object) -> list[str]:
    shards = ShardsSpec(tokenizer="t", **settings)
    return [f"{path}: {text}" for path, text in shards_findings(shards, JobSpec(job="j", inputs=INPUTS, shards=shards))]


@pytest.mark.parametrize("order", ["anneal", "warmup+anneal", "quality-ascending"])
def test_an_order_by_quality_needs_a_named_signal(order: str):
    expected = (
        f"shards.quality: expected the signal that order {order} takes for quality, found none. "
        "Name one, or choose another order."
    )
    assert findings(order=order) == [expected]
    assert findings(order=order, quality="taste") == []


def test_the_default_order_follows_from_whether_there_is_a_quality():
    assert ShardsSpec(tokenizer="t").order_name == "random"
    assert ShardsSpec(tokenizer="t", quality="taste").order_name == "warmup+anneal"


def test_a_mixture_has_stages_of_different_names_that_mean_inputs_of_the_job():
    stages = (
        MixtureStage(name="a", tokens=1, shares=(Share(source="wbe"), Share(domain="contracts"), Share(domain="x"))),
        MixtureStage(name="a", tokens=1, order="quality"),
        MixtureStage(name="b c", tokens=1),
    )
    assert findings(order="mixture", mixture=stages) == [
        "shards.quality: expected the signal that order mixture takes for quality, found none. "
        "Name one, or choose another order.",
        "shards.mixture: expected each name once, found 'a' twice",
        "shards.mixture[0].shares[0].source: expected one of law, web, found 'wbe'",
        "shards.mixture[0].shares[2].domain: expected one of contracts, found 'x'",
        "shards.mixture[2].name: expected a name of at most 64 letters, digits, - and _, found 'b c'",
    ]
    only = "shards.mixture: expected stages beside order mixture and only there, found order "
    assert findings(order="mixture") == [f"{only}mixture"]
    assert findings(mixture=stages[:1])[0] == f"{only}random"


def test_scores_are_named_once_and_one_counts():
    twice = (ScoreSpec(score="length"), ScoreSpec(score="length", weight=0))
    assert findings(difficulty=twice) == ["shards.difficulty: expected each score once, found 'length' twice"]
    assert findings(difficulty=twice[1:]) == ["shards.difficulty: expected a weight other than 0, found none"]


def test_a_score_that_the_job_does_not_measure_is_named_with_the_nearest_one():
    schema = pa.schema([("signal.mtld", pa.float64()), ("signal.language", pa.string())])
    check_scores(ShardsSpec(tokenizer="t", quality="mtld", difficulty=(ScoreSpec(score="length"),)), schema)
    with pytest.raises(SpecError) as error:
        check_scores(ShardsSpec(tokenizer="t", difficulty=(ScoreSpec(score="mltd"),)), schema)
    assert str(error.value) == (
        "shards.difficulty[0].score: expected a numeric signal that the job measures, found 'mltd'. Write mtld."
    )
    with pytest.raises(SpecError) as error:
        check_scores(ShardsSpec(tokenizer="t", quality="language"), schema)
    assert str(error.value) == (
        "shards.quality: expected a numeric signal that the job measures, found 'language'; "
        "add what measures it to `signals`"
    )
