from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from merkit.datasets.fields import (
    audited_sheets,
    objective_class,
    read_action_units,
    sheet_version,
)
from merkit.types import ActionUnit


def test_objective_classes() -> None:
    assert [objective_class(c) for c in ("3", "III", " iii ", "7")] == ["III", "III", "III", "VII"]
    assert [objective_class(c) for c in ("", "0", "8", "x", "\u00b2")] == [""] * 5


def test_unreadable_action_units_are_noted() -> None:
    raw: dict[str, str] = {}
    assert read_action_units("1214", raw) is None
    assert "1214" in raw["doubtful:action_units"]
    raw = {}
    assert read_action_units("?", raw) is None
    assert read_action_units("12", raw) == (ActionUnit(12),)
    assert raw == {}


def test_versions_name_file_and_content(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"abc")
    assert sheet_version(tmp_path / "a.xlsx") == "a.xlsx sha256:ba7816bf"
    assert audited_sheets()["cc45b6cb"].startswith("CASME2-coding-20140508")


def test_listing_databases_loads_no_workbook_reader() -> None:
    code = (
        "import sys; from merkit.datasets import DATASETS;"
        "[DATASETS[n].label_maps for n in ('casme2', 'samm', 'smic', 'smic-e', 'casme3',"
        " 'meview', '4dme')];"
        "print(sorted({'openpyxl', 'xlrd', 'cv2', 'torch', 'pandas'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
