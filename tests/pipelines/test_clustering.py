import numpy as np

from curation.dedup.survivors import HELD, REMOVED, STAYS
from pipelines.clustering import EXACT, NEAR, NO_LINK, _follow

KEPT, REVIEW = 0, 1


def followed(*, first_outcome, first_kind=NO_LINK, first_jaccard=0.0, first_survivor=-1, states=(KEPT, KEPT, KEPT)):
    """Document 0, then 1 and its copy 2; returns what becomes of the copy."""
    outcome = np.array([STAYS, first_outcome, STAYS], dtype=np.uint8)
    kind = np.array([NO_LINK, first_kind, NO_LINK], dtype=np.uint8)
    jaccard = np.array([0.0, first_jaccard, 0.0])
    survivor = np.array([-1, first_survivor, -1])
    _follow(
        np.array([2]),
        np.array([0, 1, 1]),
        np.array(states, dtype=np.uint8),
        outcome_R=outcome,
        kind_R=kind,
        jaccard_R=jaccard,
        survivor_R=survivor,
    )
    return int(outcome[2]), int(kind[2]), float(jaccard[2]), int(survivor[2])


def test_a_copy_of_a_document_that_stays_is_removed_for_it():
    assert followed(first_outcome=STAYS) == (REMOVED, EXACT, 1.0, 1)


def test_a_copy_of_a_document_removed_for_another_is_removed_by_the_same_link():
    assert followed(first_outcome=REMOVED, first_kind=NEAR, first_jaccard=0.8, first_survivor=0) == (
        REMOVED,
        NEAR,
        0.8,
        0,
    )


def test_a_copy_of_a_document_in_review_or_held_waits_with_it():
    assert followed(first_outcome=STAYS, states=(KEPT, REVIEW, KEPT))[0] == HELD
    assert followed(first_outcome=HELD)[0] == HELD


def test_a_copy_that_people_see_anyway_stays_in_review():
    assert followed(first_outcome=STAYS, states=(KEPT, REVIEW, REVIEW))[0] == STAYS
