import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.errors import InputError
from pipelines.inputs.listing import list_files
from tests.oracles.reading import read_files


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f'{{"text":"{name}"}}\n')


def paths(*patterns: str, root: Path) -> list[str]:
    return [file.path for file in list_files(patterns, root)]


def problems(*patterns: str, root: Path) -> dict[str, str | None]:
    return {file.path: file.problem for file in list_files(patterns, root)}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a", ["b/c/y.jsonl", "b/x.jsonl", "z.txt"]),
        ("a/", ["b/c/y.jsonl", "b/x.jsonl", "z.txt"]),
        ("a/z.txt", ["z.txt"]),
        ("a/*.txt", ["z.txt"]),
        ("a/b/*.jsonl", ["x.jsonl"]),
        ("a/**/*.jsonl", ["b/c/y.jsonl", "b/x.jsonl"]),
        ("a/**", ["b/c/y.jsonl", "b/x.jsonl", "z.txt"]),
        ("a/*", ["b/c/y.jsonl", "b/x.jsonl", "z.txt"]),
        ("a/?/[xy].jsonl", ["b/x.jsonl"]),
        ("*/b/c/y.*", ["a/b/c/y.jsonl"]),
        ("file://{root}/a/b/c", ["y.jsonl"]),
    ],
)
def test_patterns_name_files_by_their_path_below_the_fixed_part(tmp_path, pattern, expected):
    make(tmp_path, "a/b/c/y.jsonl", "a/b/x.jsonl", "a/z.txt", "a/.hidden/h.jsonl", "a/.h.txt")
    found = list_files([pattern.format(root=tmp_path)], tmp_path)
    assert [file.path for file in found] == expected
    assert all(file.bytes == os.path.getsize(file.uri) for file in found)


def test_paths_do_not_change_when_all_files_move_together(tmp_path):
    for folder in ("one", "other/place"):
        make(tmp_path / folder, "web/a.warc", "text/b.txt")
    here = paths("web/*", "text/*", root=tmp_path / "one")
    assert here == ["text/b.txt", "web/a.warc"]
    assert paths(str(tmp_path / "other/place/web/*"), str(tmp_path / "other/place/text"), root=tmp_path) == here


def test_a_file_that_two_patterns_name_is_read_once(tmp_path):
    make(tmp_path, "a/x.txt", "a/y.txt")
    assert paths("a/*.txt", "a", "a/x.txt", root=tmp_path) == ["x.txt", "y.txt"]


def test_a_name_with_pattern_characters_is_taken_as_it_is_where_it_exists(tmp_path):
    make(tmp_path, "a[1].txt", "a1.txt")
    assert paths("a[1].txt", root=tmp_path) == ["a[1].txt"]


def test_files_are_sorted_by_the_bytes_of_their_paths(tmp_path):
    make(tmp_path, "b.txt", "B.txt", "a/z.txt", "a.txt", "ä.txt", "\U0001f600.txt", "\uff5a.txt")
    assert paths(".", root=tmp_path) == ["B.txt", "a.txt", "a/z.txt", "b.txt", "ä.txt", "\uff5a.txt", "\U0001f600.txt"]


def test_a_name_that_is_not_utf8_is_shown_escaped_and_can_be_read(tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.jsonl"
    with open(name, "wb") as file:
        file.write(b'{"text":"hello"}\n')
    assert paths(".", root=tmp_path) == ["caf\\xe9.jsonl"]
    assert read_files(tmp_path).texts == ["hello"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("none.txt", "{root}/none.txt: expected a file or folder, found none; check the path"),
        ("*.none", "{root}/*.none: expected at least one file that matches, found none; check the pattern"),
        ("pipe", "{root}/pipe: expected a readable file, found a FIFO"),
        (
            "loop",
            "{root}/loop: expected a readable file, found a symbolic link that leads nowhere (Too many levels of symbolic links)",
        ),
        ("broken", "{root}/broken: expected a readable file, found a symbolic link to nothing"),
        ("/dev/zero", "/dev/zero: expected a readable file, found a device"),
        (
            "ftp://e.org/x",
            "ftp://e.org/x: expected a path or a URL of file, s3, gs, az, hf, https, found protocol 'ftp'",
        ),
        (
            "http://e.org/x",
            "http://e.org/x: expected a path or a URL of file, s3, gs, az, hf, https, found protocol 'http'",
        ),
        (
            "zip://x.txt::https://e.org/a.zip",
            "zip://x.txt::https://e.org/a.zip: expected one path or URL, found a chained URL; copy the file out first",
        ),
        (
            "simplecache::s3://b/k",
            "simplecache::s3://b/k: expected one path or URL, found a chained URL; copy the file out first",
        ),
        (
            "https://me:secret@e.org/x",
            "https://e.org/x: expected no credentials in the URL; set them in the environment",
        ),
        ("file://other/x", "file://other/x: expected file:///path, found host 'other'"),
    ],
)
def test_what_is_named_outright_must_be_there_and_the_message_says_what_was_found(tmp_path, pattern, message):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "broken").symlink_to("nothing")
    with pytest.raises(InputError) as error:
        list_files([pattern], tmp_path)
    assert str(error.value) == message.format(root=tmp_path)


@pytest.mark.parametrize("pattern", ["t", "t/**/*", "t/**", "t/*"])
def test_what_a_folder_or_glob_turns_up_may_be_anything_and_the_rest_is_read(tmp_path, pattern):
    make(tmp_path, "t/good.jsonl", "t/sub/good.jsonl", "elsewhere/linked.jsonl")
    os.mkfifo(tmp_path / "t/pipe")
    (tmp_path / "t/loop").symlink_to("loop")
    (tmp_path / "t/broken").symlink_to("nothing")
    (tmp_path / "t/sub/up").symlink_to("..")
    (tmp_path / "t/zero").symlink_to("/dev/zero")
    (tmp_path / "t/out").symlink_to(tmp_path / "elsewhere")
    assert problems(pattern, root=tmp_path) == {
        "broken": "broken_symlink",
        "good.jsonl": None,
        "loop": "symlink_loop",
        "out/linked.jsonl": None,
        "pipe": "not_a_file",
        "sub/good.jsonl": None,
        "sub/up": "symlink_loop",
        "zero": "not_a_file",
    }
    outcome = read_files(tmp_path / "t")
    assert outcome.texts == ["t/good.jsonl", "elsewhere/linked.jsonl", "t/sub/good.jsonl"]
    assert sorted(outcome.reasons) == ["broken_symlink", "not_a_file", "not_a_file", "symlink_loop", "symlink_loop"]


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder that another user may enter, and the rights of that user: root may read everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, "t/good.jsonl", "t/secret.jsonl", "t/closed/x.jsonl")
        folder.chmod(0o755)
        (folder / "t/secret.jsonl").chmod(0)
        (folder / "t/closed").chmod(0)
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if before == 0:
                os.seteuid(before)
            (folder / "t/closed").chmod(stat.S_IRWXU)


def test_a_file_without_permission_is_a_dead_letter_in_a_folder(as_nobody):
    outcome = read_files(as_nobody / "t")
    assert outcome.texts == ["t/good.jsonl"]
    assert {row["path"]: row["reason"] for row in outcome.dead} == {
        "closed": "permission_denied",
        "secret.jsonl": "permission_denied",
    }


def test_a_file_without_permission_is_an_error_where_it_is_named(as_nobody):
    with pytest.raises(InputError, match=r"secret\.jsonl: expected a readable file, found no permission to read it$"):
        list_files([str(as_nobody / "t/secret.jsonl")], as_nobody)


def test_two_files_of_one_path_are_refused(tmp_path):
    make(tmp_path, "a\\xe9.txt")
    with open(os.fsencode(tmp_path) + b"/a\xe9.txt", "wb"):
        pass
    with pytest.raises(InputError, match="expected different paths, found"):
        list_files(["."], tmp_path)
