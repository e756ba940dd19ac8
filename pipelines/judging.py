"""The stage `judge`: gates over stored signals, no text. A changed threshold reruns only from here."""

from collections.abc import Iterator

import pyarrow as pa

from curation.errors import SpecError
from curation.quality.gates import Gate, Rule, check_gates
from curation.quality.presets import preset_rules
from curation.routing import GatesOfSource, judge
from curation.schema import VERDICTS
from curation.verified_children import VERIFICATION, verification_gate
from pipelines.configured import asks_model, makes_children
from pipelines.measuring import Job, measured_schema
from pipelines.parts import read_batches, write_part
from pipelines.spec import GateSpec, JobSpec

JUDGED_COLUMNS = ("doc_id", "source", "domain")


def gate_of(name: str, spec: GateSpec, *, own: tuple[Rule, ...] = ()) -> Gate:
    """Returns the gate that a spec describes: rules of its own and a preset's, its overrides, then further rules."""
    rules = [*own, *(preset_rules(spec.preset) if spec.preset else ())]
    places = {rule.label: index for index, rule in enumerate(rules)}
    for rule in spec.rules:
        if rule.label in places:
            rules[places[rule.label]] = rule
        else:
            rules.append(rule)
    return Gate(name=name, rules=tuple(rules), when=spec.when)


def gate_names(spec: JobSpec) -> tuple[str, ...]:
    """Returns the names of a job's gates; `verification` is one where documents are made, named by the spec or not."""
    return tuple(dict.fromkeys([*spec.gates, *_own_gates(spec)]))


def named_gate(name: str, spec: JobSpec) -> Gate:
    """Returns one of `gate_names`; rules that the spec gives `verification` replace those of the same name in it."""
    own = name in _own_gates(spec)
    gate = verification_gate(personal_data=spec.privacy is not None, written=asks_model(spec))
    return gate_of(name, spec.gates.get(name, GateSpec()), own=gate.rules if own else ())


def _own_gates(spec: JobSpec) -> tuple[str, ...]:
    """Returns the gates that a job has whatever its spec names: they judge what it makes, after the others."""
    return (VERIFICATION,) if makes_children(spec) else ()


def gates_of(spec: JobSpec) -> tuple[GatesOfSource, ...]:
    """Returns every input's gates in stage order; the last judges what the job makes.

    Raises:
        SpecError: an input names a gate that the spec lacks, or that of what the job makes.
    """
    own = _own_gates(spec)
    for source, given in spec.inputs.items():
        for name in given.gates:
            if name not in spec.gates:
                raise SpecError(f"inputs.{source}.gates: no gate {name!r}; gates are {', '.join(spec.gates) or 'none'}")
            if name in own:
                raise SpecError(
                    f"inputs.{source}.gates: expected gates of documents, found {name!r}, which judges what is "
                    "made of them, always and nothing else; take it out of the list"
                )
    return tuple(
        GatesOfSource(source=source, gates=tuple(named_gate(name, spec) for name in (*given.gates, *own)))
        for source, given in spec.inputs.items()
    )


def unused_gates(spec: JobSpec) -> list[str]:
    """Returns the gates that no input names, so that they judge nothing."""
    named = {name for given in spec.inputs.values() for name in given.gates} | set(_own_gates(spec))
    return [name for name in spec.gates if name not in named]


def check_spec_gates(spec: JobSpec) -> None:
    """Raises SpecError or SchemaError when a gate cannot judge what the plan measures."""
    schema = measured_schema(spec)
    for of_source in gates_of(spec):
        check_gates(of_source.gates, schema)


def judged_columns(spec: JobSpec) -> list[str]:
    """Returns the columns that the gates read: ids, and the signals of rules and conditions."""
    gates = [gate for of_source in gates_of(spec) for gate in of_source.gates]
    conditions = [condition for gate in gates for condition in (gate.when, *(rule.when for rule in gate.rules))]
    read = {rule.column for gate in gates for rule in gate.rules}
    read |= {column for condition in conditions for column, _ in condition.columns()}
    return [*JUDGED_COLUMNS, *sorted(read.difference(JUDGED_COLUMNS))]


def judge_part(job: Job, part: str) -> None:
    """Writes `verdicts/` of one part from its `measured/` signals (idempotent)."""
    write_part(job.store, f"verdicts/{part}.parquet", VERDICTS, verdicts_of(job, part))


def verdicts_of(job: Job, part: str) -> Iterator[pa.RecordBatch]:
    """Yields what the gates say of one part, from its `measured/` signals."""
    gates, columns = gates_of(job.spec), judged_columns(job.spec)
    for batch in read_batches(job.store, f"measured/{part}.parquet", columns):
        yield judge(pa.RecordBatch.from_arrays([batch[name] for name in columns], names=columns), gates)


def rules_by_name(spec: JobSpec) -> dict[str, Rule]:
    """Returns every rule of the spec by the name that decisions carry (`<gate>/<rule>`)."""
    return {
        f"{gate.name}/{rule.label}": rule
        for of_source in gates_of(spec)
        for gate in of_source.gates
        for rule in gate.rules
    }
