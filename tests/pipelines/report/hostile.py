"""A run whose every text tries to leave its place in a page."""

import json
from dataclasses import replace
from pathlib import Path

from pipelines.rundir import Run
from pipelines.spec import ReportSpec
from tests.rundirs import Doc, job, write_run

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "'><svg onload=alert(3)>",
    "</style><script>alert(4)</script>",
    "</title><script>alert(5)</script>",
    "javascript:alert(6)",
    "<iframe src=https://evil.example/></iframe>",
    "<link rel=stylesheet href=https://evil.example/x.css><meta http-equiv=refresh content='0;url=https://evil.example'>",
    "{{ 7 * 7 }}{% for x in y %}",
    "\u202egpj.exe \u2066isolated \u200f mark",
    "\x1b[31mred\x07 bell \x00 null \x9b31m",
    "<base href=https://evil.example/><form action=https://evil.example><input autofocus onfocus=alert(7)>",
    "]]><!--<math><mtext></table><mglyph><style><img src=x onerror=alert(8)>",
    "a" * 3000,
    "\u0301" * 500 + "Z\u0337\u0322" * 200,
)
URLS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " https://evil.example/leading-space",
    'https://evil.example/"onmouseover="alert(1)',
    "https://evil.example/<script>alert(1)</script>",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "https://\u202eevil.example/",
    "file:///etc/passwd",
    "//evil.example/no-scheme",
    "https://good.example/page?q=1&r=2",
    "http://[::bad",
    "https://" + "a" * 5000,
)


def hostile_run(folder: Path) -> Run:
    """Writes a run in which every string column holds attacks, each in several places."""
    docs = []
    for index in range(60):
        attack = ATTACKS[index % len(ATTACKS)]
        failed = {
            "rule": f"gate/{attack}",
            "value": float("inf") if index % 5 else None,
            "threshold": 1e300,
            "found": attack,
        }
        state = ("kept", "dropped", "review")[index % 3]
        docs.append(
            Doc(
                text=f"{attack}\n" * 3,
                source=f"{attack[:60]}{index % 7}",
                path=f"{attack}/../{index}",
                url=URLS[index % len(URLS)],
                user_id=attack,
                language=attack[:80],
                license=attack,
                domain=attack[:40],
                extra=json.dumps({"dialect": attack}),
                generator=f"{attack}{index}" if index % 2 else None,
                template=f"{attack}{index}" if index % 2 else None,
                state=state,
                decided_by=None if state == "kept" else f"gate/{attack}",
                failed=(failed,) if state == "dropped" else (),
                review_reasons=(f"gate/{attack}: {attack}",) if state == "review" else (),
                twin=index - 3 if index % 4 == 3 else None,
                signals={"num_words": 1e18 if index % 2 else 0.0, "dup_line_fraction": None},
            )
        )
    dead = [
        {"source": attack[:60], "path": attack, "offset": 0, "length": 1, "reason": attack, "detail": attack}
        for attack in ATTACKS
    ]
    skipped = [(attack, index + 1) for index, attack in enumerate(ATTACKS)]
    return write_run(
        folder,
        docs,
        dead=dead,
        skipped=skipped,
        spec=replace(job("hostile"), report=ReportSpec(groups=("dialect", '"><script>'))),
    )
