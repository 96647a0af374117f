"""Reviewing what was found in videos: edits of coders, their journals, a project of plain files.

Nothing here needs torch.
"""

from merkit.review.analysis_file import load_analysis, save_analysis
from merkit.review.clock import Clock
from merkit.review.edits import Edit, EditConflict, EditKind
from merkit.review.entry import VideoEntry
from merkit.review.project import Project, ProjectConfig
from merkit.review.review import Review
from merkit.review.reviewed import reviewed_analysis
from merkit.review.things import Exclusion, Remark, ReviewedEvent

__all__ = [
    "Clock",
    "Edit",
    "EditConflict",
    "EditKind",
    "Exclusion",
    "Project",
    "ProjectConfig",
    "Remark",
    "Review",
    "ReviewedEvent",
    "VideoEntry",
    "load_analysis",
    "reviewed_analysis",
    "save_analysis",
]
