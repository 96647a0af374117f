"""What a coder does to a review, as values that a journal holds and a page sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, Literal, get_args

from pydantic import TypeAdapter, ValidationError

from merkit.errors import ConfigError, MerkitError
from merkit.types import EventKind

EditKind = Literal[
    "accept",
    "reject",
    "reopen",
    "relabel",
    "units",
    "move",
    "add",
    "remove",
    "exclude",
    "include",
    "note",
    "undo",
]
#: kind -> the values that it may carry: one or more of them, and what it needs, all
_TAKES: Mapping[str, tuple[str, ...]] = {
    "relabel": ("label", "event_kind"),
    "units": ("units",),
    "move": ("onset_frame", "apex_frame", "offset_frame", "first_frame", "last_frame"),
    "add": ("event_kind", "label", "units", "onset_frame", "apex_frame", "offset_frame", "text"),
    "exclude": ("first_frame", "last_frame", "text"),
    "note": ("text",),
}
_NEEDS_ALL: Mapping[str, tuple[str, ...]] = {
    "add": ("onset_frame", "offset_frame"),
    "exclude": ("first_frame", "last_frame"),
}
#: most characters of what may be written
_LONGEST = {"id": 80, "target": 80, "time": 40, "label": 100, "units": 200, "text": 10_000}


class EditConflict(MerkitError):
    """The same thing was changed meanwhile, from another page. ``current``: what it is now
    (``ReviewedEvent``, ``Exclusion`` or ``Remark``). Nothing was changed by the refused edit."""

    def __init__(self, found: str, wanted: str = "", fix: str = "", current: Any = None) -> None:
        super().__init__(found, wanted, fix)
        self.current = current


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing that a coder did.

    ``id``: of the edit, made by whoever sends it, so that a request that is sent twice is applied
    once. ``time``: UTC, ISO 8601. ``target``: id of the event or exclusion; ``video`` for a note
    on the whole; "" for what is new (``add``, ``exclude``), whose id is then given to it; for
    ``undo`` id of the edit to take back, "" for the last one. ``revision``: of the target, as
    the coder saw it. Other values are None where the edit does not set them.

    ``label``: class or emotion, "" for none. ``units``: as FACS writes them, ``1+2+L12``.
    ``first_frame`` and ``last_frame``: of an exclusion. ``text``: of a note, or why a stretch is
    excluded.

    Raises:
        ConfigError: no id, or a value that this kind of edit does not take, or lacks.
    """

    id: str
    kind: EditKind
    target: str = ""
    revision: int = 0
    time: str = ""
    event_kind: EventKind | None = None
    label: str | None = None
    units: str | None = None
    onset_frame: int | None = None
    apex_frame: int | None = None
    offset_frame: int | None = None
    first_frame: int | None = None
    last_frame: int | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(EditKind):
            raise ConfigError(
                f"an edit of kind '{self.kind}'", f"one of: {', '.join(get_args(EditKind))}"
            )
        if not self.id or self.revision < 0:
            raise ConfigError(
                f"edit '{self.id}' of revision {self.revision}", "an id, and a revision from 0 on"
            )
        self._check_values()
        for name, most in _LONGEST.items():
            if len(getattr(self, name) or "") > most:
                raise ConfigError(f"an edit whose {name} is too long", f"{most} characters at most")

    def _check_values(self) -> None:
        takes, needed = _TAKES.get(self.kind, ()), _NEEDS_ALL.get(self.kind, ())
        given = [name for name in _VALUES if getattr(self, name) is not None]
        if set(given) - set(takes) or set(needed) - set(given) or (takes and not given):
            wanted = f"of {', '.join(takes)}: one or more" if takes else "none"
            if needed:
                wanted += f", and in any case {' and '.join(needed)}"
            raise ConfigError(f"an edit of kind '{self.kind}' with the values {given}", wanted)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Edit:
        """An edit of plain values, such as those of a request or a line of a journal.

        Raises:
            ConfigError: an unknown name or an impossible value.
        """
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise ConfigError(f"an edit with {unknown}", "values that an edit has")
        try:
            return _adapter().validate_python(dict(values))
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise ConfigError(f"an edit whose {name} is wrong", first["msg"].lower()) from None

    def plain(self) -> dict[str, Any]:
        """The values that are set, ready for JSON; :meth:`of` reads them."""
        empty = {"target": "", "revision": 0, "time": ""}
        values = asdict(self).items()
        return {k: v for k, v in values if v is not None and not (k in empty and v == empty[k])}


_VALUES = tuple(f.name for f in fields(Edit))[5:]


@cache
def _adapter() -> TypeAdapter[Edit]:
    return TypeAdapter(Edit)
