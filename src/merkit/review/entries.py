"""The videos of a project, by the files that know them."""

from __future__ import annotations

from pathlib import Path

from merkit.review.entry import VideoEntry, load_entry


def entries(project: Path) -> list[VideoEntry]:
    """Every video of a project, also those taken out, in the order in which they were added.

    Raises:
        StoreError: what is known of one is damaged.
    """
    found = map(load_entry, (project / "videos").glob("v*/video.json"))
    return sorted(found, key=lambda entry: (len(entry.id), entry.id))


def new_id(project: Path) -> str:
    """An id that nothing of the project has, not even a review of a video that is gone."""
    names = [path.name for path in (project / "videos").glob("v*")]
    names += [path.stem for path in (project / "reviews").glob("*/v*.jsonl")]
    numbers = [int(name[1:]) for name in names if name[1:].isdecimal()]
    return f"v{max(numbers, default=0) + 1:03d}"
