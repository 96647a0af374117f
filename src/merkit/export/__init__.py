"""Writing what was found in videos for people and programs: tables, and files of the programs that
code behaviour."""

from merkit.export.exporter import (
    EXPORTERS,
    Exporter,
    check_target,
    choose_exporter,
    held_by,
    write_events,
)

__all__ = [
    "EXPORTERS",
    "Exporter",
    "check_target",
    "choose_exporter",
    "held_by",
    "write_events",
]
