"""Databases whose clips stand in a sheet, one a row: declared, not programmed.

A :class:`SheetLayout` names the file, its columns, how subjects are written and where the images
lie; ``load`` is then all that a database needs. What only one database has is a ``load`` of its
own, out of the same parts: ``rows`` reads the sheet, ``folder`` finds a row's images, ``clip``
makes one clip.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from merkit.datasets.action_units import read_action_units
from merkit.datasets.base import ContentKey, sort_clips
from merkit.datasets.layout import (
    Tree,
    child_folder,
    find_sheet,
    find_tree,
    optional_sheet,
    set_aside,
)
from merkit.datasets.sheets import Row, SheetChoice, complete_rows, frame_rate, read_table
from merkit.errors import DatasetError
from merkit.labels import canonical_emotion
from merkit.types import Clip, Finding

_ONE_SHEET = "keep the sheet you want below the root, so that a score names it, and no other"
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII")


@dataclass(frozen=True, slots=True)
class Subjects:
    """Subjects known by a number.

    Args:
        what: how messages call such a name, "SAMM subject".
        pattern: expression of the whole name, with one group for the number.
        forms: spellings that the number is put into; the first is the one in clips, the others
            are found among folders.
        wanted: an example, for messages.
    """

    what: str
    pattern: str
    forms: tuple[str, ...]
    wanted: str

    def __call__(self, text: str) -> str:
        """The subject as clips have it.

        Raises:
            DatasetError: not such a name.
        """
        return self.spellings(text)[0]

    def spellings(self, text: str) -> list[str]:
        """The subject in every form."""
        match = re.fullmatch(self.pattern, text.strip(), re.IGNORECASE)
        if match is None:
            raise DatasetError(f"{self.what} '{text}'", self.wanted)
        return [form.format(int(match[1])) for form in self.forms]


@dataclass(frozen=True, kw_only=True)
class SheetLayout:
    """The sheet and the folders of one database.

    Args:
        database: its registered name, with which clip ids begin.
        files: shell patterns of the sheet's file; the first that any file fits counts.
        columns: role -> column, in the order in which messages list them. Read are ``subject``,
            ``clip``, ``onset``, ``apex``, ``offset``, ``action_units``, ``emotion``,
            ``objective_class`` and ``fps``; of others the column must be there.
        optional: roles whose column the sheet may lack.
        whole: roles that every clip's row has filled; notes and sums below the table have not.
        keep: which rows are clips.
        spare: which rows are left out where they cannot be used, in place of an error, since
            nobody is scored on them: macro-expressions beside the micro-expressions.
        sheet: which sheet of the file; None: the one with the columns.
        prefer: name of the sheet to take where several have them.
        header: False: the columns stand in this order, without a header.
        subjects: how subjects are written; None: as the sheet has them.
        clip_id: what follows the database in an id.
        absent: number that stands for no apex or no offset.
        emotion: reads an emotion's cell.
        fps_hz: frame rate; None: the column of ``fps`` gives it.
        trees: variant -> folder of the subjects' folders; empty: the root.
        child: expression of such a folder's name; "": any subject of the sheet.
    """

    database: str
    files: Sequence[str]
    columns: Mapping[str, str]
    optional: Sequence[str] = ("objective_class",)
    whole: Sequence[str] = ("subject", "clip", "onset")
    keep: Callable[[Row], bool] = lambda row: True
    spare: Callable[[Row], bool] = lambda row: False
    sheet: SheetChoice | None = None
    prefer: str = ""
    header: bool = True
    subjects: Subjects | None = None
    clip_id: str = "{subject}/{clip}"
    absent: int | None = None
    emotion: Callable[[str], str] = canonical_emotion
    fps_hz: float | None
    trees: Mapping[str, Tree] = field(default_factory=dict)
    child: str = ""

    def load(self, root: Path, variant: str) -> tuple[Clip, ...]:
        """Every row of the sheet as a clip of the tree ``variant``, sorted by id."""
        return sort_clips(self.clips(root, variant))

    def clips(self, root: Path, variant: str) -> Iterator[Clip]:
        """The same in the order of the sheet."""
        rows = self.rows(root)
        tree = self.tree(root, variant, rows)
        return (self.clip(row, self.folder(row, root, tree)) for row in rows)

    def rows(self, root: Path) -> list[Row]:
        """The rows of the one sheet below the root."""
        return self.read(self.file(root))

    def file(self, root: Path) -> Path:
        """The one sheet below the root.

        Raises:
            MissingDataError: none of these names; the tables that are there are listed.
        """
        return find_sheet(root, self.files, self.needed)

    @property
    def needed(self) -> list[str]:
        """The columns that the sheet must have."""
        return [name for role, name in self.columns.items() if role not in self.optional]

    def read(self, path: Path) -> list[Row]:
        """The rows of a file.

        Raises:
            DatasetError: it is not of this form.
        """
        rows = [row for row in self._table(path) if not self._unusable(row)]
        whole = complete_rows(rows, [self.columns[role] for role in self.whole])
        return [row for row in whole if self.keep(row)]

    def findings(self, root: Path, variant: str, key: ContentKey | None) -> tuple[Finding, ...]:
        """Sheets that were set aside and rows that were left out (``Database.findings``)."""
        del variant, key
        sheet = self.file(root)
        found = [
            Finding("note", "sheet set aside", f"{path.name}: {sheet.name} is read", fix=_ONE_SHEET)
            for path in set_aside(root, self.files, sheet)
        ]
        rows = self._table(sheet)
        told = [f"row {row.number}: {why}" for row in rows if (why := self._unusable(row))]
        if told:
            detail = f"{len(told)} rows of macro-expressions cannot be used; {'; '.join(told[:3])}"
            detail += " ..." if len(told) > 3 else ""
            found.append(Finding("note", "rows left out", detail))
        return tuple(found)

    def _unusable(self, row: Row) -> str:
        """Why a row that may be left out is; "" for every other row."""
        if not self.spare(row):
            return ""
        lacking = [self.columns[r] for r in self.whole if not self._cell(row, r)]
        if lacking:
            return f"no value in {lacking}"
        try:
            for role in ("onset", "apex", "offset"):
                self._frame(row, role)
            self._spellings(row)
        except DatasetError as error:
            return error.found.removeprefix(f"{row.where}: ")
        return ""

    def _table(self, path: Path) -> list[Row]:
        given, columns = (self.needed, None) if self.header else ((), self.needed)
        others = [self.columns[role] for role in self.optional if role in self.columns]
        return read_table(
            path,
            given,
            sheet=self.sheet,
            prefer=self.prefer,
            columns=columns,
            optional=others,
            spare=self.spare,
        )

    def tree(self, root: Path, variant: str, rows: Sequence[Row]) -> Path:
        """The folder that holds the subjects' folders."""
        if not self.trees:
            return root
        names = {re.escape(name) for row in rows for name in self._spellings(row)}
        return find_tree(root, self.child or "|".join(sorted(names)), self.trees[variant])

    def folder(self, row: Row, root: Path, tree: Path) -> Path:
        """Where the images of a row lie: ``<tree>/<subject>/<clip>``."""
        person = child_folder(tree, root, *self._spellings(row))
        return child_folder(person, root, self._cell(row, "clip"))

    def clip(self, row: Row, media: Path, subject: str = "") -> Clip:
        """One clip. ``subject``: where it is not the one of its column.

        Raises:
            DatasetError: a cell that is not as it should be, with its row.
        """
        raw = row.raw()
        if found := objective_class(self._cell(row, "objective_class")):
            raw["objective_class"] = found
        subject, name = subject or self._spellings(row)[0], self._cell(row, "clip")
        onset, apex, offset = (self._frame(row, role) for role in ("onset", "apex", "offset"))
        end = self.clip_id.format(subject=subject, clip=name, onset=onset)
        return Clip(
            clip_id=f"{self.database}/{end}",
            dataset=self.database,
            subject=subject,
            media=media,
            fps_hz=self._rate(row),
            emotion=self.emotion(self._cell(row, "emotion")),
            first_frame=onset,
            last_frame=offset,
            onset_frame=onset,
            apex_frame=apex,
            offset_frame=offset,
            action_units=read_action_units(self._cell(row, "action_units"), raw),
            raw=raw,
        )

    def _cell(self, row: Row, role: str) -> str:
        return row.get(self.columns.get(role, ""))

    def _spellings(self, row: Row) -> list[str]:
        text = self._cell(row, "subject")
        return self.subjects.spellings(text) if self.subjects else [text]

    def _frame(self, row: Row, role: str) -> int | None:
        number = row.integer(self.columns.get(role, ""))
        return None if role != "onset" and number == self.absent else number

    def _rate(self, row: Row) -> float:
        if self.fps_hz is not None:
            return self.fps_hz
        column = self.columns["fps"]
        rate = frame_rate(row.get(column))
        if rate is None:
            found = f"column '{column}' holds '{row.get(column)[:60]}'"
            raise row.error(found, "frames a second, such as 200")
        return rate


def rows_beside(
    root: Path,
    files: Sequence[str],
    columns: Sequence[str],
    prefer: str = "",
    optional: Sequence[str] = (),
) -> list[Row]:
    """Rows of a second sheet, to be joined to the first; [] where it is not there."""
    path = optional_sheet(root, files)
    if path is None:
        return []
    return complete_rows(read_table(path, columns, prefer=prefer, optional=optional), columns)


def joined_class(clip: Clip, row: Row | None, column: str) -> dict[str, str]:
    """The objective class that another sheet gives a clip, as fields of ``Clip.raw``: the sheet it
    came from, or that the two disagree, since classes follow from the action units of one sheet."""
    given = objective_class(row.get(column)) if row else ""
    if row is None or not given:
        return {}
    own = clip.raw.get("objective_class", "")
    if not own:
        return {"objective_class": given, "objective_class_sheet": row.version}
    if own == given:
        return {}
    told = f"{own} here, {given} in {row.version}; the sheet's own is used"
    return {"differs:objective_class": told}


def objective_class(cell: str) -> str:
    """Objective class as a Roman numeral, from "3", "III" or "iii"; "" when there is none."""
    text = cell.strip().upper()
    if text in ROMAN:
        return text
    return ROMAN[int(text) - 1] if text.isdecimal() and 1 <= int(text) <= len(ROMAN) else ""
