"""What a run learnt from people, made up: for everything that shows it."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.identity import secure_hash
from curation.intervals import Measure, share
from curation.review.agreement import Agreement
from curation.review.reviewer_errors import Accuracy
from curation.review.selection import AUDIT_DROPPED
from curation.schema import REVIEW_ROUTES, REVIEW_TASKS
from pipelines.learning.answered import Dispute, Field, Pair, QueueState
from pipelines.learning.facts import FACTS
from pipelines.learning.learned import Learned, Trust
from pipelines.learning.proposal import Change, Classifier
from pipelines.learning.rules import Judged, RuleEstimate
from pipelines.learning.thresholds import Threshold

NOTHING = Measure(value=None)
UNSURE = Measure(value=None, low=0.0, high=1.0)


def lessons(names: Sequence[str]) -> dict[str, object]:
    """Facts in which every text is one of `names`; estimates of every kind, unknown ones too."""
    measures = [share(8, 10), share(99, 100), UNSURE, NOTHING, share(0, 5)]
    some = [measures[place % len(measures)] for place in range(len(names))]
    judged = [
        Judged(num_documents=10**place, num_judged=place, precision=one, recall=one)
        for place, one in enumerate(some[:9])
    ]
    judged += [judged[-1]] * (len(names) - len(judged))
    agreed = [Agreement(alpha=one, equal_fraction=0.8, num_units=7) for one in some]
    learned = Learned(
        num_answers=1234,
        num_skipped=3,
        num_audited=200,
        queue=(QueueState(route="doubt", num_questions=10, num_answered=4, num_open=6),),
        agreement=tuple(Field(name=name, level="nominal", found=one) for name, one in zip(names, agreed, strict=True)),
        pairs=tuple(Pair(one=name, other=name, found=one) for name, one in zip(names, agreed, strict=True)),
        trust=Trust(
            num_gold=20, num_answers=31, detection=share(9, 10), false_alarm=share(1, 21), is_corrected_for=True
        ),
        reviewers=tuple(
            Accuracy(reviewer=name, num_gold=20, accuracy=one, detection=one, false_alarm=one)
            for name, one in zip(names, some, strict=True)
        ),
        disputes=tuple(
            Dispute(
                review_key=name,
                kind="document",
                doc_id=secure_hash(name.encode(errors="replace")).hex(),
                other_id=None,
                task_id=1,
                source=name,
                reason=name,
                answers={name: "keep", f"not {name}": "drop"},
                ruling=None,
                text=name,
            )
            for name in names
        ),
        rules=tuple(
            RuleEstimate(rule=name, alone=one, among_others=one) for name, one in zip(names, judged, strict=True)
        ),
        precision=share(8, 10),
        recall=share(3, 10),
        unjudged=(),
        proposal=None,
    )
    moved = [
        Threshold(
            rule=name,
            key="min",
            before=50.0,
            after=4e17,
            num_judged=40,
            change=Measure(value=3.0, low=-1.0, high=1e12),
            is_proposed=True,
        )
        for name in names
    ]
    change = Change(
        settings=("a.b.min=3",),
        kept_before=10,
        kept_after=1000,
        num_documents=10**9,
        precision_before=share(5, 10),
        precision_after=share(8, 10),
    )
    classifier = Classifier(
        rule=names[0],
        signal_before="quality",
        signal_after="reviewed",
        threshold_before=0.5,
        threshold_after=0.4,
        num_labels=500,
        num_positive=200,
        keep_share=0.4,
        precision_before=share(5, 10),
        precision_after=share(8, 10),
        change=Measure(value=0.3, low=0.1, high=0.5),
        is_proposed=True,
    )
    from dataclasses import asdict

    more = {"thresholds": [asdict(item) for item in moved], "change": asdict(change), "classifier": asdict(classifier)}
    return {**learned.facts(), **json.loads(json.dumps(more))}


def write_questions(folder: Path, count: int = 6) -> None:
    """Writes `tasks/` of a run."""
    rows = [
        {
            "review_key": f"{number:032x}",
            "kind": "document",
            "doc_id": secure_hash(b"%d" % number),
            "text_hash": secure_hash(b"%d" % number),
            "source": "web",
            "state": "review",
            "route": REVIEW_ROUTES[number % (AUDIT_DROPPED + 1)],
            "reason": "",
            "inclusion_probability": 1.0,
            "priority": number,
            "num_reviewers": 1,
            "is_blind": False,
            "text": "text",
        }
        for number in range(count)
    ]
    (folder / "tasks").mkdir()
    pq.write_table(pa.Table.from_pylist(rows, REVIEW_TASKS), folder / "tasks" / "tasks.parquet")


def write_lessons(folder: Path, names: Sequence[str]) -> None:
    """Writes questions of a run and what was learnt from their answers."""
    write_questions(folder)
    path = folder / FACTS
    path.parent.mkdir()
    path.write_text(json.dumps(lessons(names)))
