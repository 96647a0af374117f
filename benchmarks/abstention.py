"""How sure a recogniser may be believed: calibration error, and the score where it may abstain.

    python benchmarks/abstention.py RUN [RUN ...]

Each RUN is a folder that ``merkit evaluate`` wrote. Clips are answered from the surest on; a row is
the share that is answered and the UF1 and accuracy of these.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from merkit.report.result import read_result
from merkit.scoring.metrics import confusion_matrix, uf1
from merkit.teaching.calibrate import calibration_error

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    for folder in parser.parse_args().runs:
        result = read_result(folder)
        table = result.predictions
        said = table[[name for name in table if name.startswith("p_")]].to_numpy()
        true = table.y_true.to_numpy()
        print(
            f"{folder}: {len(table)} clips, calibration error {calibration_error(said, true):.3f}"
        )
        surest = np.argsort(-said.max(1), kind="stable")
        for share in SHARES:
            kept = surest[: round(share * len(surest))]
            matrix = confusion_matrix(true[kept], said[kept].argmax(1), said.shape[1])
            right = np.mean(said[kept].argmax(1) == true[kept])
            print(f"  answered {share:4.0%}  UF1 {float(uf1(matrix)):.3f}  accuracy {right:.3f}")


if __name__ == "__main__":
    main()
