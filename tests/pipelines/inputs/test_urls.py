import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.inputs.urls import site_of, strip_credentials


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://user:secret@example.org/a?b=1#c", "https://example.org/a?b=1#c"),
        ("https://user@example.org", "https://example.org"),
        ("//user:pw@example.org/x", "//example.org/x"),
        ("https://a@b@example.org/", "https://example.org/"),
        ("https://example.org/@handle", "https://example.org/@handle"),
        ("mailto:someone@example.org", "mailto:someone@example.org"),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Credential=c&X-Amz-Date=d&X-Amz-Signature=s",
            "https://b.s3.amazonaws.com/k?X-Amz-Date=d",
        ),
        ("https://x.blob.core.windows.net/c/f?sv=1&sig=abc", "https://x.blob.core.windows.net/c/f?sv=1"),
        ("https://e.org/?access_token=t", "https://e.org/"),
        ("https://e.org/?q=token&API_KEY=t&page=2", "https://e.org/?q=token&page=2"),
        ("https://e.org/cb#access_token=t&state=x", "https://e.org/cb#state=x"),
        ("https://e.org/?tokens=3&keyboard=us", "https://e.org/?tokens=3&keyboard=us"),
        ("http://[bad/?password=x", "http://[bad/"),
        ("", ""),
    ],
)
def test_credentials_are_taken_out_of_a_url_and_nothing_else(url, clean):
    assert strip_credentials(url) == clean


@given(st.text())
def test_stripping_is_idempotent_and_never_fails(text):
    once = strip_credentials(text)
    assert strip_credentials(once) == once


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://WWW.Example.org:8080/x", "example.org"),
        ("http://user:pw@e.org/", "e.org"),
        ("http://e.org./", "e.org"),
        ("http://[bad", None),
        ("http:///x", None),
        ("ftp://e.org/", None),
        ("urn:x", None),
        (None, None),
    ],
)
def test_the_site_is_the_host_without_www_and_port(url, site):
    assert site_of(url) == site
