"""Onset and offset of every event, one line each."""

from __future__ import annotations

from merkit.export import Exporter


def write(analyses, classes, path):
    rows = [f"{e.onset_s:.3f} {e.offset_s:.3f}\n" for a in analyses for e in a.events]
    path.write_text("".join(rows))


EXPORTER = Exporter("times", "onset and offset, one line an event", (".times",), write)
