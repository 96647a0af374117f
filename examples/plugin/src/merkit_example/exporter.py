"""``subtitles``: the events of a video as SubRip subtitles, which any player shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from merkit.export import Exporter
from merkit.inference.analysis import Analysis


def write(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    """The kind of each event, its class where a model gave one, and its action units."""
    (analysis,) = analyses
    blocks = []
    for number, event in enumerate(analysis.events, 1):
        words = filter(None, (event.kind, event.label, event.action_units))
        span = f"{clock(event.onset_s)} --> {clock(event.offset_s)}"
        blocks.append(f"{number}\n{span}\n{', '.join(words)}\n")
    path.write_text("\n".join(blocks), encoding="utf-8")


def clock(time_s: float) -> str:
    """Hours, minutes, seconds and milliseconds: 3.5 is ``00:00:03,500``."""
    milliseconds = round(1000 * time_s)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d},{rest % 1000:03d}"


EXPORTER = Exporter(
    "subtitles", "subtitles of a video, one file each", (".srt",), write, one_video=True
)
