"""JSON: what the table holds, in full precision; null where there is nothing to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from merkit.export.exporter import Exporter
from merkit.files import write_json
from merkit.inference.analysis import Analysis


def _write(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    """One object a video, also of those in which nothing was found."""
    write_json(path, [_document(analysis) for analysis in analyses])


def _document(analysis: Analysis) -> dict[str, object]:
    events = [
        {**asdict(event), "duration_s": event.duration_s, "action_units": event.action_units}
        for event in analysis.events
    ]
    return {
        "video": str(analysis.video),
        "readable": analysis.readable,
        "problem": analysis.problem,
        "duration_s": analysis.duration_s,
        "face": analysis.face if analysis.n_faces else None,
        "faces": analysis.n_faces,
        "face_found_share": analysis.found_share,
        "turned_deg": analysis.turned_deg,
        "trained_on": list(analysis.trained_on),
        "events": events,
        "stretches": [asdict(stretch) for stretch in analysis.stretches],
    }


JSON = Exporter("json", "one object a video, in full precision", (".json",), _write)
