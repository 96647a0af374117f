"""Start-up time: ``import merkit`` and ``merkit --help``, medians over fresh processes.

    python benchmarks/start_up.py [--runs 15]

Python's own start is measured beside them. An import counts as its own time alone, a command
as the whole process from start to exit.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

CLOCK = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
MAIN = "import sys; from merkit.cli import main; sys.exit(main({}))"
IMPORT_LIMIT_S, HELP_LIMIT_S = 0.3, 1.0


def import_s(statement: str) -> float:
    """Seconds that one import takes inside a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", CLOCK.format(statement)], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def process_s(code: str) -> float:
    """Seconds from the start of a process to its end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    rows = {
        "import merkit": (lambda: import_s("import merkit"), IMPORT_LIMIT_S),
        "merkit --help": (lambda: process_s(MAIN.format(["--help"])), HELP_LIMIT_S),
        "merkit models": (lambda: process_s(MAIN.format(["models"])), None),
        "merkit evaluate --help": (lambda: process_s(MAIN.format(["evaluate", "--help"])), None),
        "import for predict without a model": (
            lambda: import_s("import merkit.inference.analysis"),
            None,
        ),
        "python, empty": (lambda: process_s("pass"), None),
        "import torch (what is put off)": (lambda: import_s("import torch"), None),
    }
    slow = []
    print(f"median, least and most of {runs} runs, seconds")
    for name, (measure, limit) in rows.items():
        times = sorted(measure() for _ in range(runs))
        median = statistics.median(times)
        wanted = f"   wanted under {limit} s" if limit else ""
        print(f"{name:32}{median:8.3f}{times[0]:8.3f}{times[-1]:8.3f}{wanted}")
        if limit and median >= limit:
            slow.append(name)
    if slow:
        sys.exit(f"too slow: {', '.join(slow)}")


if __name__ == "__main__":
    main()
