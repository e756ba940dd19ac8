"""The report as a document: what it says, how large it is, and that nothing from data becomes markup."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.report import write_report
from pipelines.report.figures import funnel, groups, rule_counts
from pipelines.report.histogram import Range as SignalRange
from pipelines.report.histogram import Threshold, axis_of, plots
from pipelines.report.page import link, percent, report_of, steps
from pipelines.rundir import Run
from tests.pipelines.report.hostile import ATTACKS, URLS, hostile_run
from tests.rundirs import Doc, example_docs, write_run

LETTERS = [
    {"source": "web", "path": "a.gz", "offset": 0, "length": 10, "reason": "bad_json", "detail": "x"},
    {"source": "web", "path": "b.gz", "offset": 0, "length": 10, "reason": "truncated", "detail": "x"},
]
SKIPPED = (("warc_request", 5), ("http_status_404", 2))


class Page(HTMLParser):
    """Collects what a browser would see: elements with attributes, and text."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.text += "" if tag in {"wbr", "bdi", "code", "strong"} else " "

    def handle_data(self, data: str) -> None:
        self.text += data

    def said(self) -> str:
        return re.sub(r"\s+", " ", self.text)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("made") / "run"
    return write_run(folder, example_docs(), parts=2, dead=LETTERS, skipped=SKIPPED)


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    return Page(report_of(run))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    return report_of(hostile_run(tmp_path_factory.mktemp("hostile") / "run"))


def test_the_funnel_counts_every_record_once(run: Run):
    with run.connect() as connection:
        found = funnel(connection)
    assert (found.records, found.skipped, found.dead_letters, found.read) == (18, 7, 2, 9)
    assert (found.gated, found.exact, found.near, found.held, found.review, found.kept) == (3, 1, 1, 1, 1, 2)
    assert found.read == found.dropped + found.held + found.review + found.kept
    assert (found.train, found.validation) == (1, 1)
    losses = sum(step.count for step in steps(found) if step.kind == "loss")
    assert losses == found.records - found.kept, "the losses lead from the first total to the last"


def test_rules_are_counted_by_who_failed_them_who_decided_and_who_was_alone(run: Run):
    with run.connect() as connection:
        counts = rule_counts(connection)
    words = counts["quality/num_words"]
    assert (words.failed, words.alone, words.decided, words.review) == (2, 2, 2, 0)
    assert counts["quality/alpha_word_fraction"].review == 1
    assert counts["dedup/near"].decided == 1


def test_groups_are_exact_and_what_does_not_fit_is_one_row(tmp_path: Path):
    docs = [Doc(language=f"l{index % 30}", state="kept" if index % 2 else "dropped") for index in range(90)]
    docs.append(Doc(language=None))
    made = write_run(tmp_path / "run", docs)
    with made.connect() as connection:
        found = groups(made, connection, "signal.language", most=10)
        everything = groups(made, connection, "signal.language", most=100)
    assert len(found) == 11
    assert found[-1].num_groups == 21
    assert sum(group.read for group in found) == 91
    assert sum(group.kept for group in found) == 46
    assert [group.name for group in everything][-1] is None, "documents of unknown language come last"
    assert sum(group.dropped for group in everything) == 45


def test_a_histogram_counts_every_value_and_draws_the_thresholds(run: Run):
    thresholds = {"num_words": [Threshold(rule="quality/num_words", value=50.0, is_min=True)]}
    with run.connect() as connection:
        found = {plot.signal: plot for plot in plots(run, connection, thresholds)}
    assert next(iter(found)) == "num_words", "what rules judge comes first"
    counted = sum(int(bar.title.split(": ")[1].split(" ")[0]) for bar in found["num_words"].bars)
    assert counted == found["num_words"].num_known == 9
    assert [line.text for line in found["num_words"].lines] == ["50"]


@pytest.mark.parametrize(
    ("name", "low", "high", "bounds"),
    [
        ("fraction", 0.0, 0.7, (0.3,)),
        ("num_words", 0.0, 1e18, (50.0, 1e5)),
        ("num_stop_words", 0.0, 8.0, (2.0,)),
        ("score", -3.5, 2.0, (0.0,)),
        ("constant", 0.0, 0.0, ()),
        ("tiny", 0.0, 1e-12, (0.5,)),
        ("fraction", 0.0, 1e308, (0.3,)),
    ],
)
def test_bins_rise_and_values_stay_inside_the_drawing(name: str, low: float, high: float, bounds: tuple[float, ...]):
    found = SignalRange(known=2, null=0, low=low, high=high, least_positive=high or None)
    axis = axis_of(name, found, [Threshold(rule="r", value=value, is_min=True) for value in bounds])
    assert list(axis.edges) == sorted(set(axis.edges))
    assert 2 < len(axis.edges) < 1000
    assert all(0 <= axis.x_of(value) <= 320 for value in (low, high, *bounds))
    assert axis.edges[-1] >= high


def test_the_page_tells_what_happened_in_words_and_numbers(page: Page):
    said = page.said()
    assert "2 of 9 documents kept (22.2%)" in said
    assert "quality/num_words from 50 to 100,000 2 2 2 0" in said
    assert "quality/alpha_word_fraction at least 0.8, review within 0.05" in said
    assert "language/language one of en, de 1" in said
    assert "quality/num_words: 3, threshold 50" in said
    assert "bad_json" in said
    assert "http_status_404" in said
    assert "f" * 64 in said
    assert "documents holds" in said


def test_a_rule_that_no_document_failed_is_listed_with_its_bound(page: Page):
    assert "quality/dup_line_fraction at most 0.3 (only language en)" in page.said()


def test_the_policy_allows_one_style_sheet_by_its_digest_and_nothing_that_runs(page: Page, run: Run):
    (policy,) = (
        attributes["content"]
        for tag, attributes in page.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    style = re.search("<style>(.*?)</style>", report_of(run), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_the_same_run_gives_the_same_bytes_in_another_folder_and_twice(tmp_path: Path):
    contents = set()
    for name in ("one", "deep/two"):
        write_run(tmp_path / name, example_docs(), parts=2, dead=LETTERS, skipped=SKIPPED)
        for _ in range(2):
            assert write_report(str(tmp_path / name)).path == f"{tmp_path / name}/report.html"
            contents.add((tmp_path / name / "report.html").read_bytes())
    assert len(contents) == 1
    assert str(tmp_path).encode() not in contents.pop(), "where a run lies is not part of it"


@pytest.mark.parametrize("skipped", [(), SKIPPED])
def test_a_run_without_documents_has_a_report_that_says_so(tmp_path: Path, skipped: tuple[tuple[str, int], ...]):
    said = Page(report_of(write_run(tmp_path / "run", skipped=skipped))).said()
    assert "This run read no documents." in said
    assert ("All 7 records it found were skipped" in said) == bool(skipped)


def test_a_run_without_manifest_and_with_an_unreadable_spec_still_has_a_report(tmp_path: Path):
    run = write_run(tmp_path / "run", example_docs())
    (tmp_path / "run" / "manifest.json").unlink()
    (tmp_path / "run" / "spec.yaml").write_text("job: [")
    said = Page(report_of(run)).said()
    assert "unfinished run" in said
    assert "cannot read the run's" in said


def test_hostile_data_adds_no_element_no_attribute_and_no_style(hostile: str, run: Run):
    allowed = {tag for tag, _ in Page(report_of(run)).elements} | {"wbr"}
    page = Page(hostile)
    assert {tag for tag, _ in page.elements} <= allowed
    assert not allowed & {"script", "iframe", "img", "form", "input", "base", "object", "embed"}
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in {"style", "src", "srcdoc"}], tag
    assert hostile.count("<style>") == hostile.count("</style>") == 1


def test_links_of_hostile_data_are_http_and_give_no_referrer(hostile: str):
    links = [attributes for tag, attributes in Page(hostile).elements if tag == "a" and attributes["href"][0] != "#"]
    assert links, "the hostile run has good URLs too"
    for attributes in links:
        assert attributes["href"].startswith(("http://", "https://"))
        assert {"noreferrer", "noopener"} <= set(attributes["rel"].split())


def test_hostile_data_is_shown_with_its_controls_written_out(hostile: str):
    raw = set("".join(ATTACKS)) & set("\u202e\u2066\u200f\x1b\x07\x00\x9b")
    assert len(raw) == 7
    assert not raw & set(hostile)
    said = Page(hostile).said()
    assert "<script>alert(1)</script>" in said
    assert "\\u202egpj.exe" in said
    assert "{{ 7 * 7 }}" in said


@pytest.mark.parametrize(
    "url", [url for url in URLS if "good" not in url and "evil.example/<" not in url and '/"on' not in url]
)
def test_a_url_that_a_browser_should_not_open_is_no_link(url: str):
    assert link(url) is None


def test_a_web_address_is_a_link():
    assert link("HTTPS://good.example/page?q=1&r=2") == "HTTPS://good.example/page?q=1&r=2"


@pytest.mark.parametrize(
    ("count", "of", "shown"),
    [(0, 9, "0%"), (9, 9, "100%"), (1, 3, "33.3%"), (1, 10**6, "<0.1%"), (999_999, 10**6, ">99.9%"), (0, 0, "–")],
)
def test_a_share_never_looks_like_none_or_all_when_it_is_not(count: int, of: int, shown: str):
    assert percent(count, of) == shown


def test_a_report_stays_small_whatever_the_data(tmp_path: Path):
    wide = "<&\u202e" * 3_000
    docs = [
        Doc(
            text=wide,
            source=f"{wide[:2000]}{index}",
            path=f"{index}{wide}",
            language=f"{index}{wide[:500]}",
            license=f"{wide}{index}",
            state=("kept", "dropped", "review")[index % 3],
            decided_by=f"{wide[:3000]}{index}" if index % 3 else None,
            failed=tuple(
                {"rule": f"{wide[:3000]}{index}-{rule}", "value": None, "threshold": None, "found": wide}
                for rule in range(20)
            ),
            review_reasons=(wide,) * 20,
        )
        for index in range(60)
    ]
    dead = [LETTERS[0] | {"reason": f"{wide}{index}", "path": f"{wide}{index}"} for index in range(60)]
    run = write_run(tmp_path / "run", docs, dead=dead, skipped=[(f"{wide}{index}", 1) for index in range(60)], parts=3)
    assert len(report_of(run).encode()) < 3_000_000


@pytest.mark.slow
def test_two_hundred_thousand_documents_of_many_sources_fit_in_a_small_report(tmp_path: Path):
    docs = [
        Doc(
            text="word " * 20,
            source=f"source{index % 5000}",
            language=f"l{index % 300}",
            path=f"p{index % 997}",
            signals={"num_words": float(index % 3000)},
            twin=index - 1 if index % 7 == 6 else None,
            state="dropped" if index % 7 == 6 else "kept",
            decided_by="dedup/near" if index % 7 == 6 else None,
        )
        for index in range(200_000)
    ]
    run = write_run(tmp_path / "run", docs, parts=8)
    before = pa.total_allocated_bytes()
    content = report_of(run)
    assert "4,976 others" in content
    assert "276 others" in content
    assert len(content.encode()) < 500_000
    assert pa.total_allocated_bytes() - before < 64 << 20, "a report keeps no table in memory"
