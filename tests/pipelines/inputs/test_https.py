"""Inputs over https, from a server on this machine with a certificate made for the test."""

import datetime
import http.server
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.errors import InputError
from pipelines.inputs.open import list_files, open_bytes
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


def certificate(folder: Path) -> Path:
    """Writes a key and a certificate of 127.0.0.1 signed by itself, in one file."""
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1)
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(2100, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + made.public_bytes(encoding))
    return folder / "server.pem"


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    """The address of a server whose certificate is trusted."""
    pem = certificate(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(pem))
        patch.setenv("no_proxy", "*")
        running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


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
