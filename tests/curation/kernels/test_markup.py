import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.kernels.markup import page_work
from tests.oracles import markup as oracle

PIECES = st.sampled_from(
    [
        *(
            "<p>",
            "</p>",
            "<div>",
            "</div>",
            "<DIV class='a b'>",
            "<b>",
            "</b>",
            "<b c=1>",
            "<i x>",
            "</i>",
            "<a href=x>",
            "</a>",
        ),
        *(
            "<a>",
            "<br>",
            "<img src=a/b alt='>'>",
            '<font size="1" a=b c>',
            "</font>",
            "<font>",
            "<table><tr><td>",
            "</table>",
        ),
        *(
            "<script>",
            "</script>",
            "if (a<b && '",
            "<style>p{}",
            "</STYLE>",
            "<title>",
            "</title>",
            "<svg>",
            "</svg>",
            "<math/>",
        ),
        *(
            "<select>",
            "<option>x",
            "</select>",
            "<!-- <p> -->",
            "<!-->",
            "<!--->",
            "<!--x--!>",
            "<!--",
            "<!doctype html>",
            "<?x?>",
        ),
        *(
            "text",
            " ",
            "<",
            "</",
            "</>",
            "< p>",
            "<x a",
            '<x a="',
            "<x =a = 'b'/c>",
            "<li/>",
            "é",
            "\x00",
            ">",
            '"',
            "'",
            "-->",
            "<1>",
        ),
    ]
)


def work(page):
    return page_work(np.frombuffer(page.encode(), np.uint8))


@given(st.lists(PIECES, max_size=40).map("".join))
def test_the_kernel_counts_what_the_definition_counts(page):
    assert work(page) == oracle.page_work(page.encode())


def test_a_fifth_element_of_a_name_is_made_again_when_it_differs_from_the_first_four():
    page = "<b>" * 4 + "<b c>" + "<p>x" * 9
    assert work(page) == oracle.page_work(page.encode())
    assert work(page)[0] == 5 + 1 + 9 * (2 + 4), "the attribute, nine blocks with text, four <b> in each"


@given(st.binary(max_size=200))
def test_any_bytes_are_counted(page):
    assert page_work(np.frombuffer(page, np.uint8)) == oracle.page_work(page)


@pytest.mark.parametrize(
    ("page", "at_least", "why"),
    [
        (
            "<p>" + "".join(f"<b c={i}>" for i in range(500)) + "</p>" + "<p>x</p>" * 20_000,
            (10_000_000, 0),
            "made again: 3.8 GB",
        ),
        ("<div>" * 20_000, (0, 200_000_000), "nesting: 4 s"),
        ("<div " + "a " * 100_000 + ">", (0, 10**10), "attributes: 12 s"),
        ("<select>" + "<option>x" * 100_000, (0, 10**10), "options: more than 15 s"),
        ("<div><b><i><u><s><em>" * 20_000, (0, 10**10), "nested formatting: more than 20 s"),
        ("<!--><div>" * 20_000, (0, 200_000_000), "comments that end at once hide nothing"),
        ("<svg><title>" + "<div>" * 20_000, (0, 200_000_000), "a title in SVG holds tags"),
    ],
)
def test_pages_that_a_tree_builder_chokes_on_stand_out(page, at_least, why):
    nodes, visits = work(page)
    assert nodes >= at_least[0], why
    assert visits >= at_least[1], why


@pytest.mark.parametrize(
    "page",
    [
        "<p>words" * 10_000,
        "<p>a <b>b<b> c</p>" * 500,
        "<br>" * 50_000,
        "<a name=x>" * 5000,
        "<tr><td>x" * 20_000,
        "<li><i>x</i>" * 9000,
    ],
)
def test_sloppy_pages_do_not(page):
    nodes, visits = work(page)
    assert nodes <= 100_000
    assert visits <= 10_000_000


def test_another_dtype_is_refused():
    with pytest.raises(ValueError, match=r"page_work: expected uint8 \(B,\), found int64 \(3,\)"):
        page_work(np.zeros(3, np.int64))
