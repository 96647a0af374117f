"""What somebody does who installed another package and wrote a script; run by
``test_another_package.py`` in one process, since each takes seconds to start.

The method of CONTRIBUTING.md is registered outside the guard, so that the processes that folds
train in, which import this file again, find it too.
"""

from __future__ import annotations

import contextlib
import json
import sys
import traceback
from pathlib import Path

from method_of_the_guide import FlowMean

from merkit.cli import main
from merkit.methods import METHODS

METHODS.register(FlowMean)


def run(words: list[str]) -> int:
    """A command of merkit, or a run of pytest."""
    if words[0] != "pytest":
        return main(words)
    import pytest

    return int(pytest.main(words[1:]))


if __name__ == "__main__":
    for label, words in json.loads(Path(sys.argv[1]).read_text()).items():
        with (Path(sys.argv[2]) / f"{label}.txt").open("w") as shown:
            with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
                try:
                    code: object = run(words)
                except Exception:
                    code = traceback.format_exc()
            shown.write(f"\n{code}")
