"""The local server: its secrets are its own, and nothing shows them."""

import os
import re
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from annotator.credentials import Credentials, credentials_of, new_credentials
from annotator.installation import SECRET_FILE, Installation, server_environment
from annotator.interface import interface_of
from annotator.label_studio import LabelStudio
from annotator.server import LOG, Started, running_server, start, stop
from annotator.transport import Http
from curation.errors import InputError, ReviewError

real_server = [pytest.mark.labelstudio, pytest.mark.slow]


def secrets_of(data: Path) -> tuple[str, str, str]:
    """Password, token and Django's secret key of a data directory."""
    found = credentials_of(data)
    assert found is not None
    return found.password, found.token, (data / SECRET_FILE).read_text().strip()


@pytest.fixture(scope="module")
def second(installation: Installation, tmp_path_factory: pytest.TempPathFactory):
    data = tmp_path_factory.mktemp("second-server")
    os.environ["USERNAME"], os.environ["PORT"] = "stray", "1"
    try:
        yield start(data, lambda: installation)
    finally:
        del os.environ["USERNAME"], os.environ["PORT"]
        stop(data)


class TestTwoServers:
    pytestmark = real_server

    def test_share_no_password_token_or_secret_key(self, started: Started, second: Started):
        one, other = (secrets_of(Path(item.server.data)) for item in (started, second))
        assert len({*one, *other}) == 6
        client = LabelStudio(
            transport=Http(url=second.server.url, token=started.credentials.token), wait=lambda _: None
        )
        with pytest.raises(InputError, match="refuses the token"):
            client.whoami()

    def test_keep_their_secrets_from_logs_other_files_and_the_process_list(self, second: Started):
        data = Path(second.server.data)
        processes = subprocess.run(["ps", "axeww"], capture_output=True, text=True, check=True).stdout
        mine = (
            Path(f"/proc/{second.server.pid}/environ").read_bytes()
            + Path(f"/proc/{second.server.pid}/cmdline").read_bytes()
        )
        texts = [processes, mine.decode(errors="replace"), (data / LOG).read_text(), (data / "server.json").read_text()]
        for secret in secrets_of(data):
            value = secret.partition("=")[2].strip("'\"") or secret
            assert len(value) >= 20
            assert not [text for text in texts if value in text]
        assert "stray" not in mine.decode(errors="replace"), "a stray USERNAME would become its account"

    def test_let_only_their_owner_read_what_is_secret(self, second: Started):
        data = Path(second.server.data)
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        for name in ("credentials.json", SECRET_FILE, LOG):
            assert stat.S_IMODE((data / name).stat().st_mode) == 0o600, name

    def test_listen_on_the_loopback_address_only(self, second: Started):
        port = int(second.server.url.rpartition(":")[2])
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        listening = {line.split()[1] for line in lines if line.split()[3] == "0A"}
        assert [item for item in listening if item.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]

    def test_call_no_address_of_their_own_machine(self, second: Started):
        client = LabelStudio(transport=Http(url=second.server.url, token=second.credentials.token))
        project = client.create_project("hooks", interface=interface_of("document").xml, model_version="rules")
        assert client.add_hook(project, url="http://127.0.0.1:9/", headers={"X-Test": "secret"}) is None
        assert client.hooks(project, header="X-Test") == []

    def test_are_found_again_and_end_when_told(self, installation: Installation, second: Started):
        data = Path(second.server.data)
        again = start(data, lambda: installation)
        assert (again.server, again.is_new) == (second.server, False)
        assert stop(data)
        assert running_server(data) is None
        assert not stop(data), "nothing is left to end"


def test_a_port_that_another_program_has_is_refused(tmp_path: Path):
    template = tmp_path / "cache" / "template"
    template.mkdir(parents=True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = f"port {port} of 127.0.0.1 is taken by another program; choose one with --port"
        with pytest.raises(ReviewError, match=f"^{re.escape(message)}$"):
            start(tmp_path / "data", lambda: Installation(folder=tmp_path / "cache"), port=port)


def test_a_copy_of_a_data_directory_gets_secrets_of_its_own(tmp_path: Path):
    one, copy = tmp_path / "one", tmp_path / "copy"
    one.mkdir()
    (one / SECRET_FILE).write_text("SECRET_KEY=old")
    made = new_credentials(one)
    assert credentials_of(one) == made
    copy.mkdir()
    (copy / "credentials.json").write_bytes((one / "credentials.json").read_bytes())
    (copy / "credentials.json").chmod(0o600)
    (copy / SECRET_FILE).write_text("SECRET_KEY=old")
    assert credentials_of(copy) is None
    renewed = new_credentials(copy)
    assert {renewed.password, renewed.token}.isdisjoint({made.password, made.token})
    assert not (copy / SECRET_FILE).exists(), "Label Studio makes a new key where there is none"


def test_credentials_that_others_may_read_are_refused(tmp_path: Path):
    new_credentials(tmp_path)
    path = tmp_path / "credentials.json"
    path.chmod(0o644)
    message = f"{path}: expected a file that only you can read (0600), found 0644; chmod 600 it"
    with pytest.raises(ReviewError, match=f"^{re.escape(message)}$"):
        credentials_of(tmp_path)


def test_secrets_are_in_no_representation():
    made = Credentials(email="a@b.example", password="correct horse", token="battery", inode=1)
    assert "horse" not in repr(made)
    assert "battery" not in repr(made)
    assert "battery" not in repr(LabelStudio(transport=Http(url="http://127.0.0.1:1", token="battery")))


def test_the_server_sees_no_variable_that_it_would_take_as_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("USERNAME", "PASSWORD", "HOST", "PORT", "HEARTEX_PASSWORD", "LABEL_STUDIO_USERNAME"):
        monkeypatch.setenv(name, "stray")
    assert "stray" not in server_environment(tmp_path).values()
