"""A project as BORIS itself reads it, in JSON on the last line. Run by a Python that has BORIS:

QT_QPA_PLATFORM=offscreen python tests/export/boris_reads.py PROJECT.boris -i
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from boris import config, export_observation, project_functions  # type: ignore[import-not-found]


def own_table(project: dict[str, Any], name: str) -> list[list[str]]:
    """What BORIS exports of an observation ("Export events > Tabular"), cell by cell."""
    parameters = {
        "time": config.TIME_FULL_OBS,
        config.SELECTED_SUBJECTS: [one["name"] for one in project["subjects_conf"].values()],
        config.SELECTED_BEHAVIORS: [one["code"] for one in project["behaviors_conf"].values()],
    }
    observation = project["observations"][name]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "own.tsv"
        export_observation.export_tabular_events(
            project, parameters, name, observation, project["behaviors_conf"], str(file), "tsv"
        )
        with file.open(encoding="utf-8", newline="") as handle:
            return list(csv.reader(handle, delimiter="\t"))


def main(path: str) -> None:
    _, changed, project, message = project_functions.open_project_json(path)
    error = project.get("error", "")
    said = {"error": error, "message": message, "changed": changed}
    if not error:
        said["integrity"] = project_functions.check_project_integrity(project, "s", path, True)
        problem, table = project_functions.project2dataframe(project, [])
        said["problem"], said["observations"] = problem, list(project["observations"])
        said["own tables"] = {
            name: own_table(project, name)
            for name, one in project["observations"].items()
            if one["type"] == "MEDIA"
        }
        said["rows"] = json.loads(table.to_json(orient="split", double_precision=6))
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1])
