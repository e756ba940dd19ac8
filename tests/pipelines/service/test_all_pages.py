"""Every page in Chromium, with as much hostile data as it can hold and with none: it fits, can be read and reached.

The pages come from the application's own routes (`page_addresses`). Pictures of all go to the folder that
$GRISTMILL_PAGE_PICTURES names, for people to look at.
"""

import base64
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.service.tokens import COOKIE
from tests.pipelines.report.test_report_in_browser import CONTRAST, browser, dialog
from tests.pipelines.service.services import live
from tests.pipelines.service.sites import Site, empty_site, full_site
from tests.pipelines.service.test_pages_in_browser import problems, show, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402 - only where selenium is installed
from selenium.webdriver.common.keys import Keys  # noqa: E402

__all__ = ["browser"]
NARROW, WIDE = 390, 1280
OPEN = "for (const item of document.querySelectorAll('details')) item.open = true"
WIDTH = "return document.documentElement.scrollWidth"
BROUGHT = "return document.querySelectorAll('main :is(script, img, iframe, object, embed, base, link, meta)').length"
INVISIBLE = ("\x1b", "\u202e", "\u2066")
PLACEHOLDERS = CONTRAST.replace("body *:not(title)", "[placeholder]").replace(
    "if (![...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())) continue;", ""
).replace("getComputedStyle(node);", "getComputedStyle(node, '::placeholder');")  # fmt: skip
REACH = """
const shown = node => node.getClientRects().length > 0;
const active = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]';
const wrong = new Set();
const name = node => node.outerHTML.slice(0, 90);
for (const node of document.querySelectorAll(active)) if (shown(node)) {
  if (node.tabIndex !== 0) wrong.add('not in the order of the page: ' + name(node));
  node.focus();
  const style = getComputedStyle(node);
  if (document.activeElement !== node) wrong.add('takes no focus: ' + name(node));
  else if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 1) wrong.add('hides its focus: ' + name(node));
}
for (const node of document.querySelectorAll('main *')) {
  const scrolls = /auto|scroll/.test(getComputedStyle(node).overflowY) && node.scrollHeight > node.clientHeight + 1;
  if (scrolls && node.tabIndex !== 0 && !node.matches('select')) wrong.add('scrolls, and takes no focus: ' + name(node));
}
const ids = [...document.querySelectorAll('[id]')].map(node => node.id);
for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.add('an id twice: ' + id);
if (document.querySelectorAll('h1').length !== 1) wrong.add('not one h1');
return [...wrong];
"""
BADLY = """
const main = document.querySelector('main');
main.insertAdjacentHTML('beforeend', arguments[0]);
main.querySelector('.pale').style.color = '#bbb';
main.querySelector('#a').style.outline = 'none';
Object.assign(main.lastElementChild.style, {height: '2rem', overflow: 'auto'});
"""
TRAVELLED = "return document.activeElement === document.body ? null : document.activeElement.outerHTML"


@dataclass(frozen=True, slots=True)
class Served:
    """A site that answers at an address."""

    at: str
    site: Site


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    site = full_site(tmp_path_factory.mktemp("full"))
    with live(site.service) as at:
        yield Served(at, site)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    site = empty_site(tmp_path_factory.mktemp("empty"))
    with live(site.service) as at:
        yield Served(at, site)


def test_every_page_with_all_that_data_may_be_fits_runs_nothing_and_can_be_read_and_reached(
    browser: selenium.Chrome, full: Served
):
    faults = [fault for path in full.site.pages for fault in visited(browser, full, path)]
    assert faults == []


def test_every_page_with_nothing_on_it_fits_says_so_and_can_be_read_and_reached(
    browser: selenium.Chrome, empty: Served
):
    faults = [fault for path in empty.site.pages for fault in visited(browser, empty, path)]
    assert faults == []


def visited(browser: selenium.Chrome, served: Served, path: str) -> list[str]:
    """Opens a page as an administrator, narrow and light, then dark, then wide; returns what is wrong with it."""
    log_in(browser, served.site.cookie if path != "/login" else {}, served.at)
    show(browser, served.at + path, width=NARROW)
    if dialog(browser) is not None:
        return [f"{path}: something of the data ran"]
    browser.execute_script(OPEN)
    faults = browser.execute_script(CONTRAST) + browser.execute_script(PLACEHOLDERS)
    faults += [f"{browser.execute_script(WIDTH)} px wide"] if browser.execute_script(WIDTH) > NARROW else []
    kind = "full" if served.site.cookie else "empty"
    picture(browser, path, f"{kind}-narrow")
    emulate(browser, WIDE, "dark")
    faults += [f"dark: {fault}" for fault in browser.execute_script(CONTRAST) + browser.execute_script(PLACEHOLDERS)]
    faults += [f"{browser.execute_script(WIDTH)} px wide"] if browser.execute_script(WIDTH) > WIDE else []
    picture(browser, path, f"{kind}-wide")
    press_tab(browser)  # from here on focus is shown as to who uses the keyboard
    faults += browser.execute_script(REACH) + unnamed(browser) + problems(browser)
    faults += ["holds elements of the data"] if browser.execute_script(BROUGHT) else []
    faults += [f"holds {sign!r}" for sign in INVISIBLE if sign in browser.page_source]
    return [f"{path}: {fault}" for fault in faults]


def log_in(browser: selenium.Chrome, cookie: dict[str, str], at: str) -> None:
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    if cookie:
        browser.execute_cdp_cmd("Network.setCookie", cookie | {"url": at})


def emulate(browser: selenium.Chrome, width: int, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def press_tab(browser: selenium.Chrome) -> None:
    for kind in ("keyDown", "keyUp"):
        key = {"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
        browser.execute_cdp_cmd("Input.dispatchKeyEvent", key)


def unnamed(browser: selenium.Chrome) -> list[str]:
    """Returns what takes focus and has no name that a screen reader could say."""
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    found = set()
    for node in nodes:
        takes_focus = any(item["name"] == "focusable" and item["value"]["value"] for item in node.get("properties", ()))
        role = node.get("role", {}).get("value")
        is_named = bool(node.get("name", {}).get("value", "").strip())
        if takes_focus and not is_named and role not in ("RootWebArea", "DisclosureTriangle"):
            found.add(f"a {role} without a name")
    return sorted(found)


def picture(browser: selenium.Chrome, path: str, kind: str) -> None:
    folder = os.environ.get("GRISTMILL_PAGE_PICTURES")
    if folder:
        name = re.sub("[0-9a-f]{16,}", "ID", path).strip("/").replace("/", "-").replace("?", "-")[:60] or "jobs"
        taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": False})
        place = Path(folder, f"{name}-{kind}.png")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(base64.b64decode(taken["data"]))


def test_a_page_that_does_all_of_it_is_found_out(browser: selenium.Chrome, empty: Served):
    show(browser, f"{empty.at}/tokens", width=NARROW)
    bad = """<p class="pale">pale</p><input placeholder="pale" id="a"><b id="a"></b><button></button>
        <a href="/" tabindex="3">first</a><h1>two</h1><div><p>much</p><p>more</p></div>"""
    browser.execute_script(BADLY, bad)
    press_tab(browser)
    said = " ".join(browser.execute_script(REACH))
    for fault in ("not in the order", "hides its focus", "scrolls, and takes no focus", "an id twice: a", "not one h1"):
        assert fault in said
    assert unnamed(browser) == ["a button without a name"]
    assert [fault for fault in browser.execute_script(CONTRAST) if fault.startswith("P.pale")] != []


def test_tab_leads_through_all_of_a_page_in_its_order(browser: selenium.Chrome, empty: Served):
    show(browser, f"{empty.at}/tokens")
    wanted = browser.execute_script(
        "return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select')]"
        ".map(node => node.outerHTML)"
    )
    seen = []
    for _ in range(len(wanted)):
        press_tab(browser)
        seen.append(browser.execute_script(TRAVELLED))
    assert seen == wanted


def test_an_administrator_makes_a_token_logs_in_with_it_and_revokes_it(browser: selenium.Chrome, tmp_path: Path):
    site = empty_site(tmp_path)
    with live(site.service) as at:
        log_in(browser, {}, at)
        show(browser, f"{at}/tokens", width=NARROW)
        browser.find_element(By.CSS_SELECTOR, "#new [name=name]").send_keys("ops")
        browser.find_element(By.CSS_SELECTOR, "#new [value=admin]").send_keys(Keys.SPACE)
        browser.find_element(By.CSS_SELECTOR, "#new button").send_keys(Keys.ENTER)
        until(browser, "return document.querySelector('#secret')")
        secret = browser.find_element(By.ID, "secret").text
        assert browser.execute_script(CONTRAST) == []
        assert browser.execute_script(WIDTH) <= NARROW
        picture(browser, "tokens-made", "narrow")

        browser.find_element(By.LINK_TEXT, "Tokens").click()
        until(browser, "return document.title.startsWith('Log in')")
        browser.find_element(By.NAME, "token").send_keys(secret, Keys.ENTER)
        until(browser, "return document.title.startsWith('Jobs')")
        browser.find_element(By.LINK_TEXT, "Audit").click()
        assert "'ops' (read, admin)" in browser.find_element(By.TAG_NAME, "main").text
        browser.find_element(By.LINK_TEXT, "Tokens").click()
        browser.find_element(By.CSS_SELECTOR, "[aria-label='Revoke ops']").send_keys(Keys.ENTER)
        until(browser, "return document.title.startsWith('Log in')")
        assert browser.get_cookie(COOKIE) is not None, "the session is worth nothing any more, whatever the browser has"
        assert problems(browser) == []
