"""Takes the pictures of README and docs: the report of a quickstart run, light and dark, wide and narrow.

.venv/bin/python infra/make_pictures.py runs/quickstart-xxxxxxxx
"""

import base64
import sys
from pathlib import Path

from selenium import webdriver

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
SIZES = {"wide": (1280, 1000), "narrow": (390, 844)}
SCHEMES = ("light", "dark")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")


def main(run: str) -> None:
    """Writes `docs/pictures/report-<width>-<scheme>.png` of a run's report."""
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
                driver.get((Path(run).resolve() / "report.html").as_uri())
                picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
                (FOLDER / f"report-{name}-{scheme}.png").write_bytes(base64.b64decode(picture))
    finally:
        driver.quit()


if __name__ == "__main__":
    main(sys.argv[1])
