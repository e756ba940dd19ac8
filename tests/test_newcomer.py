"""A newcomer's path in a real browser, from `gristmill serve` to a training step, with a picture of each station.

The pictures go to the folder that $GRISTMILL_PICTURES names (`GRISTMILL_PICTURES=docs/pictures`: those of the docs), else to
pytest's.
"""

import base64
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from annotator.label_studio import LabelStudio
from annotator.ledger import open_ledger, project_of
from annotator.server import Started
from tests.annotator.browsing import ReviewerPage
from tests.annotator.conftest import installation, real, started
from tests.annotator.conversations import annotate
from tests.pipelines.report.test_report_in_browser import browser
from tests.pipelines.service.services import until

pytestmark = [pytest.mark.browser, pytest.mark.labelstudio, pytest.mark.slow]
selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402 - only where selenium is installed
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

__all__ = ["browser", "installation", "real", "started"]
GRISTMILL = (sys.executable, "-m", "pipelines.command.main")
SECONDS = 240
STEPS = 3
SENT = 10
"""The first of the list: what the page sends by one button."""


@dataclass(frozen=True, slots=True)
class Served:
    """A service that answers, and where it keeps its runs."""

    url: str
    runs: Path


@pytest.fixture
def served(repository: Path, started: Started, tmp_path: Path) -> Iterator[Served]:
    """`gristmill serve` beside the review server of the session."""
    with closing(socket.socket()) as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    token = started.credentials.token
    environment = {**os.environ, "GRISTMILL_REVIEW_URL": started.server.url, "GRISTMILL_REVIEW_TOKEN": token}
    command = [*GRISTMILL, "serve", "--root", str(repository / "pipelines/jobs"), "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        serving = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=log)
    try:
        until(lambda: is_listening(port))
        yield Served(f"http://127.0.0.1:{port}", tmp_path / "runs")
    finally:
        serving.terminate()
        serving.wait()


def is_listening(port: int) -> bool:
    with closing(socket.socket()) as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser that takes a numbered picture at each station."""

    driver: selenium.Chrome
    folder: Path

    def wait(self, script: str) -> None:
        """Waits for what a script returns."""
        WebDriverWait(self.driver, SECONDS, poll_frequency=0.2).until(
            lambda page: page.execute_script(f"return {script}")
        )

    def click(self, by: str, what: str) -> None:
        """Clicks what is there."""
        self.driver.find_element(by, what).click()

    def picture(self, name: str) -> None:
        """Writes a picture of what is seen."""
        content = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
        (self.folder / f"newcomer-{name}.png").write_bytes(base64.b64decode(content))


@pytest.fixture
def visit(browser: selenium.Chrome, tmp_path: Path) -> Visit:
    """The browser, wide and light."""
    size = {"width": 1280, "height": 860, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    return Visit(browser, Path(os.environ.get("GRISTMILL_PICTURES", tmp_path)))


def test_a_newcomer_gets_from_nothing_to_a_training_step(
    visit: Visit, served: Served, started: Started, real: LabelStudio, repository: Path
):
    browser = visit.driver
    start_the_quickstart(visit, served, repository / "pipelines/jobs/quickstart.yaml")
    run = next(served.runs.iterdir())
    job = browser.current_url
    visit.picture("3-done")

    visit.click(By.PARTIAL_LINK_TEXT, "substance/num_chars")
    visit.wait("document.title.startsWith('Documents')")
    visit.picture("4-rule")
    visit.click(By.CSS_SELECTOR, "button[value=first]")
    visit.wait("document.title.startsWith('Review')")
    came = {name: int(value) for name, (value,) in parse_qs(urlsplit(browser.current_url).query).items()}
    assert sum(came.values()) == SENT
    assert came["sent"] > came["before"], "most were not asked about yet"
    assert browser.find_elements(By.CSS_SELECTOR, "[role=alert]") == []
    visit.picture("5-sent")

    accept(visit, run, started, real)
    browser.get(f"{job}/review")
    visit.click(By.ID, "pull")
    visit.wait("document.querySelector('#resume')")
    visit.picture("7-answers")
    visit.click(By.ID, "resume")
    visit.wait("document.querySelector('.s-done') && document.querySelectorAll('#exports tbody tr').length == 2")
    visit.click(By.CSS_SELECTOR, "#exports tbody a")
    visit.wait("document.title.startsWith('Export')")
    visit.picture("8-export")
    export = browser.current_url.rsplit("/", 1)[1]
    assert "Made from" in browser.find_element(By.TAG_NAME, "main").text

    folder = next(run.glob(f"rounds/*/exports/{export}"))
    train = [*GRISTMILL, "train", str(folder), "--preset", "tiny", "--steps", str(STEPS), "--global-batch", "8"]
    train += ["-o", "trained", "--register", served.url]
    subprocess.run(train, cwd=served.runs.parent, check=True, capture_output=True)
    browser.get(job)
    visit.click(By.CSS_SELECTOR, "#exports a[href*=trainings]")
    visit.wait("document.querySelector('.plot canvas')")
    assert f"{STEPS} of {STEPS}" in browser.find_element(By.CSS_SELECTOR, ".tiles").text
    visit.picture("9-training")


def start_the_quickstart(visit: Visit, served: Served, spec: Path) -> None:
    """Opens the first page, starts the job from its form, and waits for its end."""
    visit.driver.get(served.url)
    visit.click(By.LINK_TEXT, "New job")
    field = visit.driver.find_element(By.ID, "spec")
    visit.driver.execute_script("arguments[0].value = arguments[1]", field, spec.read_text())
    field.send_keys(" ")
    visit.wait("document.querySelector('#problems').innerText.includes('This spec can run: job quickstart')")
    visit.picture("1-new-job")
    visit.click(By.CSS_SELECTOR, "button.first")
    visit.wait("document.querySelector('[aria-label=Progress] strong') || document.querySelector('#funnel')")
    visit.picture("2-running")
    visit.wait("document.querySelector('.s-done') && document.querySelector('#funnel')")


def accept(visit: Visit, run: Path, started: Started, server: LabelStudio) -> None:
    """Keeps one document in Label Studio with the keyboard, and every other one that was sent by its API."""
    project = project_of(run, "document")
    assert project is not None, "the page put the questions there"
    page = ReviewerPage(browser=visit.driver, url=started.server.url)
    page.sign_in(started.credentials.email, started.credentials.password)
    page.open_queue(project.project)
    page.press("1")
    visit.picture("6-label-studio")
    page.submit()
    for task in sorted(open_ledger(run, "document").known.values())[-SENT:]:
        annotate(server, task, "keep")
