"""The compose file for teams holds together and holds no secret. It is read here, not started."""

import json
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from annotator.installation import QUIET

FOLDER = Path(__file__).parents[2] / "infra" / "label-studio"


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, object]]:
    return compose()["services"]


def compose() -> dict[str, dict[str, dict[str, object]]]:
    return YAML(typ="safe").load((FOLDER / "compose.yaml").read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def secrets_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What new_secrets.py writes."""
    tmp_path = tmp_path_factory.mktemp("secrets")
    script = tmp_path / "new_secrets.py"
    script.write_bytes((FOLDER / "new_secrets.py").read_bytes())
    command = [sys.executable, str(script), "ada@example.org"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    path = tmp_path / "secrets.env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    values = dict(line.split("=", 1) for line in path.read_text().splitlines())
    assert values["REVIEW_PASSWORD"] in done.stdout, "the login is shown once"
    assert values["REVIEW_TOKEN"] not in done.stdout
    before = path.read_text()
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (again.returncode, path.read_text()) == (1, before), "a new one would lock its owner out"
    return values


def test_images_are_pinned_and_label_studio_is_the_version_that_review_installs(services):
    images = {service["image"] for service in services.values()}
    assert all(re.fullmatch(r"[\w./-]+:\d+\.\d+(\.\d+)?", image) for image in images)
    pins = (FOLDER.parents[1] / "annotator" / "label-studio.txt").read_text()
    assert f"heartexlabs/label-studio:{re.search(r'^label-studio==(.*)$', pins, re.M)[1]}" in images


def test_what_is_named_exists(services):
    whole = compose()
    for name, service in services.items():
        assert set(service["networks"]) <= set(whole["networks"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in whole["volumes"] or (FOLDER / source).is_file(), volume
        for other in service.get("depends_on", {}):
            assert "healthcheck" in services[other], f"{name} waits until {other} is healthy"


def test_only_this_machine_reaches_it_and_the_database_nobody_from_outside(services):
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"web": ["127.0.0.1:8080:8085"]}
    assert services["db"]["networks"] == ["inside"]
    assert compose()["networks"]["inside"] == {"internal": True}


def test_it_reports_to_nobody(services):
    settings = services["app"]["environment"]
    assert {name: settings[name] for name in QUIET if name in settings} == {
        name: value for name, value in QUIET.items() if name != "PYTHONUNBUFFERED"
    }
    assert settings["SSRF_PROTECTION_ENABLED"] == "true"


def test_secrets_are_random_in_a_file_of_their_own_and_nowhere_else(services, secrets_env):
    assert secrets_env["POSTGRES_PASSWORD"] == secrets_env["POSTGRE_PASSWORD"]
    assert len({value for name, value in secrets_env.items() if name != "POSTGRE_PASSWORD"}) == 5
    assert min(len(value) for name, value in secrets_env.items() if name != "REVIEW_EMAIL") >= 24
    for service in services.values():
        named = [name for name in service.get("environment", {}) if re.search("PASSWORD|TOKEN|SECRET_KEY", name)]
        assert named == []
    ignored = subprocess.run(["git", "check-ignore", "-q", "secrets.env"], cwd=FOLDER, check=False)
    assert ignored.returncode == 0, "git would take it"


def test_the_account_is_handed_over_as_label_studio_serving_reads_it(services, secrets_env):
    (line,) = services["account"]["command"]
    assert "| python3 /gristmill/serving.py" in line
    shown = line.replace("$$", "$").replace("python3 /gristmill/serving.py", "cat")
    said = subprocess.run(["/bin/sh", "-c", shown], env=secrets_env, capture_output=True, text=True, check=True).stdout
    names = {"email": "REVIEW_EMAIL", "password": "REVIEW_PASSWORD", "token": "REVIEW_TOKEN"}
    assert json.loads(said) == {key: secrets_env[name] for key, name in names.items()}
