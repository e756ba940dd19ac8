"""The report in Chromium: hostile data raises no dialog, no console message and no request, and pages fit the screen."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.report import write_report
from tests.exports import write_export
from tests.lessons import write_lessons
from tests.pipelines.report.hostile import ATTACKS, hostile_run
from tests.rundirs import Doc, example_docs, write_run

pytestmark = pytest.mark.browser

selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.common.exceptions import NoAlertPresentException  # noqa: E402 - only where selenium is installed
from selenium.webdriver.support.expected_conditions import alert_is_present  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")

SYNTHETIC = [
    Doc(
        text="Which river?\nThe Kirba.\n" * 30,
        language=language,
        generator="tasks",
        template=template,
        state=state,
        decided_by=None if state == "kept" else "quality/num_words",
    )
    for template in ("question_answer", "sentence_order", "rephrase_encyclopedia/long_name_of_a_recipe")
    for language, state in (("en", "kept"), ("de", "dropped"), (None, "review"))
]


@pytest.fixture(scope="module")
def browser() -> Iterator[selenium.Chrome]:
    """Chromium and its driver, as Debian or a developer installed them."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")
    started = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    try:
        yield started
    finally:
        started.quit()


@pytest.fixture(scope="module", params=["example", "hostile", "empty"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param) / "run"
    if request.param == "hostile":
        hostile_run(folder)
        write_lessons(folder, [f"{attack} {number}" for number in range(8) for attack in ATTACKS])
        write_export(folder, ATTACKS, [f"{attack} {number}" for number in range(4) for attack in ATTACKS])
    else:
        write_run(folder, [*example_docs(), *SYNTHETIC] if request.param == "example" else ())
        if request.param == "example":
            write_lessons(folder, ["quality/num_words", "quality/alpha_word_fraction", "language/language"])
            write_export(folder, ("easy", "all"), ("quality/num_words", "readability", "fasttext/reference"))
    return Path(write_report(str(folder)).path)


def show(browser: selenium.Chrome, report: Path, *, width: int, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(report.as_uri())
    if dialog(browser) is None:
        browser.execute_script("for (const item of document.querySelectorAll('details')) item.open = true")


def dialog(browser: selenium.Chrome) -> str | None:
    """Returns the text of the open dialog, None where there is none."""
    try:
        return str(browser.switch_to.alert.text)
    except NoAlertPresentException:
        return None


def requests(browser: selenium.Chrome) -> list[str]:
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [item["request"]["url"] for item in sent]


def test_a_page_that_does_all_of_it_is_caught_so_the_checks_below_can_fail(browser: selenium.Chrome, tmp_path: Path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<div style='width:5000px'>x</div><img src='missing.png'><script>setTimeout(alert, 0, 'ran')</script>"
    )
    show(browser, page, width=390, scheme="light")
    WebDriverWait(browser, 10).until(alert_is_present())
    assert dialog(browser) == "ran"
    browser.switch_to.alert.accept()
    assert (tmp_path / "missing.png").as_uri() in requests(browser)
    assert browser.get_log("browser") != []
    assert browser.execute_script("return document.documentElement.scrollWidth") > 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_report_runs_nothing_asks_for_nothing_and_fits(
    browser: selenium.Chrome, report: Path, width: int, scheme: str
):
    show(browser, report, width=width, scheme=scheme)
    assert [url for url in requests(browser) if not url.startswith("data:")] == [report.as_uri()]
    assert browser.get_log("browser") == [], "no console message: nothing was refused, nothing failed"
    assert dialog(browser) is None
    assert browser.execute_script("return document.scripts.length + window.frames.length") == 0
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width, f"{wide} px of content on a screen of {width}"


def test_the_style_sheet_is_applied_under_its_policy_and_follows_the_scheme(browser: selenium.Chrome, report: Path):
    seen = {}
    for scheme in ("light", "dark"):
        show(browser, report, width=1280, scheme=scheme)
        seen[scheme] = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert seen["light"] != seen["dark"]
    assert "rgba(0, 0, 0, 0)" not in seen.values()


CONTRAST = """
const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = c => c.slice(0, 3).reduce((sum, v, i) => sum + channel(v) * [0.2126, 0.7152, 0.0722][i], 0);
const rgb = text => text.match(/[\\d.]+/g).map(Number);
const ground = node => { for (; node; node = node.parentElement) {
  const c = rgb(getComputedStyle(node).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
const poor = new Set();
for (const node of document.querySelectorAll('body *:not(title)')) {
  if (![...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())) continue;
  const style = getComputedStyle(node);
  const ink = light(rgb(node.closest('svg') ? style.fill : style.color)), back = light(ground(node));
  const ratio = (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
  if (ratio < 4.5) poor.add(node.tagName + '.' + node.getAttribute('class') + ' ' + ratio.toFixed(2));
}
return [...poor];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_the_contrast_that_wcag_asks_for(browser: selenium.Chrome, report: Path, scheme: str):
    show(browser, report, width=1280, scheme=scheme)
    assert browser.execute_script(CONTRAST) == [], "WCAG 2.2, 1.4.3: at least 4.5 to 1"


def test_every_section_is_reached_by_its_link(browser: selenium.Chrome, report: Path):
    show(browser, report, width=1280, scheme="light")
    missing = (
        "return [...document.querySelectorAll('nav a')].filter(a => !document.querySelector(a.hash)).map(a => a.hash)"
    )
    assert browser.execute_script(missing) == []
