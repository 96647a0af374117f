"""What is wrong in a block is found: else "not run" would be a way around everything."""

from __future__ import annotations

from pathlib import Path

import docs_commands
import pytest
from docs_blocks import Block, blocks
from docs_checks import check

PAGE = """Words.

<!-- not run: takes minutes -->
```bash
merkit synth db
```

- in a list

    ```python
    if True:
        x = 1
    ```

```csv title="subjects.csv"
video,subject
```

```
output
```
"""


def test_blocks_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    bash, python, table, output = blocks(page)
    assert (bash.language, bash.not_run, bash.line) == ("bash", "takes minutes", 4)
    assert (python.code, python.not_run) == ("if True:\n    x = 1\n", "")
    assert (table.language, table.title) == ("csv", "subjects.csv")
    assert output.language == ""


@pytest.mark.parametrize(
    ("code", "commands"),
    [
        ("# only words\nmerkit doctor  # and more\n", ["merkit doctor  # and more"]),
        ("merkit synth x \\\n  --seed 3", ["merkit synth x  --seed 3"]),
        ('A="1\n  2"\nmerkit synth $A\nls', ['A="1 2"\nmerkit synth $A', 'A="1 2"\nls']),
        ("for x in a b; do\n  ls $x\ndone", ["for x in a b; do\n  ls $x\ndone"]),
    ],
)
def test_commands_of_a_block(code: str, commands: list[str]) -> None:
    assert list(docs_commands.commands(code)) == commands


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("merkit predict 'a b.mp4' --out x.csv # y | z", ["predict", "a b.mp4", "--out", "x.csv"]),
        ('A="--seed 3"\nmerkit synth db $A', ["synth", "db", "--seed", "3"]),
        ("merkit predict 'a|b.mp4'", ["predict", "a|b.mp4"]),
    ],
)
def test_words_are_those_of_a_shell(command: str, words: list[str]) -> None:
    assert docs_commands.is_ours(command)
    assert docs_commands.words_of(command) == words


@pytest.mark.parametrize(
    "command", ["merkit doctor | wc", "merkit doctor > x", "ls", "merkit a; ls"]
)
def test_what_needs_a_shell_goes_to_one(command: str) -> None:
    assert not docs_commands.is_ours(command)


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("bash", "merkit evaluate --data casme2 --root R --eposh 3"),
        ("bash", "merkit evaluate --data casme9 --root R"),
        ("bash", "merkit train --data casme2 --root R --out m --set model.encoder.nme=tiny"),
        ("bash", "merkit evaluate --data casme2 --root R --protocol.name loto"),
        ("bash", "merkit experiment gone.yaml --out runs"),
        ("bash", "merkit evalute --data casme2"),
        ("bash", "if true; then"),
        ("python", "from merkit import anlyse"),
        ("python", "import merkit.spoting"),
        ("python", "x = ("),
        ("yaml", "seeds: many\nmethod: hoof"),
        ("yaml", "a: [1"),
        ("json", '"pace": 1'),
        ("toml", "[a"),
        ("csv", "a,b\n1"),
        ("console", "$ merkit doctor"),
        ("", "merkit doctor"),
    ],
)
def test_a_block_that_could_not_run_is_refused(language: str, code: str) -> None:
    with pytest.raises((Exception, SystemExit)):
        check(Block(Path("page.md"), 1, language, code))
