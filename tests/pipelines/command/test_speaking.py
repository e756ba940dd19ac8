"""What is printed, and how."""

import json

from pipelines.command.speaking import say, show, show_json, table


def test_talk_goes_to_stderr_and_data_to_stdout_both_made_visible(capfd):
    say("a\x1bb\nc")
    show("d\u202ee\nf")
    assert capfd.readouterr() == ("d\\u202ee\nf\n", "a\\x1bb\nc\n")


def test_json_is_ascii_and_ids_are_hex(capfd):
    show_json({"text": "é\u202e\x1b", "id": b"\x01\xff"})
    out = capfd.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out) == {"text": "é\u202e\x1b", "id": "01ff"}


def test_columns_of_numbers_are_aligned_right_whatever_their_heading():
    rows = [("input", "files", "note"), ("web", "7", "a"), ("books", "1,234", "")]
    assert table(rows) == "input  files  note\nweb        7  a\nbooks  1,234"
    assert table([]) == ""
