"""The table of who was removed: counts beside a slow count, intervals beside published ones, and what is called large."""

import json
import random
from collections import Counter
from dataclasses import replace

import pytest

from pipelines.report import write_report
from pipelines.report.bias import bias_of
from pipelines.report.shares import Share, difference
from pipelines.spec import ReportSpec
from tests.rundirs import Doc, job, write_run

SHORT = {"rule": "quality/num_words", "value": 3.0, "threshold": 50.0, "found": None}
COPIED = {"rule": "quality/dup_line_fraction", "value": 0.5, "threshold": 0.3, "found": None}
NEAR = {"rule": "dedup/near", "value": 0.75, "threshold": 0.7, "found": None}


def drawn_docs(count, *, seed=5):
    """Documents of two dialects, of which one is often too short, and two languages; repeated lines are an English rule."""
    draw = random.Random(seed)
    docs = []
    for _ in range(count):
        dialect, language = draw.choice(["north", "south", "it's"]), draw.choice(["en", "de"])
        failed = [SHORT] if draw.random() < (0.5 if dialect == "north" else 0.1) else []
        failed += [COPIED] if language == "en" and draw.random() < 0.3 else []
        failed = failed or ([NEAR] if draw.random() < 0.2 else [])
        docs.append(
            Doc(
                language=language,
                source=draw.choice(["web", "books"]),
                url=f"https://{draw.choice('abc')}.example/",
                extra=json.dumps({"dialect": dialect, 'odd "name"': dialect}),
                state="dropped" if failed else "kept",
                decided_by=failed[0]["rule"] if failed else None,
                failed=tuple(failed),
                signals={} if draw.random() < 0.9 else {"num_words": None},
            )
        )
    return docs


def spec_of(*groups):
    return replace(job(sources=["web", "books"]), report=ReportSpec(groups=groups))


def applies(rule, doc):
    if rule == "dedup/near":
        return not doc.decided_by or doc.decided_by.startswith("dedup/")
    if rule == "quality/dup_line_fraction":
        return doc.language == "en"
    return doc.signals.get("num_words", 0) is not None


VALUE_OF = {
    "language": lambda doc: doc.language,
    "source": lambda doc: doc.source,
    "site": lambda doc: doc.url.split("/")[2],
    "dialect": lambda doc: json.loads(doc.extra)["dialect"],
}


@pytest.mark.parametrize("parts", [1, 3])
def test_counts_are_those_of_a_count_by_hand(tmp_path, parts):
    docs = drawn_docs(400)
    run = write_run(tmp_path / "run", docs, spec=spec_of("dialect"), parts=parts)
    of, removed = Counter(), Counter()
    for axis, value in VALUE_OF.items():
        for doc in docs:
            for rule in ("quality/num_words", "quality/dup_line_fraction", "dedup/near"):
                of[axis, value(doc), rule] += applies(rule, doc)
                removed[axis, value(doc), rule] += rule in {item["rule"] for item in doc.failed}
    found = {
        (item.axis, item.group, item.rule): (item.removed.count, item.removed.of)
        for item in bias_of(run, spec_of("dialect"))
    }
    expected = {
        key: (removed[key], of[key]) for key in of if of[key] and (key[0], key[2]) != ("language", COPIED["rule"])
    }
    assert found == expected, "a rule for English alone has nothing to be compared with in another language"


def test_a_dialect_that_loses_more_is_called_large_and_comes_first_and_chance_is_not(tmp_path):
    docs = drawn_docs(600)
    run = write_run(tmp_path / "run", docs, spec=spec_of("dialect"))
    found = bias_of(run, spec_of("dialect"))
    first = found[0]
    assert (first.axis, first.group, first.rule) == ("dialect", "north", "quality/num_words")
    assert first.difference > 0.3
    large = {(item.axis, item.rule) for item in found if item.is_large}
    assert large == {("dialect", "quality/num_words")}, "sites, sources and languages were drawn apart from it"


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0),
        ((0, 10), (0, 20), -0.1611, 0.2775),
    ],
)
def test_intervals_are_those_that_newcombe_published(first, second, low, high):
    shares = [Share(count=count, of=of) for count, of in (first, second)]
    assert difference(*shares) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize(("count", "is_large"), [(24, False), (40, True)])
def test_a_difference_is_large_only_if_its_whole_interval_is_beyond_five_points(tmp_path, count, is_large):
    docs = [
        Doc(
            language=language,
            state="dropped" if fails else "kept",
            failed=(SHORT,) if fails else (),
            decided_by=SHORT["rule"] if fails else None,
        )
        for language, number, of in (("en", count, 200), ("de", 10, 200))
        for fails in [True] * number + [False] * (of - number)
    ]
    found = bias_of(write_run(tmp_path / "run", docs), job())
    assert {item.is_large for item in found if item.axis == "language"} == {is_large}


def test_documents_of_one_group_or_rules_without_victims_have_no_table(tmp_path):
    assert bias_of(write_run(tmp_path / "one", [Doc(), Doc()]), job()) == []
    assert bias_of(write_run(tmp_path / "none", []), job()) == []
    run = write_run(tmp_path / "same", [Doc(state="dropped", failed=(SHORT,), decided_by=SHORT["rule"]), Doc()])
    assert bias_of(run, job()) == []


def test_names_with_quotes_are_groups_like_others(tmp_path):
    run = write_run(tmp_path / "run", drawn_docs(200), spec=spec_of('odd "name"'))
    groups = {item.group for item in bias_of(run, spec_of('odd "name"')) if item.axis == 'odd "name"'}
    assert groups == {"north", "south", "it's"}


def test_the_command_and_the_page_tell_the_same(tmp_path):
    write_run(tmp_path / "run", drawn_docs(600), spec=spec_of("dialect"))
    written = write_report(str(tmp_path / "run"))
    facts = [item.facts() for item in written.bias]
    assert json.loads(json.dumps(facts)) == facts
    first = facts[0]
    text = (tmp_path / "run" / "report.html").read_text()
    assert written.path.endswith("report.html")
    assert f"{first['removed']:,} of {first['of']:,}" in text
    assert f"of {len(facts)} comparisons are" in text
