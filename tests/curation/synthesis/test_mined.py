"""Tasks mined by rules: what each kind says of a text made for it, in which languages, and on hostile text."""

import json
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.extract.html2text import extract_plain_text

from curation.curriculum.keys import id_words
from curation.synthesis.mined import TEMPLATES, MinedTasks
from curation.synthesis.outline import MAX_CHARS
from curation.synthesis.wording import LANGUAGES, Wording, wording_of
from tests.synthetic_texts import documents

RIVER = (
    "The Mersel rises below Mount Harrow and flows north. Its water feeds three reservoirs near Aldbury. "
    "Because of dry summers, the level of the reservoirs falls every August. "
    "However, the town of Aldbury has never run out of water. "
    "People fish here because the Mersel is clean and cold. The valley stays green all year."
)
TABLE = "| City | Rain | Days |\n|---|---|---|\n| Aldbury | 700 mm | 120 |\n| Harrow | 900 mm | 150 |"
CODE = '''def area(width, height):
    """Return the area of a rectangle.

    Both sides must be positive numbers.
    """
    if width <= 0 or height <= 0:
        raise ValueError("sides")
    return width * height
'''


def mined(*texts: str, language: str | None = "en", **settings: object) -> list[dict[str, object]]:
    step = MinedTasks(**settings)  # type: ignore[arg-type]
    return step.children(documents(texts, language=language)).to_pylist()


def only(template: str, text: str, language: str = "en") -> str:
    rows = mined(text, language=language, templates=(template,))
    assert [row["template"] for row in rows] == [template], rows
    return str(rows[0]["text"])


def test_a_question_above_its_answer_becomes_a_pair():
    body = "Rain falls on the hills in spring. The reservoirs keep enough of it for the whole summer and more."
    text = only("faq", f"## Where does the water come from?\n\n{body}")
    assert text == f"Question: Where does the water come from?\nAnswer: {body}"


def test_lines_marked_as_question_and_answer_become_pairs_without_their_marks():
    text = only("faq", "F: Ist der See tief?\nA: Nein, er ist an keiner Stelle tiefer als drei Meter.", "de")
    assert text == "Frage: Ist der See tief?\nAntwort: Nein, er ist an keiner Stelle tiefer als drei Meter."


def test_a_section_answers_what_is_said_of_its_heading_below_the_title():
    text = only("heading", f"# The Mersel valley\n\n## Water and towns\n\n{RIVER}")
    assert text.startswith(
        "Question: The Mersel valley: what is said about “Water and towns”?\nAnswer: The Mersel rises"
    )


def test_a_general_heading_of_a_text_without_title_asks_nothing():
    assert not mined(f"x.\n\n## Notes\n\n{RIVER}", templates=("heading",))


@pytest.mark.parametrize(
    ("language", "sentence", "more", "term"),
    [
        ("en", "A marten is a small animal of the weasel family.", "Every marten climbs trees, hunts at night and sleeps in the hollow of a trunk.", "A marten"),
        ("de", "Die Elbe ist ein Fluss in Mitteleuropa.", "Die Elbe mündet nach mehr als tausend Kilometern in die Nordsee, wo Ebbe und Flut sie prägen.", "Die Elbe"),
        ("fr", "Le Rhône est un fleuve qui naît en Suisse.", "Après Genève, le Rhône traverse la France et se jette dans la mer près des Saintes.", "Le Rhône"),
        ("es", "El Ebro es un río de la península ibérica.", "Muchos pueblos viven del agua que el Ebro lleva hasta el mar en el delta del este.", "El Ebro"),
        ("ru", "Волга является крупнейшей рекой Европы.", "На берегах стоят большие города, и Волга кормит их рыбой и даёт им воду круглый год.", "Волга"),
        ("zh", "长江是指从青藏高原流向东海的大河。", "沿着长江的城市人口很多，城市也很多，船只来往不断，两岸风景优美，物产丰富。", "长江"),
    ],
)  # fmt: skip
def test_a_paragraph_that_says_what_something_is_explains_it(language, sentence, more, term):
    text = only("definition", f"{sentence} {more}", language)
    assert term in text.split("\n")[0]
    assert text.endswith(f"{sentence}{'' if language == 'zh' else ' '}{more}")


@pytest.mark.parametrize("opening", ["It is a", "There is a", "Maybe the river that is a", "Today"])
def test_a_sentence_that_names_nothing_defines_nothing(opening):
    assert not mined(f"{opening} river of the north which feeds three towns. {RIVER}", templates=("definition",))


def test_a_gap_is_something_that_the_rest_of_the_passage_names():
    text = only("cloze", RIVER)
    passage, asked = text.split("\n\n")
    answer = asked.rsplit("Answer: ", 1)[1]
    assert passage.count("____") == 1
    assert answer in passage
    assert passage.replace("____", answer) in RIVER


@pytest.mark.parametrize(
    ("language", "passage", "repeated", "other", "term"),
    [
        (
            "en",
            "He joined the Muslim League. Rain fell upon them all day. A {} met there.",
            "Muslim League",
            "Muslim Court",
            "Muslim",
        ),
        (
            "fr",
            "On crée un système de fichiers. Il a plu pendant toute la journée. Ce {} est vieux.",
            "système de fichiers",
            "journal de fichiers",
            "fichiers",
        ),
        (
            "es",
            "Nadie vio la nave espacial. Llovió durante todo el día. La {} era vieja.",
            "nave espacial",
            "vida espacial",
            "espacial",
        ),
        (
            "de",
            "Es ist ein junges Immunsystem. Es regnete an jedem der Tage. Dies {} lernt.",
            "junges Immunsystem",
            "alte Immunsystem",
            "Immunsystem",
        ),
    ],
)
def test_half_of_a_phrase_that_is_repeated_is_no_gap_for_it_is_guessed_without_reading(
    language, passage, repeated, other, term
):
    assert only("cloze", passage.format(other), language).endswith(f": {term}")
    assert not mined(passage.format(repeated), language=language, templates=("cloze",))


def test_an_article_makes_no_phrase_of_the_word_behind_it():
    passage = "Meist schmerzt eine Entzündung sehr. Wir warteten noch bis Mai. Oft heilt eine Entzündung wieder."
    assert only("cloze", passage, "de").endswith("Antwort: Entzündung")


def test_sentences_in_the_order_of_the_answer_are_the_text():
    text = only("sentence_order", RIVER)
    shown = {line[1]: line[4:] for line in text.split("\n\n")[0].split("\n")}
    letters, passage = text.rsplit("Answer: ", 1)[1].split("\n")
    assert " ".join(shown[letter] for letter in letters.split(", ")) == passage
    assert passage in RIVER
    assert list(shown.values()) != [shown[letter] for letter in letters.split(", ")], "nothing was shuffled"


@pytest.mark.parametrize(
    ("language", "first", "second", "word"),
    [
        ("en", "The dam is old and small.", "However, it has never failed in a flood.", "However"),
        ("de", "Der Damm ist alt und klein.", "Trotzdem hat er jedem Hochwasser standgehalten.", "Trotzdem"),
        ("fr", "Le barrage est ancien et petit.", "Cependant, il a résisté à toutes les crues.", "Cependant"),
        ("es", "La presa es antigua y pequeña.", "Sin embargo, ha resistido todas las crecidas.", "Sin embargo"),
        ("it", "La diga è vecchia e piccola.", "Tuttavia ha resistito a tutte le piene.", "Tuttavia"),
        ("pt", "A barragem é antiga e pequena.", "No entanto, resistiu a todas as cheias.", "No entanto"),
        ("ru", "Плотина старая и небольшая.", "Однако она выдержала все наводнения.", "Однако"),
        ("zh", "这座大坝又旧又小，建于上个世纪。", "但是，它经受住了每一次洪水的考验。", "但是"),
        ("ja", "このダムは古くて小さいものです。", "しかし、これまでの洪水にすべて耐えてきました。", "しかし"),
        ("ar", "السد قديم وصغير جدا في الوادي.", "ومع ذلك صمد أمام كل الفيضانات السابقة.", "ومع ذلك"),
    ],
)
def test_a_connective_is_asked_for_among_three_of_other_meaning(language, first, second, word):
    space = "" if language in {"zh", "ja"} else " "
    text = only("connective", f"{first}{space}{second}", language)
    assert f"{first}{space}____{second.removeprefix(word)}" in text
    assert text.split("\n")[-2].endswith(word)
    assert text.split("\n")[-1] == second
    contrast = wording_of(language).contrast
    offered = [found for found in contrast if f"{found}," in text or f", {found}" in text]
    assert offered == [word], "the options hold another word of the same meaning"


def test_a_reason_is_what_a_sentence_gives_for_its_claim():
    text = only("reason", RIVER)
    assert "the reason for this: “People fish here”" in text
    assert text.endswith("People fish here because the Mersel is clean and cold.")


@pytest.mark.parametrize("word", ["however", "but", "not"])
def test_a_claim_that_ends_in_a_word_of_what_follows_it_is_asked_for_no_reason(word):
    sentence = "The town has never run out of water, {}because its three reservoirs are large and deep."
    assert only("reason", f"The summers are long and dry. {sentence.format('')}")
    assert not mined(f"The summers are long and dry. {sentence.format(f'{word}, ')}", templates=("reason",))


def test_a_question_that_is_a_section_named_elsewhere_asks_nothing():
    body = "Rain falls on the hills in spring. The reservoirs keep enough of it for the whole summer and more."
    assert only("faq", f"## Does release 6.2 keep the old names?\n\n{body}")
    assert not mined(f"## The names are told in the handbook: 6.2.1 Which names?\n\n{body}", templates=("faq",))


@pytest.mark.parametrize(
    "debris",
    [
        "Shell environment variables12.1.6.",
        "The table has l l l c as its head and more.",
        "For example, , it is broken.",
    ],
)
def test_lines_of_contents_and_what_is_left_of_markup_are_no_sentences(debris):
    parts = RIVER.split(". ")
    text = f"{'. '.join(parts[:3])}. {debris} {'. '.join(parts[3:])}"
    assert not any(debris in str(row["text"]) for row in mined(text, max_children=9))
    assert not mined(
        debris.join([f"{parts[0]}. ", f" {parts[1]}."]), templates=("connective", "cloze", "sentence_order")
    )


def test_a_title_stands_behind_the_text_below_it():
    text = only("title", f"# The Mersel valley\n\n{RIVER}")
    assert text.startswith("The Mersel rises")
    assert text.endswith("Title: The Mersel valley")


def test_a_summary_is_what_the_text_calls_so():
    short = "A small river feeds three reservoirs, and the town below them has always had enough water for everybody."
    text = only("summary", f"# The Mersel valley\n\n## Summary\n\n{short}\n\n## Course\n\n{RIVER}")
    assert text.startswith("The Mersel rises")
    assert text.endswith(f"Summary: {short}")


def test_every_row_of_a_table_is_told_by_its_headers():
    text = only("table_text", TABLE)
    assert text.endswith("For Aldbury, Rain is 700 mm, Days is 120.\nFor Harrow, Rain is 900 mm, Days is 150.")


def test_lines_with_tabs_are_a_table_only_below_a_header():
    numbers = "City\tRain\nAldbury\t700\nHarrow\t900\nMersel\t800"
    assert "For Harrow, Rain is 900." in only("table_text", numbers)
    names = "DC\tDivide and Conquer\nDO\tDivide\nPBC\tPrint and Break\nHCF\tHalt"
    assert not mined(names, templates=("table_text",))


def test_a_table_of_a_web_page_is_told_as_the_extractor_writes_it():
    html = (
        "<table><tr><th>Rank</th><th>Driver</th><th>Points</th><th>Team</th></tr>"
        "<tr><td>1</td><td>Ada Marlow</td><td>5,040</td><td>Selby</td></tr>"
        "<tr><td>2</td><td>Ben Easton</td><td>5,035</td><td></td></tr>"
        "<tr><td>3</td><td>Cy Denholm</td><td>4,990</td><td>Ripley</td></tr></table>"
    )
    text = only("table_text", extract_plain_text(html))
    assert text.endswith(
        "For Ada Marlow, Rank is 1, Points is 5,040, Team is Selby.\n"
        "For Ben Easton, Rank is 2, Points is 5,035.\n"
        "For Cy Denholm, Rank is 3, Points is 4,990, Team is Ripley."
    ), "an empty cell at the end is left out of its line; ranks name nobody"
    prices = "Model\t\tPrice\nWide\t\t$1,349.00*\nNarrow\t\t$1,649.00*\nTall\t\t990 kg"
    assert "For Tall, Price is 990 kg." in only("table_text", prices)


def test_a_function_is_asked_for_by_its_docstring_and_back():
    described = "Return the area of a rectangle.\n\nBoth sides must be positive numbers."
    ways = {row["template"]: str(row["text"]) for seed in range(9) for row in mined(CODE, seed=seed)}
    assert set(ways) == {"code_from_docstring", "docstring_from_code"}
    for text in ways.values():
        assert text.count(described) == 1
        assert 'raise ValueError("sides")\n    return width * height\n```' in text
        assert '"""' not in text, "the answer stands in the question"
    assert ways["docstring_from_code"].endswith(described)


@pytest.mark.parametrize("body", ["    pass", "    ...", "    raise NotImplementedError()", ""])
def test_a_function_that_does_nothing_is_no_task(body):
    assert not mined(f'def later(x):\n    """Does something with x one day, so they say."""\n{body}\n')


def test_children_carry_the_licence_of_their_parent_and_say_what_made_them():
    batch = documents([RIVER], license=["CC-BY-4.0"], license_from=["column"], url=["https://example.org/mersel"])
    (child, *_) = MinedTasks(seed=7).children(batch).to_pylist()
    assert (child["license"], child["license_from"], child["url"]) == ("CC-BY-4.0", "column", None)
    assert (child["generator"], child["model"], child["seed"]) == ("mined", None, 7)
    assert child["parent_id"] == batch["doc_id"][0].as_py()
    assert json.loads(child["parameters"]) == {"language": "en"}
    assert child["template_hash"] == wording_of("en").hash_of(child["template"])


def test_no_two_children_of_a_document_share_a_paragraph():
    paragraphs = "\n\n".join(RIVER.replace("Mersel", name) for name in ("Mersel", "Alde", "Thaw", "Wye"))
    rows = mined(paragraphs, max_children=8)
    assert len(rows) == 4
    for name in ("Mersel", "Alde", "Thaw", "Wye"):
        assert sum(name in str(row["text"]) for row in rows) == 1


def test_another_seed_makes_other_documents_with_other_ids():
    first, again, other = (mined(RIVER, RIVER + "\n\n" + RIVER, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert not {row["doc_id"] for row in first} & {row["doc_id"] for row in other}


def test_a_document_without_a_sure_language_has_tasks_in_code_only():
    assert not mined(RIVER, language=None)
    assert mined(CODE, language=None)
    unsure = documents([RIVER]).append_column("signal.language_score", pa.array([0.4]))
    assert MinedTasks().children(unsure).num_rows == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_phrase_with_the_names_it_is_filled_with(language):
    wording = wording_of(language)
    assert isinstance(wording, Wording)
    assert wording.source == "ours; read by a speaker: no"
    named = {"heading": ["{heading}"], "heading_in": ["{title}", "{heading}"], "definition": ["{term}"]}
    named |= {"connective": ["{options}", "____"], "reason": ["{claim}"], "cloze": ["____"]}
    for name, parts in named.items():
        for phrase in getattr(wording, name):
            assert [part for part in parts if part not in phrase and part != "____"] == [], (name, phrase)
    groups = [wording.contrast, wording.result, wording.example, wording.addition]
    assert all(groups)
    assert len({word for group in groups for word in group}) == sum(map(len, groups)), "a connective of two meanings"


HOSTILE = {
    "a line of 64 MiB": "a" * (64 << 20),
    "sentences without end": "word " * 200_000,
    "full stops": "." * 300_000,
    "full stops and letters": "a." * 150_000,
    "question marks": "？" * 300_000,
    "hashes": "#" * 300_000,
    "headings": "# a\n" * 50_000,
    "parentheses": "(" * 300_000,
    "bars": "|" * 300_000,
    "rules": "a|b\n" + "-|" * 100_000 + "\na|b",
    "tabs": "a\tb\n" * 50_000,
    "quotes": '"""' * 100_000,
    "functions": 'def f(\n"""' * 20_000,
    "headers": "def f(" + "a,\n" * 100_000,
    "spaces": " " * 300_000 + "x",
    "marks": "**" * 150_000,
    "control characters": "\x00\x1b[31m\x07 Text is a text.\r\n\u202eabc\u202c. " * 2_000,
    "combining": "e" + "\u0301" * 200_000,
    "braces": "{heading} {0} {title.__class__} is a {}. " * 2_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_little_time_and_no_error(name):
    before = time.process_time()
    mined(HOSTILE[name])
    mined(HOSTILE[name], language="zh")
    assert time.process_time() - before < 3, "linear work takes a tenth of this"


def test_text_beyond_what_is_read_makes_nothing():
    assert not mined("x " * MAX_CHARS + "\n\n" + RIVER)


def test_braces_in_a_title_are_text():
    text = only("heading", f"# The valley {{and}} its river\n\n## Water and towns\n\n{RIVER}")
    assert "“Water and towns”" in text


def test_right_to_left_text_keeps_its_order_of_characters():
    first, second = "السد قديم وصغير جدا في الوادي.", "ومع ذلك صمد أمام كل الفيضانات السابقة."
    text = only("connective", f"{first} {second}", "ar")
    assert text.endswith(second)


@settings(max_examples=40)
@given(st.text(max_size=400), st.sampled_from(LANGUAGES), st.integers(0, 9))
def test_children_are_bounded_and_have_ids_of_their_own(text, language, seed):
    batch = MinedTasks(seed=seed).children(documents([text, text], language=language))
    assert batch.num_rows <= 2 * MinedTasks().max_children
    assert len({tuple(row) for row in id_words(batch["doc_id"]).tolist()}) == batch.num_rows
    assert set(batch["template"].to_pylist()) <= set(TEMPLATES)
