"""Pictures of gold pages: a page's text beside ours and trafilatura's, words as bars, for no text may be shown.

Usage: PYTHONPATH=. python infra/extraction/difference_pictures.py NAME=PAGE_ID ... (`jpost=article/3`). Writes
docs/pictures/extraction-NAME.png. Bars of words that the gold has are green, others red; a line is a line.
"""

import base64
import difflib
import re
import sys
from pathlib import Path

import numpy as np
from selenium import webdriver

from curation.kernels.html_blocks import html_blocks
from curation.kernels.html_text import html_text
from curation.kernels.html_tokens import html_tokens
from curation.text.charset import decode
from infra.extraction.differing_pages import Difference, differences
from infra.make_pictures import FLAGS

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
WIDTH, HEIGHT = 1280, 840
_WORD = re.compile(r"\w+")
STYLE = """
:root { color-scheme: light } body { margin: 16px; font: 15px system-ui, sans-serif; background: #fff; color: #222 }
main { display: grid; grid-template-columns: repeat(3, 1fr); gap: 20px } h2 { font-size: 15px; margin: 0 0 8px }
section { overflow: hidden; height: 780px } p { margin: 0 0 4px; line-height: 7px; min-height: 3px }
i { display: inline-block; height: 5px; margin-right: 2px; border-radius: 1px; background: #d66 }
i.g { background: #2a8f5a }
footer { margin-top: 12px }
"""


def bars(text: str, gold: list[str]) -> str:
    """Returns a text's lines as HTML, a bar for each word."""
    words = _WORD.findall(text)
    in_gold = np.zeros(len(words), np.bool_)
    for block in difflib.SequenceMatcher(None, words, gold, autojunk=False).get_matching_blocks():
        in_gold[block.a : block.a + block.size] = block.size > 2
    lines, at = [], 0
    for line in text.splitlines():
        found = _WORD.findall(line)
        marks = zip(found, in_gold[at : at + len(found)].tolist(), strict=True)
        lines.append("".join(f'<i{" class=g" * known} style="width:{3 * len(word)}px"></i>' for word, known in marks))
        at += len(found)
    return "".join(f"<p>{line}</p>" for line in lines)


def whole_text(one: Difference) -> str:
    """Returns all that a reader of the page sees."""
    page = np.frombuffer(decode(one.page.raw, declared=one.page.charset, is_html=True).text.encode(), np.uint8)
    tokens = html_tokens(page)
    return html_text(page, tokens, ~html_blocks(tokens).is_hidden_T).tobytes().decode()


def shown(one: Difference) -> str:
    """Returns the picture as HTML."""
    gold, (ours, theirs) = _WORD.findall(one.page.text), one.f1
    columns = [("the page", whole_text(one)), (f"ours, F1 {ours:.3f}", one.ours)]
    columns.append((f"trafilatura, F1 {theirs:.3f}", one.theirs))
    sections = "".join(f"<section><h2>{name}</h2>{bars(text, gold)}</section>" for name, text in columns)
    note = "A bar is a word: green where the gold has it, red where it has not. Columns are cut at the bottom."
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><main>{sections}</main><footer>{note}</footer>"


def main(names: dict[str, str]) -> None:
    """Writes the pictures."""
    by_id = {one.page.id: one for one in differences()}
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path="/usr/bin/chromedriver"))
    try:
        metrics = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        for name, page in names.items():
            source = base64.b64encode(shown(by_id[page]).encode()).decode()
            driver.get(f"data:text/html;base64,{source}")
            picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
            (FOLDER / f"extraction-{name}.png").write_bytes(base64.b64decode(picture))
    finally:
        driver.quit()


if __name__ == "__main__":
    main(dict(argument.split("=", 1) for argument in sys.argv[1:]))
