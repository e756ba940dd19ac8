"""What a forecast is held against: the rules that a finished run counted, and how near it must be."""

from pipelines.rundir import open_run

MIN_HITS, TOLERANCE = 200, 0.25


def real_rules(run):
    with open_run(run).connect() as connection:
        rows = connection.sql(
            "SELECT f.rule, count(*) FROM (SELECT unnest(failed) AS f FROM decisions) GROUP BY 1"
        ).fetchall()
    return {rule: count for rule, count in rows if not rule.startswith("dedup/")}


def assert_near(found, expected, tolerance, what):
    assert abs(found - expected) <= tolerance * expected, f"{what}: forecast {found}, found {expected}"
