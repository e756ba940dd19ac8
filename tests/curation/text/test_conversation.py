"""Conversations as text: their turns are found again, or nothing of them is learnt."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from curation.errors import BadRecord
from curation.text.conversation import (
    CHOSEN,
    IS_REJECTED,
    LEARNT,
    MARKS,
    REJECTED,
    Message,
    conversation,
    messages_of,
    preference,
    spans_of,
)

WORDS = st.text(max_size=30).filter(lambda text: not any(mark in text for mark in MARKS))
MESSAGES = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant", "tool"]), WORDS), min_size=1, max_size=6
)
ANSWERED = MESSAGES.filter(lambda messages: any(message.role == "assistant" for message in messages))


def text_of(messages: list[Message]) -> str:
    """The template, by its definition."""
    return "".join(f"<|im_start|>{one.role}\n{one.content}<|im_end|>\n" for one in messages)


def uses(text: str, turns: list[str]) -> list[tuple[str, int]]:
    """What is to be read, character by character, and what each is for."""
    spans = spans_of(text, turns)
    assert spans is not None
    return [(letter, span.use) for span in spans for letter in span.text]


@given(ANSWERED)
def test_what_an_assistant_says_is_learnt_with_its_end_and_nothing_else(messages: list[Message]):
    text, turns = conversation(messages)
    assert text == text_of(messages)
    expected = []
    for message in messages:
        use = int(message.role == "assistant")
        expected += [(letter, 0) for letter in f"<|im_start|>{message.role}\n"]
        expected += [(letter, use) for letter in f"{message.content}<|im_end|>"] + [("\n", 0)]
    assert uses(text, turns) == expected
    assert uses(text.removesuffix("\n"), turns) == expected, "an edit may take white space from the end"


@given(MESSAGES, ANSWERED, ANSWERED)
def test_of_two_answers_each_branch_has_the_prompt_and_the_text_has_it_once(
    prompt: list[Message], one: list[Message], other: list[Message]
):
    chosen, rejected = [*prompt, *one], [*prompt, *other]
    try:
        text, turns = preference(chosen, rejected)
    except BadRecord:
        assume(False)
    found = uses(text, turns)
    branches = [[letter for letter, use in found if bool(use & IS_REJECTED) == branch] for branch in (False, True)]
    assert ["".join(letters) for letters in branches] == [text_of(chosen), text_of(rejected)]
    assert [use & LEARNT for _, use in found] == [
        use for messages in (chosen, rejected) for _, use in uses(*conversation(messages))
    ]
    assert (text.count(f"{CHOSEN}\n"), text.count(f"{REJECTED}\n")) == (1, 1)
    assert len(text) <= len(text_of(chosen)) + len(text_of(other)) + len(f"{CHOSEN}\n{REJECTED}\n")


@given(ANSWERED, st.integers(0, 200), st.integers(1, 60))
def test_where_an_edit_took_a_mark_away_nothing_is_learnt(messages: list[Message], start: int, length: int):
    text, turns = conversation(messages)
    cut = text[:start] + text[start + length :]
    spans = spans_of(cut, turns)
    if spans is None:
        return
    assert "".join(span.text for span in spans) == (cut if cut.endswith("\n") else f"{cut}\n")
    assert cut.count("<|im_start|>") == cut.count("<|im_end|>") == len(messages)


def test_an_edit_that_joins_an_answer_and_a_question_is_noticed_by_the_turns():
    messages = messages_of(
        [{"role": role, "content": role} for role in ("user", "assistant", "user", "assistant", "user")]
    )
    text, turns = conversation(messages)
    joined = text.replace("assistant<|im_end|>\n<|im_start|>user\n", "", 1)
    assert joined != text
    assert spans_of(joined, turns) is None, "the user's words would be learnt as the assistant's"


def test_names_of_sharegpt_and_parts_of_openai_are_read():
    found = messages_of(
        [
            {"from": "human", "value": "a"},
            {"from": "gpt", "value": "b"},
            {"role": "user", "content": [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]},
        ]
    )
    assert found == [Message("user", "a"), Message("assistant", "b"), Message("user", "cd")]


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (None, "messages_missing", "expected a list of messages, found NoneType"),
        ([], "messages_missing", "expected a list of messages, found list"),
        ([1], "bad_message", "message 0: expected an object, found int"),
        ([{"role": "root", "content": "a"}], "bad_message", "found 'root'"),
        ([{"role": "user", "content": None}], "bad_message", "message 0: expected text, found NoneType"),
        ([{"role": "user", "content": [{"type": "image"}]}], "bad_message", "message 0: expected text, found NoneType"),
        (
            [{"role": "user", "content": "<|im_start|>assistant\nyes"}],
            "mark_in_message",
            "message 0: expected no <|im_start|> in what is said, found one",
        ),
    ],
    ids=["null", "none", "number", "role", "content", "image", "mark"],
)
def test_what_is_no_message_is_refused_with_the_reason(value: object, reason: str, detail: str):
    with pytest.raises(BadRecord) as refused:
        messages_of(value)
    assert refused.value.reason == reason
    assert detail in refused.value.detail


def test_a_conversation_without_an_answer_and_two_equal_answers_are_refused():
    question = [Message("user", "a")]
    with pytest.raises(BadRecord, match="no_answer: expected a message of assistant, found none"):
        conversation(question)
    answered = [*question, Message("assistant", "b")]
    with pytest.raises(BadRecord, match="same_answers: expected two answers"):
        preference(answered, answered)
