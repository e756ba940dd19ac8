"""The service: a queue of jobs, run one process group each, asked over HTTP (docs/service.md).

What a page may call, all of it safe in a request's thread:

- `asked.service_of(request)` -> `service.Service`; `asked.Asked` and `asked.NamedJob` as FastAPI dependencies.
- `service.jobs`: `submit, get, page, num_by_state, cancel, again` (`pipelines.service.jobs.Jobs`).
- `admission.admit(...)`: a spec that a form sent, checked; `admission.place_of(message)`: line and column of its error.
- `joblogs.tail(folder, lines=...)`, `answers.progress_of(...)`, with `service.dispatcher.folder(job)`.
- `run_queries.newest(job.run)`, then `overview, documents, document, clusters`; `review_state(job.run)`.
- `exports.exports_of(job.run)`, `files_of`, `documents_at`.
- `service.schedules`: `all, get, add, remove, run_now`; `service.trainings`: `page, get, points, is_lost`.
- `access.reads, runs, reviews, administers` as dependencies of routes; `request.state.principal` is who asks, and its
  `csrf` (None without a session) goes into the field `csrf` of every form, or the header `x-csrf-token`.

The pages are in `pipelines.service.pages`; further routers are given to `app.create_app`. Answers get a strict CSP
(`guard.CSP`): no inline script or style, nothing from elsewhere.
"""
