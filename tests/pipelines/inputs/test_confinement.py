"""What a run may open when somebody else chose its inputs."""

import functools
import http.server
import re
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from curation.errors import InputError
from pipelines.completing.endpoint import Endpoint
from pipelines.inputs import confinement
from pipelines.inputs.https import opener_by
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
    url = "http://127.0.0.1:1/v1"
    assert Endpoint(url=url, network="loopback", read_seconds=1, connections=1).url == url


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
            "::7f00:1",
            "fec0::1",
            "64:ff9b:1::7f00:1",
            "::ffff:0:7f00:1",
            "168.63.129.16",
            "::ffff:168.63.129.16",
        ),
    ],
)
def test_addresses_that_are_not_of_the_public_internet_are_known(address: str):
    assert not confinement.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_known(address: str):
    assert confinement.is_public(address)


class Network:
    """Names and addresses of a made-up internet: its public addresses all lead to the server of the test."""

    PUBLIC = ("93.184.216.34", "2606:2800:220:1::1")

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: dict[str, int] = {}
        self.dialled: list[str] = []

    def resolve(self, host: str, port: int, **_: object) -> Sequence[tuple[int, int, int, str, tuple[object, ...]]]:
        """Answers as a name server, and as the system does for anything that spells an address."""
        self.asked[host] = self.asked.get(host, 0) + 1
        names = {
            "public.made.example": [self.PUBLIC[0]],
            "metadata.made.example": ["169.254.169.254"],
            "both.made.example": [self.PUBLIC[0], "127.0.0.1"],
            "rebinds.made.example": [self.PUBLIC[0] if self.asked[host] == 1 else "127.0.0.1"],
            "down.made.example": [self.PUBLIC[1], self.PUBLIC[0]],
            "localhost": ["::1", "127.0.0.1"],
        }
        if host in names:
            return [(2, 1, 6, "", (address, port)) for address in names[host]]
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)

    def dial(self, address: tuple[str, int], timeout: float | None, source: tuple[str, int] | None) -> socket.socket:
        """Connects to the test's server whatever the address; what is no public one was let through wrongly."""
        self.dialled.append(address[0])
        if address[0] == self.PUBLIC[1]:
            raise OSError("no route to host")
        return socket.create_connection(("127.0.0.1", self.port), timeout, source)

    def get(self, host: str, path: str) -> bytes:
        """Fetches as a confined run does."""
        opener = opener_by(functools.partial(confinement.connect, resolve=self.resolve, dial=self.dial))
        with opener.open(f"https://{host}:{self.port}{path}", timeout=10) as answer:
            return bytes(answer.read())


class Redirecting(http.server.BaseHTTPRequestHandler):
    """`/to/HOST` leads to `/secret` of HOST; anything else is answered."""

    def do_GET(self) -> None:
        _, is_redirect, host = self.path.partition("/to/")
        self.send_response(302 if is_redirect else 200)
        if is_redirect:
            self.send_header("Location", f"https://{host}:{self.server.server_port}/secret")  # type: ignore[attr-defined]
        self.end_headers()
        if not is_redirect:
            self.wfile.write(b"answered")

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with serving(Redirecting, tmp_path_factory.mktemp("tls")) as url:
        yield int(url.rpartition(":")[2])


@pytest.mark.parametrize(
    ("host", "is_found_as"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("0", "0.0.0.0"),
        ("10.0.0.1", "10.0.0.1"),
        ("169.254.169.254", "169.254.169.254"),
        ("2852039166", "169.254.169.254"),
        ("[::1]", "::1"),
        ("[::]", "::"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
        ("[::ffff:a9fe:a9fe]", "::ffff:169.254.169.254"),
        ("[64:ff9b::7f00:1]", "64:ff9b::7f00:1"),
        ("[fd00:ec2::254]", "fd00:ec2::254"),
        ("localhost", "::1"),
        ("metadata.made.example", "169.254.169.254"),
        ("both.made.example", "127.0.0.1"),
    ],
)
def test_a_public_server_cannot_send_a_run_on_to_an_inner_address_however_it_is_spelled(
    port: int, host: str, is_found_as: str
):
    network = Network(port)
    with pytest.raises(OSError, match=re.escape(f"expected a public address, found {is_found_as} for ")):
        network.get("public.made.example", f"/to/{host}")
    assert network.dialled == ["93.184.216.34"], "what it was sent on to was never dialled"


def test_a_redirect_to_another_public_server_is_followed(port: int):
    network = Network(port)
    assert network.get("public.made.example", "/to/down.made.example") == b"answered"
    assert network.dialled == ["93.184.216.34", "2606:2800:220:1::1", "93.184.216.34"], "the next address is tried"


def test_a_name_that_resolves_otherwise_the_next_moment_leads_only_to_what_was_checked(port: int):
    network = Network(port)
    assert network.get("rebinds.made.example", "/") == b"answered"
    assert (network.asked, network.dialled) == ({"rebinds.made.example": 1}, ["93.184.216.34"]), "resolved once"
    with pytest.raises(OSError, match=r"expected a public address, found 127\.0\.0\.1 for rebinds"):
        network.get("rebinds.made.example", "/")


class Hit(http.server.BaseHTTPRequestHandler):
    """Counts requests that reached it."""

    reached: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.reached.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


def test_a_server_on_this_machine_is_not_reached(confined: Path, tmp_path: Path):
    with serving(Hit, tmp_path) as url, pytest.raises(OSError, match=r"expected a public address, found 127\.0\.0\.1"):
        open_bytes(f"{url}/secret", root=confined, limit=100)
    assert Hit.reached == []
