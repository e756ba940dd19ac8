"""Settings that name a rule as decisions do, `GATE.RULE.KEY=VALUE`, applied to the spec of a finished run.

Only what stored measurements can answer may change: gates, which gates an input has, and deduplication by what the
signatures hold.
"""

from dataclasses import fields, replace
from typing import Literal

from curation.errors import SpecError
from curation.quality.gates import Rule
from pipelines.judging import check_spec_gates, gate_names, named_gate
from pipelines.measuring import plan_of
from pipelines.policy import check_policy
from pipelines.spec import DedupSpec, GateSpec, JobSpec
from pipelines.spec_file import dump_spec, parse_spec

KEYS = tuple(item.name for item in fields(Rule) if item.name not in {"signal", "name"})
EXACT: tuple[Literal["raw", "text", "words"], ...] = ("raw", "text", "words")
SECTIONS = ("gates", "inputs", "dedup")
FORM = "GATE.RULE.KEY=VALUE, for example quality.num_words.min=40"


def changed_spec(spec: JobSpec, settings: tuple[str, ...]) -> JobSpec:
    """Returns `spec` with `settings` applied.

    Args:
        spec: of a finished run.
        settings: each `GATE.RULE.KEY=VALUE` (KEY as in the spec: min, max, one_of, review_within, action, when.language
            ...), `GATE.RULE=VALUE` where the rule has one bound, or a key of the spec under `gates`, `dedup` or
            `inputs.NAME.gates` as `gristmill run --set` takes it, unless a gate has that name.

    Raises:
        SpecError: a setting is not of that form, names no rule, or changes what only the text can answer.
    """
    keys = []
    shown = spec
    for setting in settings:
        shown, key = _as_key(shown, setting)
        keys.append(key)
    changed = parse_spec(dump_spec(shown).encode(), name="spec.yaml", settings=tuple(keys))
    changed = replace(changed, runner=spec.runner, limits=spec.limits)
    _check_answerable(spec, changed)
    check_spec_gates(changed)
    check_policy(changed)
    return changed


def _as_key(spec: JobSpec, setting: str) -> tuple[JobSpec, str]:
    """Returns the spec with the rule of `setting` written out (a preset's is not), and the setting as a key of it."""
    path, equals, value = setting.partition("=")
    gate, _, rest = path.partition(".")
    if not equals or not rest:
        raise SpecError(f"--set {setting}: expected {FORM}")
    names = gate_names(spec)
    if gate not in names:
        if gate not in SECTIONS:
            known = ", ".join(names) or "none"
            raise SpecError(
                f"--set {setting}: expected a gate of the run ({known}), found {gate!r}; write {FORM}, "
                "or a key under gates, dedup or inputs.NAME.gates"
            )
        return spec, setting
    rule, key = _rule_and_key(spec, gate, rest, setting)
    given = spec.gates.get(gate, GateSpec())
    labels = [item.label for item in given.rules]
    if rule.label not in labels:
        given = replace(given, rules=(*given.rules, rule))
        labels.append(rule.label)
    written = replace(spec, gates=spec.gates | {gate: given})
    return written, f"gates.{gate}.rules[{labels.index(rule.label)}].{key}={value}"


def _rule_and_key(spec: JobSpec, gate: str, rest: str, setting: str) -> tuple[Rule, str]:
    rules = {rule.label: rule for rule in named_gate(gate, spec).rules}
    named = [label for label in rules if rest == label or rest.startswith(f"{label}.")]
    if not named:
        raise SpecError(f"--set {setting}: expected a rule of the gate {gate} ({', '.join(rules)}), found {rest!r}")
    label = max(named, key=len)
    key = rest[len(label) + 1 :] or _only_bound(rules[label], gate, setting)
    if key.partition(".")[0] not in KEYS:
        raise SpecError(f"--set {setting}: expected one of the keys {', '.join(KEYS)} of the rule, found {key!r}")
    return rules[label], key


def _only_bound(rule: Rule, gate: str, setting: str) -> str:
    bounds = [name for name in ("min", "max") if getattr(rule, name) is not None] or [
        "absent" if rule.absent else "one_of"
    ]
    if len(bounds) > 1:
        forms = " or ".join(f"{gate}.{rule.label}.{name}=VALUE" for name in bounds)
        raise SpecError(f"--set {setting}: expected {forms}, since the rule has both bounds")
    return bounds[0]


def _check_answerable(before: JobSpec, after: JobSpec) -> None:
    inputs = {
        name: replace(given, gates=before.inputs[name].gates)
        for name, given in after.inputs.items()
        if name in before.inputs
    }
    if replace(after, gates=before.gates, dedup=before.dedup, inputs=inputs) != before:
        raise SpecError(
            "--set: expected changes of gates, dedup or inputs.NAME.gates only; what else the settings change "
            "needs the text: gristmill run"
        )
    if plan_of(replace(after, dedup=_with_stored(after.dedup, before.dedup))) != plan_of(before):
        raise SpecError(
            "--set: expected settings of dedup that the stored signatures answer, found others than they were made "
            "with (shingles, permutations, seed, or what equal documents have in common); measure again: gristmill run"
        )


def _with_stored(asked: DedupSpec, stored: DedupSpec) -> DedupSpec:
    """Returns what is asked for and what is stored beside it: a signature that is there need not be used."""
    kinds = {*asked.kinds, *stored.kinds}
    exact = tuple(kind for kind in EXACT if f"exact_{kind}" in kinds)
    return replace(asked, near=asked.near or stored.near, exact=exact, url="url" in kinds)
