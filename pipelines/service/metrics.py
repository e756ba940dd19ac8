"""Numbers for Prometheus: requests by route, jobs by state, and what the queue has to give."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pipelines.service.service import Service
from pipelines.service.tables import STATES

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "gristmill_requests", "Requests by route and status.", ["method", "route", "status"], registry=REGISTRY
)
REQUEST_SECONDS = Histogram("gristmill_request_seconds", "Time to answer, by route.", ["route"], registry=REGISTRY)
JOBS = Gauge("gristmill_jobs", "Jobs by state.", ["state"], registry=REGISTRY)
CORES = Gauge("gristmill_cores", "Cores for jobs: all, and in use by this service.", ["which"], registry=REGISTRY)
MEMORY = Gauge(
    "gristmill_memory_bytes", "Memory for jobs: all, given out, and found to be taken.", ["which"], registry=REGISTRY
)
TICK_AGE = Gauge("gristmill_tick_age_seconds", "Time since the queue was looked after last.", registry=REGISTRY)


def exposition(service: Service) -> bytes:
    """Returns all numbers in Prometheus's text format."""
    counts = service.jobs.num_by_state()
    for state in STATES:
        JOBS.labels(state).set(counts.get(state, 0))
    running = service.jobs.watched_by(service.dispatcher.owner)
    CORES.labels("all").set(service.settings.cores)
    CORES.labels("used").set(sum(job.cores for job in running))
    MEMORY.labels("all").set(service.settings.memory_bytes)
    MEMORY.labels("used").set(sum(job.memory_bytes for job in running))
    MEMORY.labels("taken").set(sum(service.dispatcher.taken.get(job.id, 0) for job in running))
    TICK_AGE.set((service.jobs.now_ms() - service.dispatcher.last_tick_ms) / 1000)
    return generate_latest(REGISTRY)
