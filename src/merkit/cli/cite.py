"""``merkit cite``: how to report a run, or a table, in a paper."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from merkit.cli.options import parse
from merkit.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """Print the methods paragraph of what was done, with versions, settings and references.

    Read it before you use it: it says what merkit did, not why you did it.
    """

    what: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """a run folder of 'merkit evaluate', or a table of 'merkit predict'"""


def run(words: Sequence[str]) -> int:
    options = parse(Options, "cite", words)
    if len(options.what) != 1:
        raise ConfigError(
            f"{len(options.what)} things to cite", "a run folder or a table", "merkit cite RUN"
        )
    [what] = options.what
    if what.is_dir():
        from merkit.report.cite import run_paragraph
        from merkit.report.result import as_written

        with as_written([what]):
            print(run_paragraph(what))
        return 0
    from merkit.inference.cite import table_paragraph
    from merkit.inference.made import read_made

    made = read_made(what)
    print(table_paragraph(made))
    if made.changed(what):
        print(f"merkit: {what} is not as merkit wrote it; say what was changed", file=sys.stderr)
    return 0
