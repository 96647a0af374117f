"""Every code block of the documentation works as it stands.

A page is run from top to bottom in a folder of its own (``folder`` in conftest.py). What a fence
says of its block:

- ``bash``: commands. Each must end with exit code 0. ``merkit`` runs in this process. What a
  command prints is a block of its own, without a language.
- ``python``: runs; the blocks of a page are one script.
- ``yaml``, ``json``, ``toml``, ``csv``, ``xml``: loads as what it claims to be.
- ``title="name"`` after the language: the block is a file, which is written for those below it.
- no language, or ``text``: output or the layout of a folder; read by people only.

The line ``<!-- not run: reason -->`` right before a fence leaves a block that cannot run here
(minutes, a licence, a camera) to ``docs_checks``.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import docs_checks
import docs_commands
import pytest
from docs_blocks import CHECKED, PAGES, ROOT, Block, blocks, name_of, without_blocks

pytestmark = pytest.mark.filterwarnings("ignore::merkit.errors.MerkitWarning")
CODE = ("bash", "python")
RUN = [p for p in PAGES if any(b.language in CODE and not b.not_run for b in blocks(p))]


@pytest.mark.thorough
@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_blocks_run(
    page: Path, folder: Path, script: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    for block in blocks(page):
        try:
            _do(block, folder, script)
        except (Exception, SystemExit) as error:
            shown = capsys.readouterr()
            pytest.fail(f"{block.place}: {error!r}\n{shown.out[-1500:]}\n{shown.err[-1500:]}")


def _do(block: Block, folder: Path, script: dict[str, object]) -> None:
    if block.title and not block.not_run:
        file = folder / block.title
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.code, encoding="utf-8")
    elif block.language == "bash" and not block.not_run:
        for command in docs_commands.commands(block.code):
            code = docs_commands.run(command)
            assert code == 0, f"exit code {code} of: {command}"
    elif block.language == "python" and not block.not_run:
        lines = "\n" * block.line + block.code  # a traceback names the line of the page
        exec(compile(lines, name_of(block.page), "exec", dont_inherit=True), script)


@pytest.mark.parametrize("page", [*PAGES, *(ROOT / page for page in CHECKED)], ids=name_of)
def test_blocks_could_run(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for block in blocks(page):
        try:
            if block.not_run or block.title or block.language not in CODE:
                docs_checks.check(block)
        except (Exception, SystemExit) as error:
            pytest.fail(f"{block.place}: {error!r}")


@pytest.mark.parametrize("page", [*PAGES, *(ROOT / page for page in CHECKED)], ids=name_of)
def test_commands_in_sentences_have_their_options(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence may leave out what it is not about, and names no option that there is not."""
    sentences = without_blocks(page.read_text(encoding="utf-8"))
    for command in re.findall(r"`(merkit [a-z][^`]*)`", sentences):
        name, words = docs_commands.named(" ".join(command.split()))
        try:
            if words:
                docs_commands.parsed(name, words)
        except SystemExit:  # something that it needs is left out
            action = [word for word in words[:1] if not word.startswith("-")]
            given = {word for word in words if word.startswith("--")} - {"--help"}
            capsys.readouterr()
            with suppress(SystemExit):
                docs_commands.parsed(name, [*action, "--help"])
            known = set(re.findall(r"--[\w.-]+", capsys.readouterr().out))
            assert given <= known, command
