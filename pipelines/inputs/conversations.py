"""Conversations and preferences in records: the columns that hold them, whatever the file's format."""

from curation.errors import BadRecord
from curation.text.conversation import TURNS, Message, conversation, messages_of, preference
from pipelines.spec import Columns


def take_conversation(record: dict[str, object], columns: Columns) -> tuple[str, dict[str, list[str]]]:
    """Removes the columns of a conversation from a record; returns its text, and its turns under their key of `extra`.

    Raises:
        BadRecord: see `curation.text.conversation`; or `prompt_missing`: an answer that is a string needs one.
    """
    values = [record.pop(name, None) for name in columns.content]
    if columns.messages is not None:
        text, turns = conversation(messages_of(values[0]))
        return text, {TURNS: turns}
    prompt = _prompt(record.pop(columns.prompt, None) if columns.prompt else None)
    chosen, rejected = (_answer(value, prompt) for value in values)
    text, turns = preference(chosen, rejected)
    return text, {TURNS: turns}


def _prompt(value: object) -> list[Message]:
    if value is None:
        return []
    return messages_of([{"role": "user", "content": value}] if isinstance(value, str) else value)


def _answer(value: object, prompt: list[Message]) -> list[Message]:
    """Returns the messages of an answer after its prompt; one that repeats the prompt (as TRL has it) has it once."""
    if isinstance(value, str):
        if not prompt:
            raise BadRecord("prompt_missing", "expected a prompt before an answer that is a string, found none")
        return [*prompt, *messages_of([{"role": "assistant", "content": value}])]
    messages = messages_of(value)
    return messages if messages[: len(prompt)] == prompt else [*prompt, *messages]
