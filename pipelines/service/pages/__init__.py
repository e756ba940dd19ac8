"""The pages of the service: server-rendered, one style with the report, working without a script but for what is live.

htmx (`static/`, version 2.0.11 from npm, 0BSD) asks for the same page again and swaps one part of it, so there are
hardly any fragments of their own. uPlot (1.6.32 from npm, MIT) draws lines from the table beside them. Pages call the
functions that the API calls, and what they show passes the report's gates.
"""

from fastapi import APIRouter

from pipelines.service.pages import administration, documents, exports, jobs, review, run, schedules, sessions

PARTS = tuple(part.router for part in (sessions, jobs, run, documents, exports, review, schedules, administration))
router = APIRouter(include_in_schema=False)
for part in PARTS:
    router.include_router(part)
