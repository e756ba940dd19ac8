"""What a run may open when somebody else chose its inputs."""

import http.server
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from curation.errors import InputError
from pipelines.completing.endpoint import Endpoint
from pipelines.inputs import confinement
from pipelines.inputs.listing import list_files
from pipelines.inputs.open import open_bytes
from tests.https_server import serving


@pytest.fixture
def confined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that may be read from, with a secret beside it."""
    folder = tmp_path / "allowed"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    for name, value in confinement.environment_of((folder,), ("http://127.0.0.1:8000/v1",)).items():
        monkeypatch.setenv(name, value)
    return folder


def test_a_link_out_of_the_folder_is_not_opened_whatever_its_name(confined: Path):
    (confined / "file").write_text("text")
    (confined / "link").symlink_to(confined.parent / "secret")
    assert open_bytes("file", root=confined, limit=100) == b"text"
    with pytest.raises(InputError, match=r"link: expected a file below .*allowed, found one elsewhere"):
        open_bytes("link", root=confined, limit=100)


def test_links_out_of_the_folder_that_a_pattern_finds_become_dead_letters(confined: Path):
    (confined / "file").write_text("text")
    (confined / "link").symlink_to(confined.parent / "secret")
    (confined / "up").symlink_to(confined.parent)
    found = {file.path: file.problem for file in list_files(["*"], confined)}
    assert found == {"file": None, "link": "permission_denied", "up": "permission_denied"}


def test_a_model_is_asked_at_the_servers_that_are_named_and_at_no_other(confined: Path):
    confinement.check_model_server("http://127.0.0.1:8000/v1/")
    message = (
        "completions.endpoint: expected one of the servers that this service may ask (http://127.0.0.1:8000/v1), found "
        "'http://127.0.0.1:8000/v1/../admin'; gristmill serve --model-server adds one"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Endpoint(url="http://127.0.0.1:8000/v1/../admin", network="loopback", read_seconds=1, connections=1)


def test_without_confinement_any_server_may_be_named():
    confinement.check_model_server("http://127.0.0.1:1/v1")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "0.0.0.0"),
        *(
            "::1",
            "fe80::1%eth0",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "224.0.0.1",
            "ff02::1",
        ),
    ],
)
def test_addresses_that_are_not_of_the_public_internet_are_known(address: str):
    assert not confinement.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_known(address: str):
    assert confinement.is_public(address)


class Hit(http.server.BaseHTTPRequestHandler):
    """Counts requests that reached it."""

    reached: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.reached.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


def test_a_server_on_this_machine_is_not_reached_and_neither_is_one_that_a_public_name_resolves_to(
    confined: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with serving(Hit, tmp_path) as url:
        with pytest.raises(OSError, match=r"expected a public address, found 127\.0\.0\.1"):
            open_bytes(f"{url}/secret", root=confined, limit=100)

        def resolved(host: str, port: int, **_: object) -> Sequence[object]:
            return [(2, 1, 6, "", ("8.8.8.8", port)), (2, 1, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(confinement.socket, "getaddrinfo", resolved)
        with pytest.raises(OSError, match=r"expected a public address, found 127\.0\.0\.1 for rebind\.example"):
            open_bytes("https://rebind.example/secret", root=confined, limit=100)
    assert Hit.reached == []
