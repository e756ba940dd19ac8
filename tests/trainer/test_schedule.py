"""Learning rates as functions of the step, and the warning where good data would be wasted."""

import numpy as np
import pyarrow as pa
import pytest

from curation.curriculum.order import NEED_QUALITY, Candidates, order_documents
from curation.curriculum.order import Schedule as Orders
from trainer.schedule import Schedule, advice


def test_wsd_warms_up_stays_and_decays_to_zero_in_its_last_tenth():
    schedule = Schedule(peak=1.0, total_steps=100, warmup_steps=4)
    rates = [schedule.rate(step) for step in range(101)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert set(rates[4:91]) == {1.0}
    assert rates[91:101] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])


def test_moderate_decay_ends_at_a_rate_that_is_still_of_use():
    schedule = Schedule(peak=2.0, total_steps=100, kind="moderate")
    rates = [schedule.rate(step) for step in range(101)]
    assert rates == sorted(rates, reverse=True)
    assert (rates[0], rates[100]) == (2.0, pytest.approx(0.6))


def test_good_data_at_the_end_of_a_decay_to_zero_is_warned_of():
    told = advice(Schedule(peak=1.0, total_steps=10), last_stage="anneal", average_last=1)
    assert told == (
        "the last stage, 'anneal', holds the best documents, and the learning rate ends at 0 of its peak, so they change "
        "little (arXiv 2511.18903). Try --schedule moderate --average-last 4"
    )


def test_averaging_after_a_decay_to_zero_is_warned_of():
    told = advice(Schedule(peak=1.0, total_steps=10), last_stage="random", average_last=4)
    assert told == (
        "the last 4 checkpoints are averaged, and the learning rate ends at 0 of its peak, so they hardly differ: averaging "
        "takes the place of a decay (arXiv 2511.18903). Try --schedule moderate"
    )
    assert advice(Schedule(peak=1.0, total_steps=10, kind="moderate"), last_stage="anneal", average_last=4) is None


def test_the_stages_that_end_with_the_best_are_named_as_orders_name_them():
    ids = pa.array([bytes([number]) * 16 for number in range(40)], pa.binary(16))
    ones, zeros = np.ones(40), np.zeros(40, np.int64)
    documents = Candidates(
        ids=ids,
        source_N=zeros,
        language_N=zeros,
        num_tokens_N=zeros + 9,
        score_SN={"length": ones},
        quality_N=np.arange(40.0),
        weight_N=ones,
    )
    for order in NEED_QUALITY:
        last = order_documents(documents, Orders(order=order, difficulty={"length": 1.0})).stages[-1]
        assert advice(Schedule(peak=1.0, total_steps=10), last_stage=last.name, average_last=1), order


@pytest.mark.parametrize(("kind", "stage"), [("moderate", "anneal"), ("wsd", "random")])
def test_nothing_is_said_where_nothing_is_wasted(kind: str, stage: str):
    assert advice(Schedule(peak=1.0, total_steps=10, kind=kind), last_stage=stage, average_last=1) is None


def test_a_schedule_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="schedule: expected moderate or wsd, found 'cosine'"):
        Schedule(peak=1.0, total_steps=10, kind="cosine")
    with pytest.raises(ValueError, match="schedule: expected shares from 0 to 1 and at least one step, found"):
        Schedule(peak=1.0, total_steps=10, final_fraction=2)
