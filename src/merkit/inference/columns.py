"""The columns of the table, and what each means."""

from __future__ import annotations

from collections.abc import Mapping

#: columns before the probabilities of classes and action units; times in seconds from the video's
#: start
MEANINGS: Mapping[str, str] = {
    "video": "the file, as it was named",
    "face": "place of the face that was followed; the leftmost is 0",
    "faces": "most faces that were seen at once",
    "kind": "what the row is: a movement, a stretch of which nothing can be told, or the video",
    "onset_s": "begin of the movement or stretch, seconds by the video's own clock",
    "apex_s": "height of the movement, seconds; stretches have none",
    "offset_s": "end of the movement or stretch, seconds",
    "onset_frame": "the begin as a frame: the first of a file is 0; of images, the name's digits",
    "apex_frame": "the height as a frame",
    "offset_frame": "the end as a frame",
    "duration_s": "end less begin, seconds; in the row of a whole video, its length",
    "label": "class with the highest probability; empty where it is not sure enough",
    "score": "the probability of that class, 0 to 1; not the chance that it is right",
    "action_units": "those called present, as FACS writes them: 1+L12 is 1 on both sides, 12 left",
    "regions": "what moved from onset to apex, the strongest first; sides are the person's own",
    "motion_px": "how far the strongest region moved, pixels of a face scaled to about 256 px",
    "motion_share": "the same in shares of the distance between the eye centres",
    "threshold_px": "what the movement had to exceed at that time, as motion_px",
    "quality": "how far the measurement can be trusted, 0 to 1",
    "reasons": "what lowers it, why there is no class, or why nothing can be told",
    "face_found": "share of the frames in which the face was seen, 0 to 1",
    "part": "of a stretch: what it is about, the face or the lower face",
    "trained_on": "databases of the model; synthetic and simulation are no real faces",
}
COLUMNS = tuple(MEANINGS)
#: columns of words; all others hold numbers
WORDS = frozenset(
    ("video", "kind", "label", "action_units", "regions", "reasons", "part", "trained_on")
)


def meaning(column: str) -> str:
    """Of any column, those of classes and action units among them."""
    if column in MEANINGS:
        return MEANINGS[column]
    if column.startswith("p_"):
        return f"probability of the class {column.removeprefix('p_')}, 0 to 1"
    return "probability of the action unit on that side of the person, 0 to 1"
