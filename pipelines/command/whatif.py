"""`gristmill whatif` and `gristmill compare`: what other thresholds, or another run, keep and drop."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from curation.errors import InputError
from pipelines.command.choosing import check_free, chosen_run, json_option, run_argument
from pipelines.command.speaking import say, show, show_json

if TYPE_CHECKING:
    from pipelines.comparison import Comparison
    from pipelines.rundir import Run
    from pipelines.whatif import WhatIf

count_option = click.option(
    "-n", "count", type=click.IntRange(0, 1000), default=3, show_default=True, help="Documents of each kind of change."
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, other documents."
)


@click.command()
@run_argument
@click.option(
    "--set",
    "settings",
    multiple=True,
    required=True,
    metavar="GATE.RULE.KEY=VALUE",
    help="A rule's min, max, one_of, review_within or action; or a key of the spec under gates or dedup.",
)
@click.option("--exact", is_flag=True, help="Link again from stored signatures, for exact counts after deduplication.")
@click.option("--write", type=click.Path(path_type=Path), metavar="FILE", help="Write the spec with these settings.")
@click.option("--force", is_flag=True, help="Replace an existing FILE.")
@count_option
@seed_option
@json_option
def whatif(
    *,
    run: str | None,
    settings: tuple[str, ...],
    exact: bool,
    write: Path | None,
    force: bool,
    count: int,
    seed: int,
    as_json: bool,
) -> None:
    """Tells what other thresholds would keep of a finished RUN, from what it measured. Changes nothing in it.

    GATE and RULE are the names that decisions carry, as in quality/num_words; GATE.RULE=VALUE is enough where the rule
    has one bound.

    Example: gristmill whatif --set quality.num_words.min=40 --write looser.yaml
    """
    from pipelines.progress import LineProgress  # noqa: PLC0415
    from pipelines.rundir import open_run  # noqa: PLC0415
    from pipelines.whatif import Question, what_if  # noqa: PLC0415

    if write is not None:
        check_free(write, force=force, option="--write")
    chosen = open_run(chosen_run(run))
    question = Question(settings=settings, exact=exact, count=count, seed=seed)
    answer = what_if(chosen, question, progress=LineProgress())
    if as_json:
        show_json(answer)
    else:
        _show_whatif(answer)
    if write is not None:
        _write_spec(chosen, settings, write)


@click.command()
@click.argument("run_a")
@click.argument("run_b")
@count_option
@seed_option
@json_option
def compare(*, run_a: str, run_b: str, count: int, seed: int, as_json: bool) -> None:
    """Tells what RUN_B keeps and drops otherwise than RUN_A, document by document, by their ids.

    Example: gristmill compare runs/web-1a2b3c4d runs/web-5e6f7a8b
    """
    from pipelines.comparing import compare_runs  # noqa: PLC0415
    from pipelines.rundir import open_run  # noqa: PLC0415

    answer = compare_runs(open_run(run_a), open_run(run_b), count=count, seed=seed)
    if as_json:
        show_json(answer)
        return
    from pipelines.command.difference import change_lines, side_table  # noqa: PLC0415

    inputs = answer["inputs"]
    if inputs["only_before"] or inputs["only_after"] or inputs["changed"]:
        say(
            f"different inputs: {inputs['only_before']:,} files only in {run_a}, {inputs['only_after']:,} only in "
            f"{run_b}, {inputs['changed']:,} that differ"
        )
    if inputs["same_tokenizer"] is False:
        say("different tokenizers: their numbers of tokens do not compare")
    show(side_table(answer["result"], f"{run_a} -> {run_b}"))
    _show_details(answer["result"])
    show("".join(f"\n{change_lines(change)}\n" for change in answer["samples"]))


def _show_whatif(answer: "WhatIf") -> None:
    from pipelines.command.difference import change_lines, side_table  # noqa: PLC0415

    result = answer["result"]
    end = "exact" if answer["exact"] else "estimated; --exact links again"
    show(side_table(answer["gates"], f"{answer['run']} with {', '.join(answer['settings'])}\n\nby the gates (exact)"))
    show("\n" + side_table(result, f"after deduplication ({end})"))
    if count := result["estimated_tokens"]:
        documents = f"{count:,} document{'s' if count > 1 else ''}"
        show(f"estimated from their bytes, by the tokens per byte of their source: the tokens of {documents}")
    _show_details(result)
    show("".join(f"\n{change_lines(change)}\n" for change in answer["samples"]))


def _show_details(result: "Comparison") -> None:
    from pipelines.command.difference import mix_tables, rule_table  # noqa: PLC0415

    for block in (rule_table(result), *mix_tables(result)):
        if block:
            show(f"\n{block}")


def _write_spec(run: "Run", settings: tuple[str, ...], path: Path) -> None:
    from pipelines.output_file import write_output  # noqa: PLC0415
    from pipelines.rule_settings import changed_spec  # noqa: PLC0415
    from pipelines.spec_file import dump_spec  # noqa: PLC0415
    from pipelines.spec_paths import moved  # noqa: PLC0415
    from pipelines.starts import last_start  # noqa: PLC0415
    from pipelines.whatif import run_spec  # noqa: PLC0415

    spec = changed_spec(run_spec(run), settings)
    try:
        spec = moved(spec, root=last_start(run.store).root, folder=path.parent)
    except InputError:
        say("the run does not say where its relative paths start; look them over")
    write_output(path, dump_spec(spec).encode())
    say(f"{path} is written")
