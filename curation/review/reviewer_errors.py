"""How often reviewers are wrong, by the documents whose right answer is known (gold)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.intervals import Measure, share, wilson

Floats = NDArray[np.float64]


class GoldAnswer(NamedTuple):
    """One reviewer's answer to one gold document: whether it says drop, and whether it should."""

    reviewer: str
    says_drop: bool
    is_drop: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRates:
    """Answers to gold documents: of those to be dropped and of those to be kept, how many said drop.

    Counts may be arrays of any shape, one entry per experiment.
    """

    num_drop: Floats
    said_of_drop: Floats
    num_keep: Floats
    said_of_keep: Floats

    @property
    def detection(self) -> Floats:
        """Probability that an answer says drop of a document that is to be dropped (sensitivity)."""
        return self.said_of_drop / self.num_drop

    @property
    def false_alarm(self) -> Floats:
        """Probability that it says drop of one that is to be kept (1 - specificity)."""
        return self.said_of_keep / self.num_keep

    @property
    def detection_bounds(self) -> tuple[Floats, Floats]:
        """Wilson's interval of `detection`."""
        return wilson(self.detection, self.num_drop)

    @property
    def false_alarm_bounds(self) -> tuple[Floats, Floats]:
        """Wilson's interval of `false_alarm`."""
        return wilson(self.false_alarm, self.num_keep)


def error_rates(answers: Sequence[GoldAnswer]) -> ErrorRates | None:
    """Returns the error rates of answers as they come: gold is answered in the shares in which all questions are.

    None where there is no gold of both kinds: nothing can be corrected then.
    """
    of_drop = [answer.says_drop for answer in answers if answer.is_drop]
    of_keep = [answer.says_drop for answer in answers if not answer.is_drop]
    if not of_drop or not of_keep:
        return None
    counts = (len(of_drop), sum(of_drop), len(of_keep), sum(of_keep))
    num_drop, said_of_drop, num_keep, said_of_keep = (np.float64(count) for count in counts)
    return ErrorRates(
        num_drop=np.asarray(num_drop),
        said_of_drop=np.asarray(said_of_drop),
        num_keep=np.asarray(num_keep),
        said_of_keep=np.asarray(said_of_keep),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """One reviewer on gold."""

    reviewer: str
    num_gold: int
    accuracy: Measure
    detection: Measure  # of what is to be dropped
    false_alarm: Measure  # of what is to be kept


def accuracies(answers: Sequence[GoldAnswer]) -> list[Accuracy]:
    """Returns every reviewer who answered gold, by name."""
    found = []
    for reviewer in sorted({answer.reviewer for answer in answers}):
        own = [answer for answer in answers if answer.reviewer == reviewer]
        of_drop = [answer.says_drop for answer in own if answer.is_drop]
        of_keep = [answer.says_drop for answer in own if not answer.is_drop]
        found.append(
            Accuracy(
                reviewer=reviewer,
                num_gold=len(own),
                accuracy=share(sum(answer.says_drop == answer.is_drop for answer in own), len(own)),
                detection=share(sum(of_drop), len(of_drop)),
                false_alarm=share(sum(of_keep), len(of_keep)),
            )
        )
    return found
