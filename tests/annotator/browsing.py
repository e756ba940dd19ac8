"""A reviewer in front of Chromium: what is pressed, what is seen."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SECONDS = 60
DECISIONS = ".dr-dec input, .pr-bar input"


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Starts a browser and ends it; skips where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,800"):
        options.add_argument(argument)
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield started
    finally:
        started.quit()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerPage:
    """A browser on a Label Studio server."""

    browser: Any
    url: str

    def wait(self, holds: Callable[[Any], object]) -> None:
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.browser, SECONDS).until(holds)

    def sign_in(self, email: str, password: str) -> None:
        from selenium.webdriver.common.keys import Keys

        self.browser.get(f"{self.url}/user/login/")
        self.browser.find_element("name", "email").send_keys(email)
        self.browser.find_element("name", "password").send_keys(password, Keys.ENTER)
        self.wait(lambda page: "/user/login" not in page.current_url)

    def open_queue(self, project: int) -> None:
        """Opens the next task of a project, as the button Label All Tasks does."""
        self.browser.get(f"{self.url}/projects/{project}/data?labeling=1")
        self.wait(lambda page: page.find_elements("css selector", DECISIONS))

    def type(self, keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(keys).perform()

    def drag(self, places: list[float]) -> None:
        """Marks with the mouse: from left, top to right, bottom."""
        from selenium.webdriver.common.action_chains import ActionChains

        left, top, right, bottom = places
        act = ActionChains(self.browser, duration=50)
        mouse = act.w3c_actions.pointer_action
        mouse.move_to_location(left, top)
        mouse.pointer_down()
        mouse.move_to_location(right, bottom)
        mouse.pointer_up()
        act.perform()

    def press(self, key: str) -> None:
        """Presses a key that decides."""
        self.type(key)
        checked = DECISIONS.replace("input", "input:checked")
        self.wait(lambda page: page.find_elements("css selector", checked))

    def submit(self) -> None:
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        ActionChains(self.browser).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()

    def picture(self, path: Path, width: int, height: int) -> None:
        """Takes a picture of a window of that size."""
        self.browser.set_window_size(width, height)
        self.browser.save_screenshot(str(path))

    def run(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(script, *arguments)
