"""What `doctor` finds."""

from pipelines.health import findings


def test_doctor_looks_at_all_that_a_run_needs():
    found = {item.check: item for item in findings()}
    needed = {"Python", "pyarrow", "cores", "memory", "free disk", "temporary folder", "kernel cache", "language model"}
    assert needed <= set(found)
    assert found["Python"].ok
    assert found["pyarrow"].ok
    assert found["language model"].found.startswith("sha256 ")


def test_a_folder_that_cannot_be_written_is_a_finding_with_a_remedy(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(gone))
    gone.rmdir()
    found = {item.check: item for item in findings()}["temporary folder"]
    assert not found.ok
    assert found.found.startswith(f"{gone} cannot be written: set TMPDIR (FileNotFoundError")


def test_another_distribution_with_a_package_of_our_name_is_a_finding(tmp_path, monkeypatch):
    folder = tmp_path / "trainerkit-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: trainerkit\nVersion: 1.0\n")
    (folder / "RECORD").write_text("trainer/__init__.py,,\n")
    (folder / "top_level.txt").write_text("trainer\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = {item.check: item for item in findings()}["package trainer"]
    assert not found.ok
    assert found.found == "also installed by trainerkit: pip uninstall trainerkit, or use another environment"
