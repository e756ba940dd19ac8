"""Conversations as text: messages and answers in order of preference, written so that their turns can be found again.

ChatML's marks (a line that names who speaks, an end mark after each message) make one text of a record, which is
curated as any other. A prompt that two answers share stands once, before `<|chosen|>` and `<|rejected|>`. No message
may hold a mark, and the turns are kept beside the text: where an edit took a mark away, the text no longer says who
spoke, and nothing of it may be learnt.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from curation.errors import BadRecord

TEMPLATE = "chatml-1"
"""What `extractor` says of a text that was made of a conversation: the template and its version."""

TURNS = "conversation"
"""Key of `extra` that holds the turns."""

BEGIN, END, CHOSEN, REJECTED = "<|im_start|>", "<|im_end|>", "<|chosen|>", "<|rejected|>"
MARKS = (BEGIN, END, CHOSEN, REJECTED)

ROLES: Mapping[str, str] = {
    **{name: name for name in ("system", "developer", "user", "assistant", "tool")},
    **{"human": "user", "gpt": "assistant", "function": "tool", "observation": "tool"},  # ShareGPT and LLaMA-Factory
}
"""Names of roles in records, and the role they stand for."""
LEARNT_ROLE = "assistant"

CONTEXT, LEARNT, IS_REJECTED = 0, 1, 2
"""What a token is for: read only, or learnt; with the bit IS_REJECTED it belongs to the branch of a rejected answer."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message: one of the roles, and what was said."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a conversation in the order in which a model reads it; `is_mark`: text and nobody's words."""

    text: str
    use: int
    is_mark: bool = False


def messages_of(value: object) -> list[Message]:
    """Returns the messages of a record: objects with `role` and `content`, or ShareGPT's `from` and `value`.

    Content may be a list of parts as OpenAI has it, if all are text.

    Raises:
        BadRecord: `messages_missing`, `bad_message` or `mark_in_message`.
    """
    if not isinstance(value, list | tuple) or not value:
        raise BadRecord("messages_missing", f"expected a list of messages, found {type(value).__name__}")
    return [_message(item, number) for number, item in enumerate(value)]


def _message(value: object, number: int) -> Message:
    if not isinstance(value, Mapping):
        raise BadRecord("bad_message", f"message {number}: expected an object, found {type(value).__name__}")
    role = value.get("role") or value.get("from")
    if not isinstance(role, str) or role not in ROLES:
        raise BadRecord(
            "bad_message", f"message {number}: expected one of the roles {', '.join(ROLES)}, found {role!r}"
        )
    content = value.get("content") if value.get("content") is not None else value.get("value")
    if isinstance(content, list | tuple):
        content = _joined(content)
    if not isinstance(content, str):
        raise BadRecord("bad_message", f"message {number}: expected text, found {type(content).__name__}")
    return Message(ROLES[role], _without_marks(content, number))


def _joined(parts: Sequence[object]) -> str | None:
    texts = [part.get("text") for part in parts if isinstance(part, Mapping) and part.get("type") == "text"]
    whole = len(texts) == len(parts) and all(isinstance(text, str) for text in texts)
    return "".join(str(text) for text in texts) if whole else None


def _without_marks(content: str, number: int) -> str:
    for mark in MARKS:
        if mark in content:
            raise BadRecord("mark_in_message", f"message {number}: expected no {mark} in what is said, found one")
    return content


def conversation(messages: Sequence[Message]) -> tuple[str, list[str]]:
    """Returns the text of messages, and its turns.

    Raises:
        BadRecord: `no_answer`: nobody's words are to be learnt.
    """
    if all(message.role != LEARNT_ROLE for message in messages):
        raise BadRecord("no_answer", f"expected a message of {LEARNT_ROLE}, found none")
    return _written(messages), [message.role for message in messages]


def preference(chosen: Sequence[Message], rejected: Sequence[Message]) -> tuple[str, list[str]]:
    """Returns the text of two conversations, the first the better one, and its turns.

    Raises:
        BadRecord: `no_answer`, or `same_answers`: they do not differ.
    """
    shared = next(
        (at for at, (one, other) in enumerate(zip(chosen, rejected, strict=False)) if one != other),
        min(len(chosen), len(rejected)),
    )
    branches = chosen[shared:], rejected[shared:]
    if not all(branches):
        raise BadRecord("same_answers", "expected two answers, found one conversation that goes on as the other")
    turns = [message.role for message in chosen[:shared]]
    text = _written(chosen[:shared])
    for mark, branch in zip((CHOSEN, REJECTED), branches, strict=True):
        if all(message.role != LEARNT_ROLE for message in branch):
            raise BadRecord("no_answer", f"expected a message of {LEARNT_ROLE} in each branch, found none")
        text += f"{mark}\n{_written(branch)}"
        turns += [mark, *(message.role for message in branch)]
    return text, turns


def _written(messages: Sequence[Message]) -> str:
    return "".join(f"{BEGIN}{message.role}\n{message.content}{END}\n" for message in messages)


def spans_of(text: str, turns: Sequence[str]) -> list[Span] | None:
    """Returns what a model reads of a conversation's text: an answer's words and its end mark are to be learnt.

    Of a preference: the shared prompt and the chosen answer, then the prompt again and the rejected answer, all with
    IS_REJECTED; none of that is learnt by next-token prediction. None where the text has not exactly these turns.
    """
    read = list(_turns_in(text if text.endswith("\n") else f"{text}\n", turns))
    if None in read:
        return None
    messages = [message for message in read if message is not None]
    if CHOSEN not in turns:
        return [span for message in messages for span in _spans(message, 0)]
    marks = [number for number, message in enumerate(messages) if message.role in (CHOSEN, REJECTED)]
    prompt, chosen, rejected = messages[: marks[0]], messages[marks[0] + 1 : marks[1]], messages[marks[1] + 1 :]
    return [
        *(span for message in [*prompt, *chosen] for span in _spans(message, 0)),
        *(span for message in [*prompt, *rejected] for span in _spans(message, IS_REJECTED)),
    ]


def _turns_in(text: str, turns: Sequence[str]) -> Iterator[Message | None]:
    """Yields the messages and branches that the text has; None at the first place where it has another."""
    at = 0
    for turn in turns:
        is_branch = turn in (CHOSEN, REJECTED)
        head = f"{turn}\n" if is_branch else f"{BEGIN}{turn}\n"
        end = at + len(head) if is_branch else text.find(f"{END}\n", at + len(head))
        content = text[at + len(head) : end]
        if not text.startswith(head, at) or end < 0 or any(mark in content for mark in MARKS):
            yield None
            return
        yield Message(turn, content)
        at = end if is_branch else end + len(END) + 1
    if at != len(text):
        yield None


def _spans(message: Message, branch: int) -> Iterator[Span]:
    use = (LEARNT if message.role == LEARNT_ROLE else CONTEXT) | branch
    yield Span(BEGIN, branch, is_mark=True)
    yield Span(f"{message.role}\n", branch)
    yield Span(message.content, use)
    yield Span(END, use, is_mark=True)
    yield Span("\n", branch)
