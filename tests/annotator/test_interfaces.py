"""Both interfaces in a real browser: documents of all kinds are readable and decidable, and none calls out."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from annotator.label_studio import LabelStudio
from annotator.ledger import project_of
from annotator.pull import answers_of, pull
from annotator.push import push
from annotator.server import Started
from tests.annotator.browsing import ReviewerPage
from tests.annotator.made_tasks import question, run_with_questions

pytestmark = [pytest.mark.labelstudio, pytest.mark.slow, pytest.mark.browser]

SIZES = ((1280, 800), (1366, 768))
CHINESE = "磨坊在河边,秋天山谷里的农民把谷物运来磨成面粉。" * 60
ARABIC = "الطاحونة على النهر تطحن ما يجلبه مزارعو الوادي في الخريف. " * 40
LONG = "The mill on the river grinds what the farmers bring. " * 3700
UNBROKEN = "x" * 3000
OVERRIDES = "\u202eabc \u2066def\u2069 \u200f"
MARKED = "🎉🎉 Write to Ada Byron about 🎉 the mill."

IN_VIEW = """
const box = arguments[0].getBoundingClientRect();
return box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth && box.width > 0;
"""
FROM_RIGHT = "return document.querySelector('.dr-doc').getBoundingClientRect().right - arguments[0]"
SELECT = """
const walker = document.createTreeWalker(document.querySelector('.dr-doc'), NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const start = node.data.indexOf(arguments[0]);
  if (start < 0) continue;
  const range = document.createRange();
  range.setStart(node, start);
  range.setEnd(node, start + arguments[0].length);
  const boxes = range.getClientRects(), first = boxes[0], last = boxes[boxes.length - 1];
  return [first.left + 1, first.top + first.height / 2, last.right - 1, last.top + last.height / 2];
}
"""


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """A web server that nobody should call."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        found.settimeout(0.2)
        yield found


@pytest.fixture(scope="module")
def hostile(listener: socket.socket) -> str:
    """Markup that would fetch something if it were taken as markup."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    return (
        f"</script></style></textarea><img src={url}/a onerror=\"fetch('{url}/b')\"><script>fetch('{url}/c')</script>"
        f"<style>@import url({url}/d);body{{background:url({url}/e)}}</style><iframe src={url}/f></iframe>"
        f"<svg><image href={url}/g></svg><link rel=prefetch href={url}/h> &lt;img src={url}/i&gt; {OVERRIDES}"
    )


@pytest.fixture(scope="module")
def asked(hostile: str, started: Started, real: LabelStudio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose documents and pairs are on the server."""
    texts = [f"{hostile} {UNBROKEN}", ARABIC, CHINESE, f"{LONG} The end.", MARKED]
    source = {"source": f"<img src={hostile}>", "reason": f"quality/num_words: {hostile}", "prediction": None}
    pairs = [(f"{hostile} one two", f"{hostile} one three"), (ARABIC, ARABIC + CHINESE), (LONG, LONG)]
    rows = [question(number, text=text, **source) for number, text in enumerate(texts)]
    rows += [
        question(number, kind="pair", other_id=b"o" * 16, text=one, other_text=other, **source)
        for number, (one, other) in enumerate(pairs, start=len(rows))
    ]
    run = run_with_questions(tmp_path_factory.mktemp("shown") / "run", rows)
    push(run, real, url=started.server.url)
    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A reviewer's browser and the run that asks."""

    run: Path
    server: LabelStudio
    page: ReviewerPage

    def open_queue(self, kind: str) -> None:
        found = project_of(self.run, kind)
        assert found is not None
        self.page.open_queue(found.project)

    def answers(self) -> list[dict[str, object]]:
        pull(self.run, self.server, url=self.page.url)
        return answers_of(self.run).to_pylist()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def desk(asked: Path, real: LabelStudio, reviewer_page: ReviewerPage) -> Desk:
    return Desk(run=asked, server=real, page=reviewer_page)


def assert_usable(page: ReviewerPage, picture: Path, control: str, panes: str) -> None:
    """Takes pictures in both sizes; decisions are in view, no pane is wider than the window."""
    for width, height in SIZES:
        page.picture(picture.with_name(f"{picture.name}-{width}.png"), width, height)
        for choice in page.browser.find_elements("css selector", control):
            assert page.run(IN_VIEW, choice), f"{picture.name} at {width} x {height}: a decision is out of view"
        for pane in page.browser.find_elements("css selector", panes):
            right = page.run("return arguments[0].getBoundingClientRect().right - innerWidth", pane)
            assert right <= 0, f"{picture.name} at {width} x {height}: a pane leaves the window"
            assert page.run("return arguments[0].scrollWidth - arguments[0].clientWidth", pane) <= 0, picture.name


def text_of(page: ReviewerPage, pane: str) -> str:
    return str(page.run("return document.querySelector(arguments[0]).innerText", pane))


def called(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except TimeoutError:
        return False
    return True


def next_task(page: ReviewerPage, key: str, old: str, pane: str) -> None:
    page.press(key)
    page.submit()
    page.wait(lambda _: page.browser.find_elements("css selector", pane) and text_of(page, pane) != old)


HOSTILE_BEGIN = "</script></style></textarea><img src="


def test_documents_of_all_kinds_are_readable_and_decidable_and_call_nobody(
    desk: Desk, listener: socket.socket, tmp_path: Path
):
    page = desk.page
    desk.open_queue("document")
    texts = {"hostile": HOSTILE_BEGIN, "arabic": ARABIC[:40], "chinese": CHINESE[:20], "long": LONG[:50]}
    for name, begin in texts.items():
        page.wait(lambda _, begin=begin: begin in text_of(page, ".dr-doc"))
        assert_usable(page, tmp_path / f"document-{name}", ".dr-dec .lsf-choice", ".dr-doc, .dr-side")
        if name == "arabic":
            assert page.run(FROM_RIGHT, *page.run(SELECT, ARABIC[:8])[2:3]) < 60, "lines begin on the right"
        next_task(page, "1", text_of(page, ".dr-doc"), ".dr-doc")
    assert not called(listener), "a document called out from the reviewer's browser"
    page.run(f"new Image().src = 'http://127.0.0.1:{listener.getsockname()[1]}/control'")
    assert called(listener), "the browser could have"


def test_words_marked_after_an_emoji_are_found_in_the_document(desk: Desk):
    page = desk.page
    desk.open_queue("document")
    page.wait(lambda _: "Ada Byron" in text_of(page, ".dr-doc"))
    page.type("p")
    page.drag(page.run(SELECT, "Ada Byron"))
    page.press("2")
    page.submit()

    def edited() -> list[dict[str, object]]:
        return [row for row in desk.answers() if row["decision"] == "edit"]

    page.wait(lambda _: edited())
    ((span,),) = [row["spans"] for row in edited()]
    assert (MARKED[span["start"] : span["end"]], span["label"]) == ("Ada Byron", "PERSON")


def test_pairs_of_all_kinds_are_readable_and_decidable_and_call_nobody(
    desk: Desk, listener: socket.socket, tmp_path: Path
):
    page = desk.page
    desk.open_queue("pair")
    for name, begin in {"hostile": HOSTILE_BEGIN, "arabic": ARABIC[:40], "long": LONG[:50]}.items():
        page.wait(lambda _, begin=begin: begin in text_of(page, ".pr-doc"))
        assert_usable(page, tmp_path / f"pair-{name}", ".pr-bar .lsf-choice", ".pr-doc, .pr-bar")
        if name != "long":
            next_task(page, "3", text_of(page, ".pr-doc"), ".pr-doc")
    assert not called(listener), "a pair called out from the reviewer's browser"
    verdicts = [row["decision"] for row in desk.answers() if row["kind"] == "pair"]
    assert verdicts == ["keep_both", "keep_both"]
