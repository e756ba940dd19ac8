"""The pages in Chromium under their policy: a job from the form to a document, schedules, hostile documents, log-in."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from pipelines.service.service import Service, open_service
from tests.pipelines.report.hostile import hostile_run
from tests.pipelines.report.test_report_in_browser import browser, dialog
from tests.pipelines.service.services import finished_job, live, service_in, settings_in
from tests.rundirs import example_docs, identity, write_run

pytestmark = [pytest.mark.browser, pytest.mark.slow]
selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402 - only where selenium is installed
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

__all__ = ["browser"]
SPEC = """
    job: tiny
    inputs: {files: {files: [data/*.txt], gates: [quality]}}
    gates: {quality: {rules: [{signal: num_words, min: 5}]}}
    """


@dataclass(frozen=True, slots=True)
class Site:
    """A service that answers, with two finished runs; none of its jobs runs."""

    at: str
    example: str
    hostile: str
    document: str  # a near duplicate of the example
    survivor: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    service = service_in(folder)
    write_run(folder / "example", example_docs())
    hostile_run(folder / "hostile")
    jobs = [finished_job(service, folder / name).id for name in ("example", "hostile")]
    near, first = (identity(example_docs(), row).hex() for row in (3, 2))
    with live(service) as at:
        yield Site(at, *(f"/jobs/{job}" for job in jobs), near, first)


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Service]]:
    """A service that runs what it is sent."""
    folder = tmp_path_factory.mktemp("working")
    settings = settings_in(folder)
    (folder / "files/data/b.txt").write_text("Short.\n")
    service = open_service(settings)
    with service.working(), live(service) as at:
        yield at, service


def show(browser: selenium.Chrome, url: str, *, width: int = 1280, scheme: str = "light") -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get_log("browser")
    browser.get(url)


def until(browser: selenium.Chrome, script: str) -> None:
    """Waits for what a script returns; long, for kernels may be compiled first."""
    WebDriverWait(browser, 180, poll_frequency=0.2).until(lambda driver: driver.execute_script(script))


def problems(browser: selenium.Chrome) -> list[str]:
    """Returns what the console says; the browser's own note about an answer of 4xx is none."""
    return [entry["message"] for entry in browser.get_log("browser") if "status of 4" not in entry["message"]]


def test_a_job_goes_from_the_form_to_a_document_that_a_rule_took(
    browser: selenium.Chrome, working: tuple[str, Service]
):
    show(browser, working[0])
    assert "No job yet" in browser.find_element(By.TAG_NAME, "main").text
    browser.find_element(By.LINK_TEXT, "New job").click()
    field = browser.find_element(By.ID, "spec")
    field.clear()
    field.send_keys("job: tiny\ninputs: {files: 3}\n")
    until(browser, "return document.querySelector('#problems').innerText.includes('Line 2, column 10')")

    browser.execute_script("arguments[0].value = arguments[1]", field, dedent(SPEC))
    field.send_keys(" ")
    until(browser, "return document.querySelector('#problems').innerText.includes('This spec can run: job tiny')")
    browser.find_element(By.CSS_SELECTOR, "button.first").send_keys(Keys.ENTER)
    until(browser, "return document.querySelector('[role=status]').innerText.startsWith('queued')"
          "|| document.querySelector('[role=status]').innerText.startsWith('running')")  # fmt: skip
    until(browser, "return document.querySelector('.s-done') && document.querySelector('#funnel')")
    assert "1 of 2 documents kept" in browser.find_element(By.ID, "funnel").text
    until(browser, "return document.title.includes('done')")

    job = browser.current_url
    browser.find_element(By.LINK_TEXT, "Report").click()
    assert browser.execute_script("return getComputedStyle(document.querySelector('main')).maxWidth") == "1120px"
    assert problems(browser) == []

    browser.get(job)
    browser.find_element(By.PARTIAL_LINK_TEXT, "num_words").click()
    browser.find_element(By.PARTIAL_LINK_TEXT, "b.txt").click()
    assert browser.find_element(By.CSS_SELECTOR, ".text").text == "Short."
    row = browser.find_element(By.CSS_SELECTOR, "table.list tbody tr").text
    assert row.split() == ["quality/num_words", "failed", "1", "≥", "5", "-4"]
    assert problems(browser) == []


def test_two_copies_stand_side_by_side_with_what_differs_marked(browser: selenium.Chrome, site: Site):
    show(browser, f"{site.at}{site.example}/document?name={site.document}")
    assert "0.75, threshold 0.7" in browser.find_element(By.TAG_NAME, "main").text
    browser.find_element(By.LINK_TEXT, "Side by side").click()
    assert len(browser.find_elements(By.CSS_SELECTOR, ".beside section")) == 2
    assert problems(browser) == []


def test_a_schedule_is_added_in_the_browser_and_mistakes_are_told_while_it_is_written(
    browser: selenium.Chrome, site: Site
):
    show(browser, f"{site.at}/schedules/new")
    fields = {name: browser.find_element(By.NAME, name) for name in ("name", "expression", "time_zone", "spec")}
    fields["name"].send_keys("often")
    fields["expression"].send_keys("61 * * * *")
    until(browser, "return document.querySelector('#wrong-expression').innerText.includes('cron: expected five')")
    assert browser.find_element(By.ID, "wrong-spec").text == ""
    fields["expression"].send_keys(Keys.HOME, Keys.DELETE, Keys.DELETE, "5")
    until(browser, "return document.querySelector('#due').innerText.includes(':05:00 UTC')")
    assert browser.find_element(By.ID, "wrong-expression").text == ""
    browser.execute_script("arguments[0].value = arguments[1]", fields["spec"], dedent(SPEC))
    browser.find_element(By.CSS_SELECTOR, "button.first").send_keys(Keys.ENTER)
    until(browser, "return document.title.startsWith('Schedules')")
    browser.find_element(By.CSS_SELECTOR, "[aria-label='Run often now']").click()
    until(browser, "return document.title.startsWith('often, queued')")
    assert problems(browser) == []


def test_every_hostile_document_is_only_text(browser: selenium.Chrome, site: Site):
    show(browser, f"{site.at}{site.hostile}/documents", width=390)
    links = [link.get_attribute("href") for link in browser.find_elements(By.CSS_SELECTOR, "td a")]
    for link in links[:10]:
        show(browser, link, width=390)
        assert (dialog(browser), problems(browser)) == (None, []), link
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390, link
        assert browser.execute_script("return document.querySelectorAll('main :is(script, img, iframe)').length") == 0


def test_a_person_with_a_token_logs_in_sees_pages_and_logs_out(browser: selenium.Chrome, tmp_path: Path):
    service = service_in(tmp_path)
    token = service.tokens.make("reader", ("read",))
    with live(service) as at:
        show(browser, f"{at}/")
        field = browser.find_element(By.NAME, "token")
        field.send_keys("wrong", Keys.ENTER)
        until(browser, "return document.querySelector('.problem')")
        browser.find_element(By.NAME, "token").send_keys(token, Keys.ENTER)
        until(browser, "return document.title.startsWith('Jobs')")
        show(browser, f"{at}/new")
        browser.find_element(By.CSS_SELECTOR, "button.first").click()
        until(browser, "return document.querySelector('[role=alert]')?.innerText.includes('scope run')")
        browser.find_element(By.CSS_SELECTOR, "nav button").click()
        until(browser, "return document.title.startsWith('Log in')")
        assert problems(browser) == []
