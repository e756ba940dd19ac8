"""The form of answers about documents (JSON objects, typed) and their text for people.

An answer is what `--json` prints, as it is; the text says the same in fewer words, with what came from data made
harmless for a terminal.
"""

from typing_extensions import TypedDict  # Python 3.11 has none that pydantic reads

from curation.text.safe import visible

Value = float | str | None
MOST_PARAGRAPHS = 12

MEMBERS_SHOWN = 10


class Paragraph(TypedDict):
    """A paragraph as `signal.paragraph_languages` lists it, in bytes of the text."""

    start: int
    end: int
    language: str | None
    score: float | None


class Match(TypedDict):
    """A document that a question may mean."""

    doc_id: str  # hex
    source: str
    path: str
    offset: int
    url: str | None
    user_id: str | None
    warc_record_id: str | None


class Failure(TypedDict):
    """A rule that the document failed, as its decision recorded it."""

    rule: str
    value: float | None
    threshold: float | None
    found: str | None


class Check(TypedDict):
    """One rule of the document's gates: the bounds, and by how much the value is inside them."""

    rule: str  # <gate>/<rule>
    signal: str
    value: Value
    min: float | None
    max: float | None
    one_of: list[str]
    absent: bool
    outcome: str  # passed | failed | review | not_applicable
    margin: float | None  # distance to the nearer bound; negative: beyond it


class Member(TypedDict):
    """A document of the same cluster, with the link that decided about it."""

    doc_id: str
    source: str
    state: str
    decided_by: str | None
    survivor_id: str | None
    link_kind: str | None
    link_jaccard: float | None


class Link(TypedDict):
    """A verified link between the document and another one."""

    doc_id: str  # the other one
    kind: str
    jaccard: float | None  # null: a link that compares no words
    threshold: float | None


class Explanation(TypedDict):
    """All that a run knows about one document."""

    failed: list[Failure]
    review_reasons: list[str]
    split: str | None
    signals: dict[str, Value | list[Paragraph]]
    checks: list[Check]  # empty where the spec cannot be read
    cluster_id: str | None
    num_members: int
    members: list[Member]  # earliest first, at most 50
    survivor: Match | None
    survivor_jaccard: float | None
    linked: Match | None  # the other end of the link that decided
    link_kind: str | None
    link_jaccard: float | None
    link_threshold: float | None
    links: list[Link]  # most similar first, at most 50
    made_of: str | None  # id of the document that it was made from
    made_by: str | None  # generator, template and model of a synthetic document
    license: str | None
    extractor: str | None
    num_edits: int
    excerpt: str


class Answer(TypedDict):
    """One document that matches the question; explained when it is the only one."""

    num_matches: int
    document: Match
    state: str
    decided_by: str | None
    explanation: Explanation | None


class Sample(TypedDict):
    """One document shown by `inspect` and in the report."""

    document: Match
    state: str
    decided_by: str | None
    failed: list[Failure]
    review_reasons: list[str]
    survivor_id: str | None
    language: str | None
    num_chars: int
    excerpt: str


def number(value: float | None) -> str:
    """Returns a number for reading: thousands separators, six significant digits at most."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.6g}"  # noqa: PLR2004


def failure_text(failure: Failure) -> str:
    """Returns `gate/rule: 0.31, threshold 0.3`, or what was found where the signal is text."""
    rule = visible(failure["rule"])
    if failure["value"] is None:
        return f"{rule}: found {visible(failure['found'] or 'nothing')}"
    return f"{rule}: {number(failure['value'])}, threshold {number(failure['threshold'])}"


def answer_text(answer: Answer) -> str:
    """Returns an answer in lines: what was decided, by what, and everything measured."""
    told = answer["explanation"]
    lines = [_headline(answer), f"  {locator(answer['document'])}"]
    if told is None:
        return "\n".join([*lines, f"  {answer['num_matches']} documents match; ask again with one of their ids"])
    lines += [f"  failed    {failure_text(failure)}" for failure in told["failed"]]
    lines += [f"  review    {visible(reason)}" for reason in told["review_reasons"]]
    lines += _cluster_lines(told)
    lines += [f"  split     {told['split']}"] if told["split"] else []
    lines += [f"  made of   {told['made_of']}"] if told["made_of"] else []
    lines += [f"  made by   {visible(told['made_by'])}"] if told["made_by"] else []
    lines += [f"  licence   {visible(told['license'])}"] if told["license"] else []
    lines += ["", "  rules", *(_check_line(check) for check in told["checks"])] if told["checks"] else []
    lines += ["", "  signals", *(f"    {visible(name):28} {_value(value)}" for name, value in told["signals"].items())]
    return "\n".join([*lines, "", "  text", f"    {visible(told['excerpt'], limit=400)}"])


def samples_text(samples: list[Sample]) -> str:
    """Returns samples in lines, an empty line between two."""
    return "\n\n".join(_sample_text(sample) for sample in samples) or "no document matches"


def _sample_text(sample: Sample) -> str:
    reasons = [failure_text(failure) for failure in sample["failed"]] + sample["review_reasons"]
    language = f" [{visible(sample['language'])}]" if sample["language"] else ""
    return "\n".join(
        [
            f"{sample['document']['doc_id']}  {sample['state']}{language}"
            + (f" by {visible(sample['decided_by'])}" if sample["decided_by"] else ""),
            f"  {locator(sample['document'])}",
            *(f"  {visible(reason)}" for reason in reasons),
            f"  {visible(sample['excerpt'], limit=300)}",
        ]
    )


def _headline(answer: Answer) -> str:
    by = f" by {answer['decided_by']}" if answer["decided_by"] else ""
    return f"{answer['document']['doc_id']}  {answer['state']}{visible(by)}"


def locator(match: Match) -> str:
    """Returns where a document lies, made harmless for a terminal."""
    named = [f"url {match['url']}"] if match["url"] else []
    named += [f"id {match['user_id']}"] if match["user_id"] else []
    return visible("  ".join([f"{match['source']}: {match['path']} at {match['offset']:,}", *named]))


def _cluster_lines(told: Explanation) -> list[str]:
    lines = []
    if told["survivor"] and told["survivor"] != told["linked"]:
        alike = f"  Jaccard {number(told['survivor_jaccard'])}" if told["survivor_jaccard"] is not None else ""
        lines += [f"  survivor  {told['survivor']['doc_id']}{alike}", f"            {locator(told['survivor'])}"]
    if told["linked"]:
        label = "survivor" if told["survivor"] == told["linked"] else "linked"
        lines += [f"  {label:8}  {_link_text(told)}", f"            {locator(told['linked'])}"]
    if told["cluster_id"] is None:
        return lines
    lines += [f"  cluster   {told['cluster_id']} of {told['num_members']:,} documents"]
    lines += [
        f"  member    {item['doc_id']}  {item['state']}{_by_link(item)}" for item in told["members"][:MEMBERS_SHOWN]
    ]
    hidden = told["num_members"] - min(len(told["members"]), MEMBERS_SHOWN)
    return [*lines, f"            and {hidden:,} more"] if hidden > 0 else lines


def _link_text(told: Explanation) -> str:
    """Returns `<id>  near link, Jaccard 0.8, threshold 0.7`, without numbers where no words are compared."""
    text = f"{told['linked']['doc_id'] if told['linked'] else ''}  {told['link_kind']} link"
    if told["link_jaccard"] is None:
        return text
    return f"{text}, Jaccard {number(told['link_jaccard'])}, threshold {number(told['link_threshold'])}"


def _by_link(member: Member) -> str:
    if member["survivor_id"] is None:
        return f" by {visible(member['decided_by'])}" if member["decided_by"] else ""
    alike = f" (Jaccard {number(member['link_jaccard'])})" if member["link_jaccard"] is not None else ""
    return f" by {visible(member['decided_by'] or '')}{alike} for {member['survivor_id']}"


def _check_line(check: Check) -> str:
    bounds = [f">= {number(check['min'])}"] if check["min"] is not None else []
    bounds += [f"<= {number(check['max'])}"] if check["max"] is not None else []
    bounds += [f"one of {', '.join(check['one_of'])}"] if check["one_of"] else []
    bounds += ["none"] if check["absent"] else []
    margin = "" if check["margin"] is None else f"  margin {number(check['margin'])}"
    outcome = check["outcome"].replace("_", " ")
    return f"    {outcome:15} {check['rule']:42} {_value(check['value'])}  ({' and '.join(bounds)}){margin}"


def _value(value: Value | list[Paragraph]) -> str:
    if isinstance(value, list):
        more = len(value) - MOST_PARAGRAPHS
        shown = [f"{of['start']}-{of['end']} {visible(of['language'] or 'none')}" for of in value[:MOST_PARAGRAPHS]]
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    return visible(value) if isinstance(value, str) else number(value)
