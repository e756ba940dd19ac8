import codecs

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.text.charset import decode
from curation.text.media import kind_of

RUSSIAN = "Привет, мир! Это страница в кодировке windows-1251, и её надо прочитать верно."
JAPANESE = "日本語のページです。文字コードの検出を試すための文章です。"


def html(text, charset):
    return f'<html><head><meta charset="{charset}"></head><body>{text}</body></html>'


@pytest.mark.parametrize(
    ("content", "declared", "charset", "why"),
    [
        (codecs.BOM_UTF8 + b"x", "windows-1251", "utf-8", "a BOM is above the header"),
        (codecs.BOM_UTF16_LE + "Größe".encode("utf-16-le"), "utf-8", "utf-16-le", "a BOM is above the header"),
        (codecs.BOM_UTF16_BE + "Größe".encode("utf-16-be"), None, "utf-16-be", "a BOM alone"),
        (html(RUSSIAN, "utf-8").encode("cp1251"), "windows-1251", "cp1251", "the header is above meta"),
        (html(RUSSIAN, "windows-1251").encode("cp1251"), None, "cp1251", "meta is above detection"),
        (html(RUSSIAN, "utf-8").encode("cp1251"), "utf-8", "cp1251", "what fails on most of the text is a lie"),
        (html(RUSSIAN, "latin1").encode(), "iso-8859-1", "utf-8", "valid UTF-8 is UTF-8"),
        (html("Größe", "latin1").encode("latin-1"), "iso-8859-1", "cp1252", "the web's latin-1 is windows-1252"),
        (html(JAPANESE, "shift_jis").encode("cp932"), None, "cp932", "the web's Shift_JIS is code page 932"),
        (html("中文網頁", "gb2312").encode("gb18030"), "gb2312", "gb18030", "the web's gb2312 is gb18030"),
        ("联通".encode("gbk"), "gbk", "gb18030", "two characters that are valid UTF-8 by accident stay GBK"),
        (html("x", "utf-16").encode(), None, "utf-8", "a label read as ASCII cannot be UTF-16"),
        (RUSSIAN.encode("cp1251"), "no-such-charset", "cp1251", "an unknown label is ignored"),
        (("Ein langer Text. " * 9).encode("utf-16-le"), None, "utf-16-le", "UTF-16 without a BOM"),
    ],
)
def test_the_charset_comes_from_bom_then_header_then_meta_then_detection(content, declared, charset, why):
    assert decode(content, declared=declared, is_html=b"<html" in content).charset == charset, why


def test_a_few_bad_bytes_do_not_change_the_declared_charset_and_are_marked():
    decoded = decode("Grüße, schöne Wörter überall, Äpfel und Öl für ".encode() + b"\xff.", declared="utf-8")
    assert (decoded.charset, decoded.replaced) == ("utf-8", True)
    assert decoded.text.endswith("für \ufffd.")


@given(
    st.binary(max_size=300),
    st.sampled_from([None, "utf-8", "latin1", "gbk", "shift_jis", "iso-2022-jp", "utf-16", "utf-7", "hex", "?"]),
)
def test_any_bytes_decode_to_text_that_arrow_can_hold(content, declared):
    decoded = decode(content, declared=declared, is_html=True)
    assert pa.array([decoded.text], pa.string()).to_pylist() == [decoded.text]
    assert codecs.lookup(decoded.charset)


@given(st.text(max_size=200))
def test_utf8_comes_back_as_it_was(text):
    assert decode(text.encode(), declared="utf-8").text == text.removeprefix("\ufeff")


@pytest.mark.parametrize(
    ("content", "content_type", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "text/html", "binary"),
        (b"%PDF-1.4", None, "binary"),
        (bytes(range(256)) * 4, "text/plain", "binary"),
        (b"name.txt" + bytes(92) + b"0000644", None, "binary"),
        (b"\x01\x02\x03 controls in UTF-8 are an edit's work \xc3\xa9", None, "text"),
        (b"\x01" + "é".encode() * 4000, None, "text"),
        (b"<!-- c --><!DOCTYPE html><html>", None, "html"),
        (b"\xef\xbb\xbf <html>", None, "html"),
        (b"<?xml version='1.0'?>\n<html xmlns='x'>", None, "html"),
        (b"<html>", "text/plain", "text"),
        (b"words", "text/html", "html"),
        (b"words", None, "text"),
        (b"", None, "text"),
        ("text in UTF-16".encode("utf-16"), None, "text"),
        ("text in UTF-16".encode("utf-16-be"), None, "text"),
        (b"\x1b$B%F%9%H\x1b(B", None, "text"),
    ],
)
def test_the_first_bytes_say_what_content_is_before_its_declared_type_does(content, content_type, kind):
    assert kind_of(content, content_type=content_type) == kind


def test_a_page_of_comment_openers_is_sniffed_in_linear_time():
    assert kind_of(b"<!--" * 100_000) == "text"
    assert kind_of(b"<!--" + b"-" * 100_000 + b">") == "text"
