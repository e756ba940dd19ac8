"""`gristmill review learn`, `gold` and `adjudicate`: what a run learns from its people.

The command line adds these to the group `review`, whose other commands talk to a server.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.command.choosing import chosen_run, json_option, run_argument
from pipelines.command.speaking import say, show, show_json, table

if TYPE_CHECKING:
    from curation.intervals import Measure
    from pipelines.learning.answered import Dispute
    from pipelines.learning.learned import Learned

seed_option = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)


@click.command()
@run_argument
@click.option(
    "--write",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The proposed spec; default: learned/proposal.yaml.",
)
@click.option("--force", is_flag=True, help="Replace an existing FILE.")
@seed_option
@json_option
def learn(*, run: str | None, write: Path | None, force: bool, seed: int, as_json: bool) -> None:
    """Tells how far reviewers agree, how often they and the rules are right, and proposes what to change.

    The answer lies in learned/ of the RUN, and in its report. Where thresholds or the classifier would do better, a
    new spec is written there; nothing changes until somebody runs it.

    Example: gristmill review learn runs/web-1a2b3c4d
    """
    from pipelines.learning.facts import PROPOSAL  # noqa: PLC0415
    from pipelines.learning.learned import learn as learnt  # noqa: PLC0415 - `--help` loads nothing
    from pipelines.learning.learned import write_learned  # noqa: PLC0415
    from pipelines.learning.proposal import write_proposal  # noqa: PLC0415
    from pipelines.report import write_report  # noqa: PLC0415
    from pipelines.rundir import open_run  # noqa: PLC0415

    if write is not None and write.exists() and not force:
        raise click.UsageError(f"{write} exists already; choose another name with --write, or --force")
    opened = open_run(chosen_run(run))
    found = learnt(opened, seed=seed)
    write_learned(opened, found)
    write_report(opened.store.uri)
    if as_json:
        show_json(found.facts())
    else:
        show("\n\n".join(block for block in _blocks(found) if block))
    if found.proposal is not None and not found.proposal.is_empty:
        target = write or opened.store.local_path(PROPOSAL)
        write_proposal(opened, found.proposal, target)
        say(f"{target} is a proposal; to accept it: gristmill run {target}")
    else:
        say("nothing is proposed: the answers show no change that would surely do better")


@click.command()
@run_argument
@json_option
def adjudicate(*, run: str | None, as_json: bool) -> None:
    """Lists the documents on which reviewers disagree. A further answer in Label Studio settles one.

    Example: gristmill review adjudicate runs/web-1a2b3c4d
    """
    from dataclasses import asdict  # noqa: PLC0415

    from pipelines.learning.answered import answered, disputes  # noqa: PLC0415
    from pipelines.rundir import open_run  # noqa: PLC0415

    opened = open_run(chosen_run(run))
    found = disputes(answered(opened), opened)
    if as_json:
        show_json([asdict(dispute) for dispute in found])
        return
    show("\n\n".join(map(_dispute, found)) or "reviewers agree on all that several of them answered")


@click.command()
@click.argument("run")
@click.argument("answers", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--draw", type=click.IntRange(1, 100_000), metavar="N", help="Write N questions for an expert to answer.")
@seed_option
@json_option
def gold(*, run: str, answers: Path | None, draw: int | None, seed: int, as_json: bool) -> None:
    """Keeps the right ANSWERS to some questions of a RUN: what reviewers say there tells how often they are wrong.

    ANSWERS is JSONL with doc_id and decision (keep, edit or drop); --draw writes such lines, the decision left open.

    Example: gristmill review gold RUN --draw 100 > gold.jsonl; gristmill review gold RUN gold.jsonl
    """
    import json  # noqa: PLC0415
    from dataclasses import asdict  # noqa: PLC0415

    from pipelines.learning.gold import add_gold, questions_for_gold  # noqa: PLC0415
    from pipelines.rundir import open_run  # noqa: PLC0415

    if (answers is None) == (draw is None):
        raise click.UsageError("expected a file of answers, or --draw N")
    opened = open_run(run)
    if answers is None:
        assert draw is not None, "one of the two is given"
        for question in questions_for_gold(opened, draw, seed=seed):
            show(json.dumps(question))
        return
    added = add_gold(opened, answers)
    if as_json:
        show_json(asdict(added))
        return
    say(f"{added.num_new:,} new, {added.num_changed:,} changed: {added.num_gold:,} gold documents")
    if added.num_unasked:
        say(f"nobody is asked about {added.num_unasked:,} of them: they say nothing about reviewers")


def _blocks(found: "Learned") -> list[str]:
    trust = found.trust
    corrected = "taken out below" if trust.is_corrected_for else "not taken out: that needs gold of both kinds"
    unjudged, disputed = ", ".join(found.unjudged), f"{len(found.disputes):,}"
    return [
        _queue(found),
        _agreement(found) if found.agreement else "",
        f"{trust.num_gold:,} gold documents, {trust.num_answers:,} answers to them; reviewers' errors are {corrected}",
        _reviewers(found) if found.reviewers else "",
        _rules(found) if found.rules else "no random document was judged yet: nothing is known about the rules",
        f"nothing judged yet of: {unjudged}" if unjudged else "",
        f"{disputed} documents on which reviewers disagree: gristmill review adjudicate" if found.disputes else "",
        *_proposed(found),
    ]


def _queue(found: "Learned") -> str:
    rows = [(of.route, *(f"{n:,}" for n in (of.num_questions, of.num_answered, of.num_open))) for of in found.queue]
    return table([("questions", "all", "answered", "open"), *rows])


def _agreement(found: "Learned") -> str:
    measured = [(item.name, item.found) for item in found.agreement]
    measured += [(f"{item.one} and {item.other}", item.found) for item in found.pairs]
    rows = [(name, f"{of.num_units:,}", _percent(of.equal_fraction), _number(of.alpha)) for name, of in measured]
    return table([("agreement", "questions", "equal", "Krippendorff's alpha"), *rows])


def _reviewers(found: "Learned") -> str:
    rows = [
        (of.reviewer, f"{of.num_gold:,}", _share(of.accuracy), _share(of.detection), _share(of.false_alarm))
        for of in found.reviewers
    ]
    return table([("reviewer", "gold", "right", "drops what is to go", "drops what is to stay"), *rows])


def _rules(found: "Learned") -> str:
    rows = [
        (
            rule.rule,
            f"{rule.alone.num_documents:,}",
            f"{rule.alone.num_judged:,}",
            _share(rule.alone.precision),
            _share(rule.alone.recall),
            f"{rule.among_others.num_documents:,}",
            f"{rule.among_others.num_judged:,}",
            _share(rule.among_others.precision),
        )
        for rule in found.rules
    ]
    of_all = ("all rules", "", f"{found.num_audited:,}", _share(found.precision), _share(found.recall), "", "", "")
    header = ("rule", "failed", "judged", "precision", "recall", "fails only it", "judged", "precision")
    return table([header, *rows, of_all])


def _proposed(found: "Learned") -> list[str]:
    asked = found.proposal
    if asked is None:
        return []
    rows = [
        (
            item.rule,
            item.key,
            f"{item.before:g}",
            f"{item.after:g}",
            f"{item.num_judged:,}",
            _count(item.change),
            "yes" if item.is_proposed else "no",
        )
        for item in asked.thresholds
    ]
    blocks = (
        [table([("threshold", "", "now", "best", "judged", "more right decisions", "proposed"), *rows])] if rows else []
    )
    if change := asked.change:
        blocks.append(
            f"with all proposed thresholds the gates keep {change.kept_after:,} of {change.num_documents:,} documents, "
            f"now {change.kept_before:,}; of those people would keep {_share(change.precision_after)}, now "
            f"{_share(change.precision_before)}"
        )
    if model := asked.classifier:
        blocks.append(
            f"classifier of {model.rule}, trained on {model.num_labels:,} decisions: at a keep share of "
            f"{_percent(model.keep_share)}, people would keep {_share(model.precision_after)}, by the old one "
            f"{_share(model.precision_before)}; {'proposed' if model.is_proposed else 'not surely better'}"
        )
    return blocks


def _count(found: "Measure") -> str:
    return "-" if found.value is None else f"{found.value:+,.0f} ({found.low:+,.0f} to {found.high:+,.0f})"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"


def _share(found: "Measure") -> str:
    if found.low is None or found.high is None:
        return "-"
    return f"{_percent(found.value)} ({100 * found.low:.1f} to {100 * found.high:.1f})"


def _number(found: "Measure") -> str:
    if found.value is None:
        return "-"
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def _dispute(dispute: "Dispute") -> str:
    said = ", ".join(f"{who}: {what}" for who, what in dispute.answers.items())
    outcome = f"majority: {dispute.ruling}" if dispute.ruling else "no majority"
    of = f" and {dispute.other_id}" if dispute.other_id else ""
    return f"{dispute.doc_id}{of}  task {dispute.task_id}  {outcome}\n  {said}\n  {dispute.reason}\n  {dispute.text}"
