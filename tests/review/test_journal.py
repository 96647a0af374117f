"""What was told to be saved is there again, whatever ended the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_reviews import ANALYSIS, CLOCK, edit, review

from merkit.errors import ConfigError, StoreError
from merkit.review.journal import Journal
from merkit.review.review import Review

#: appends for ever, and says each edit once it is saved
WRITER = """
import sys
from pathlib import Path
from merkit.review.edits import Edit
from merkit.review.journal import Journal
journal = Journal(Path(sys.argv[1]), "hash")
for n in range(10**6):
    journal.append(Edit(f"id-{n}", "note", "video", n, text="x" * 2000))
    print(n, flush=True)
"""


def test_edits_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "anna" / "v001.jsonl"
    journal = Journal(path, "hash")
    edits = [edit("accept", "e001"), edit("note", "e002", text='a "line"\nÄ\u2028'),
             edit("relabel", "e003", label="", event_kind="micro")]  # fmt: skip
    for one in edits:
        journal.append(one)
    again = Journal(path)
    assert (again.edits, again.analysis, again.torn) == (edits, "hash", "")
    again.append(edits[0])
    assert Journal(path).edits == [*edits, edits[0]]
    assert len(path.read_text().splitlines()) == 5  # the head, and a line an edit


def test_a_killed_writer_loses_nothing_that_it_told(tmp_path: Path) -> None:
    path = tmp_path / "v001.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(5):
            writer.stdout.readline()
        time.sleep(0.05)
        os.kill(writer.pid, signal.SIGKILL)
        told = 4 + len(writer.stdout.read().splitlines())
    ids = [one.id for one in Journal(path).edits]
    assert len(ids) > told
    assert ids == [f"id-{n}" for n in range(len(ids))]


@pytest.mark.parametrize("cut", [1, 20, 10_000])
def test_a_torn_last_line_is_dropped_told_and_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "v001.jsonl"
    journal = Journal(path, "hash")
    first, second = edit("accept", "e001"), edit("reject", "e002")
    journal.append(first)
    whole = path.read_bytes()
    journal.append(second)
    path.write_bytes(path.read_bytes()[: max(len(whole) + 3, path.stat().st_size - cut)])
    again = Journal(path)
    assert again.edits == [first]
    assert again.torn.startswith('{"i')
    assert path.read_bytes() != whole  # reading changes nothing
    again.append(second)
    assert again.torn == ""
    assert Journal(path).edits == [first, second]
    assert path.read_bytes().startswith(whole)


def test_a_file_that_ends_anywhere_gives_the_edits_that_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "v001.jsonl"
    journal = Journal(path, "hash")
    for n in (1, 2, 3):
        journal.append(edit("accept", f"e00{n}"))
    content = path.read_bytes()
    for end in range(len(content)):
        path.write_bytes(content[:end])
        cut = Journal(path, "hash")
        assert cut.edits == journal.edits[: max(0, content[:end].count(b"\n") - 1)]
        assert bool(cut.torn) == (end > 0 and content[end - 1 : end] != b"\n")


def test_a_torn_first_line_is_an_empty_journal(tmp_path: Path) -> None:
    path = tmp_path / "v001.jsonl"
    path.write_text('{"format": "merkit re')
    journal = Journal(path, "hash")
    assert (journal.edits, journal.analysis) == ([], "hash")
    journal.append(edit("accept", "e001"))
    assert len(Journal(path).edits) == 1
    path.write_bytes(b"")
    assert Journal(path).edits == []


@pytest.mark.parametrize("wrong", ["{", "[]", "\0\0\0", '{"id": "1", "kind": "explode"}', ""])
def test_damage_in_the_middle_names_the_line(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "v001.jsonl"
    journal = Journal(path, "hash")
    for n in range(3):
        journal.append(edit("accept", f"e00{n + 1}"))
    lines = path.read_text().splitlines()
    lines[2] = wrong
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(StoreError, match=r"v001\.jsonl, line 3 cannot be read"):
        Journal(path)


def test_foreign_and_newer_files(tmp_path: Path) -> None:
    path = tmp_path / "v001.jsonl"
    for head, message in {
        json.dumps({"format": "merkit review", "version": 2, "analysis": ""}): "version 2",
        json.dumps({"format": "other", "version": 1, "analysis": ""}): "'other'",
        "[1]": "line 1",
    }.items():
        path.write_text(head + "\n")
        with pytest.raises(StoreError, match=message):
            Journal(path)


def test_a_second_writer_is_noticed(tmp_path: Path) -> None:
    one, two = Journal(tmp_path / "v001.jsonl", "hash"), Journal(tmp_path / "v001.jsonl", "hash")
    one.append(edit("accept", "e001"))
    with pytest.raises(StoreError, match="bytes"):
        two.append(edit("accept", "e002"))
    assert len(Journal(tmp_path / "v001.jsonl").edits) == 1


def test_a_full_disk_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "v001.jsonl"
    journal = Journal(path, "hash")
    journal.append(edit("accept", "e001"))
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    second = edit("accept", "e002")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ConfigError, match="No space left"):
            journal.append(second)
    assert path.read_bytes() == before
    journal.append(second)
    assert Journal(path).edits[1] == second


def test_a_long_session_comes_back_as_it_was(tmp_path: Path) -> None:
    now = review()
    journal = Journal(tmp_path / "v001.jsonl", "hash")
    for n in range(300):
        kinds = ("accept", "reject", "reopen")
        one = edit(kinds[n % 3], "e001", n)
        now = now.apply(one)
        journal.append(one)
    again = Review.of(ANALYSIS, CLOCK, Journal(journal.path).edits)
    assert again.events == now.events
    assert again.events[0].revision == 300
