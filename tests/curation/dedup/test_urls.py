"""Normal forms of URLs, by the rules written down in `curation.dedup.urls`, and on what crawls really hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.dedup.urls import MAX_URL_CHARS, normal_url

PAGE = "http://example.com/a/b?x=1&y=2"
SAME = {
    "scheme": "https://example.com/a/b?x=1&y=2",
    "case of scheme and host": "HTTP://EXAMPLE.com/a/b?x=1&y=2",
    "default port": "http://example.com:80/a/b?x=1&y=2",
    "default port of https": "https://example.com:443/a/b?x=1&y=2",
    "empty port": "http://example.com:/a/b?x=1&y=2",
    "dot after the host": "http://example.com./a/b?x=1&y=2",
    "fragment": "http://example.com/a/b?x=1&y=2#part",
    "fragment that looks like a query": "http://example.com/a/b?x=1&y=2#?z=3",
    "order of parameters": "http://example.com/a/b?y=2&x=1",
    "dot segments": "http://example.com/a/c/.././b?x=1&y=2",
    "needless escapes": "http://example.com/%61/b?x=%31&y=2",
    "user name": "http://user:secret@example.com/a/b?x=1&y=2",
    "space around": " http://example.com/a/b?x=1&y=2\n",
    "tracking": "http://example.com/a/b?utm_source=feed&x=1&y=2&fbclid=Iw0&UTM_Medium=mail&_ga=2&mc_eid=3",
}
OTHER = {
    "case of the path": "http://example.com/A/b?x=1&y=2",
    "slash at the end": "http://example.com/a/b/?x=1&y=2",
    "another port": "http://example.com:8080/a/b?x=1&y=2",
    "http on the port of https": "http://example.com:443/a/b?x=1&y=2",
    "www": "http://www.example.com/a/b?x=1&y=2",
    "another value": "http://example.com/a/b?x=1&y=3",
    "one parameter more": "http://example.com/a/b?x=1&y=2&ref=3",
    "no parameter": "http://example.com/a/b",
    "escaped slash": "http://example.com/a%2Fb?x=1&y=2",
    "doubled slash": "http://example.com/a//b?x=1&y=2",
    "another host": "http://example.com.evil.example/a/b?x=1&y=2",
    "the host as user name": "http://example.com@evil.example/a/b?x=1&y=2",
}


@pytest.mark.parametrize("url", SAME.values(), ids=SAME)
def test_what_a_server_answers_alike_has_one_form(url):
    assert normal_url(url) == "//example.com/a/b?x=1&y=2" == normal_url(PAGE)


@pytest.mark.parametrize("url", OTHER.values(), ids=OTHER)
def test_what_a_server_may_tell_apart_has_forms_of_its_own(url):
    assert normal_url(url) not in (None, normal_url(PAGE))


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("http://example.com", "//example.com/"),
        ("http://example.com?utm_source=x", "//example.com/"),
        ("http://example.com/?", "//example.com/"),
        ("http://example.com/?a", "//example.com/?a="),
        ("http://münchen.de/straße", "//xn--mnchen-3ya.de/stra%C3%9Fe"),
        ("http://xn--mnchen-3ya.de/stra%c3%9fe", "//xn--mnchen-3ya.de/stra%C3%9Fe"),
        ("http://[2001:DB8::1]:80/x", "//[2001:db8::1]/x"),
        ("http://[::1]:8080/x", "//[::1]:8080/x"),
        ("http://example.com/%zz%", "//example.com/%zz%"),
        ("http://example.com/?q=%ff", "//example.com/?q=%FF"),
        ("http://example.com/a b", "//example.com/a%20b"),
        ("http://example.com/?q=a+b", "//example.com/?q=a+b"),
        ("http://example.com/?q=a%20b", "//example.com/?q=a+b"),
        ("http://example.com/?tag=a&tag=b", "//example.com/?tag=a&tag=b"),
    ],
)
def test_forms_are_those_that_are_written_down(url, form):
    assert normal_url(url) == form


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/a",
        "//example.com/a",
        "ftp://example.com/a",
        "mailto:a@example.com",
        "javascript:alert(1)",
        "data:text/plain,http://example.com",
        "urn:uuid:0",
        "http://",
        "https:///path",
        "http://[unclosed/",
        "http://example.com:99999/",
        "http://example.com:port/",
        "http://\ud800.example/",
        "http://exa mple.com/",
        "http://example.com/" + "a" * MAX_URL_CHARS,
    ],
)
def test_what_is_no_url_of_a_page_has_no_form(url):
    assert normal_url(url) is None


@given(st.text(max_size=60))
def test_any_text_after_a_host_gives_a_form_that_is_its_own_normal_form(tail):
    form = normal_url("http://example.com/" + tail)
    if form is not None:
        assert form.startswith("//example.com/")
        assert normal_url("http:" + form) == form


@given(st.text(max_size=60))
def test_no_text_makes_it_fail(text):
    for url in (text, f"http://{text}", f"https://{text}/x?y={text}"):
        form = normal_url(url)
        assert form is None or form.startswith("//")
