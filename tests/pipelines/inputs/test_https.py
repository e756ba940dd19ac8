"""Inputs over https, from a server on this machine with a certificate made for the test."""

import http.server

import pytest

from curation.errors import InputError
from pipelines.inputs.open import list_files, open_bytes
from tests.https_server import serving
from tests.oracles.reading import read_files

CONTENT = b'{"text":"over https"}\n'


class Handler(http.server.BaseHTTPRequestHandler):
    """`/f.jsonl` is a file, `/unsized.jsonl` one without a length, `/moved` and `/downgraded` lead elsewhere."""

    def do_GET(self):
        targets = {"/moved.jsonl": "/f.jsonl", "/downgraded": "http://127.0.0.1:9/f.jsonl?sig=secret"}
        if self.path in targets:
            self.send_response(302)
            self.send_header("Location", targets[self.path])
            self.end_headers()
        elif self.path.endswith(".jsonl") and self.path != "/none.jsonl":
            self.send_response(200)
            if self.path != "/unsized.jsonl":
                self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(CONTENT)
        else:
            self.send_error(404)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(Handler, tmp_path_factory.mktemp("tls")) as address:
        yield address


@pytest.mark.parametrize(("name", "size"), [("f.jsonl", 22), ("unsized.jsonl", -1), ("moved.jsonl", 22)])
def test_a_file_is_listed_with_its_size_and_read(server, tmp_path, name, size):
    (file,) = list_files([f"{server}/{name}"], tmp_path)
    assert (file.path, file.bytes) == (name, size)
    assert read_files(f"{server}/{name}").texts == ["over https"]


def test_what_is_not_there_is_an_error_without_the_credentials_of_its_url(server, tmp_path):
    with pytest.raises(InputError) as error:
        list_files([f"{server}/none.jsonl?token=secret"], tmp_path)
    assert str(error.value) == f"{server}/none.jsonl: cannot be read: HTTP Error 404: Not Found"


def test_a_redirect_to_http_is_refused_and_its_signature_not_shown(server, tmp_path):
    with pytest.raises(InputError, match=r"redirected to http://127\.0\.0\.1:9/f\.jsonl, which is not https") as error:
        list_files([f"{server}/downgraded"], tmp_path)
    assert "secret" not in str(error.value)


def test_a_download_stops_at_its_limit(server, tmp_path):
    with pytest.raises(OSError, match=r"^more than 21 bytes$"):
        open_bytes(f"{server}/unsized.jsonl", root=tmp_path, limit=21)
