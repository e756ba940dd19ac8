"""Takes the pictures of README and docs, light and dark, wide and narrow: a run's report, or pages of a service.

.venv/bin/python infra/make_pictures.py runs/quickstart-xxxxxxxx
.venv/bin/python infra/make_pictures.py job=http://127.0.0.1:8400/jobs/ID document=http://127.0.0.1:8400/jobs/ID/...
"""

import base64
import sys
from pathlib import Path

from selenium import webdriver

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
SIZES = {"wide": (1280, 1000), "narrow": (390, 844)}
SCHEMES = ("light", "dark")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")


def main(pages: dict[str, str]) -> None:
    """Writes `docs/pictures/<page>-<width>-<scheme>.png` of each page at its address."""
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    service = webdriver.ChromeService(executable_path="/usr/bin/chromedriver")
    driver = webdriver.Chrome(options=options, service=service)
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        for scheme in SCHEMES:
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            for name, (width, height) in SIZES.items():
                metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": name == "narrow"}
                driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
                for page, address in pages.items():
                    driver.get(address)
                    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
                    (FOLDER / f"{page}-{name}-{scheme}.png").write_bytes(base64.b64decode(picture))
    finally:
        driver.quit()


if __name__ == "__main__":
    named = [argument.split("=", 1) for argument in sys.argv[1:] if "=" in argument]
    main(dict(named) or {"report": (Path(sys.argv[1]).resolve() / "report.html").as_uri()})
