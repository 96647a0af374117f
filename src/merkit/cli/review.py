"""``merkit review``: what coders made of a project, for tables, papers and training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from merkit.cli.options import parse
from merkit.errors import ConfigError

if TYPE_CHECKING:
    from merkit.review.agreement import Agreement, Kappa

_USAGE = """usage: merkit review export PROJECT --coder NAME --out FILE
       merkit review agreement PROJECT --coders NAME NAME
       merkit review dataset PROJECT --coder NAME --out FOLDER"""


def run(words: Sequence[str]) -> int:
    actions = {"export": _export, "agreement": _agreement, "dataset": _dataset}
    if not words or words[0] in ("-h", "--help"):
        print(_USAGE)
        return 0
    if words[0] not in actions:
        known = ", ".join(f"review {name}" for name in actions)
        raise ConfigError(f"unknown action 'review {words[0]}'", known)
    return actions[words[0]](words[1:])


@dataclass(frozen=True)
class ExportOptions:
    """Write what a coder made of the videos of a project, as 'merkit predict' writes what it found.

    Rejected events are left out, corrected ones have their new times and names, what is excluded
    is a stretch.
    """

    project: Annotated[Path, tyro.conf.Positional]
    """the folder of the project"""
    coder: str
    """whose review"""
    out: Path = Path("reviewed.csv")
    """the file to write; its suffix says what it holds: .csv, .json or another exporter's"""
    format: str = ""
    """name of the exporter; empty: that of the file's suffix"""
    overwrite: bool = False
    """replace an existing file"""


def _export(words: Sequence[str]) -> int:
    options = parse(ExportOptions, "review export", words)
    from merkit.export import check_target
    from merkit.review.export import write_reviewed
    from merkit.review.project import Project

    project = Project.open(options.project)
    coder = project.known_coder(options.coder)
    videos = [entry.path for entry in project.videos() if entry.analysed]
    check_target(options.out, options.overwrite, options.format, videos)
    _, analyses = write_reviewed(project, coder, options.out, options.format)
    n_events = sum(len(analysis.events) for analysis in analyses)
    print(f"{_count(len(analyses), 'video')}, {_count(n_events, 'event')}: {options.out}")
    return 0


@dataclass(frozen=True)
class AgreementOptions:
    """How far two coders agree on the videos that both have reviewed."""

    project: Annotated[Path, tyro.conf.Positional]
    """the folder of the project"""
    coders: tuple[str, str]
    """two names"""
    json: Path | None = None
    """also write the numbers to this file"""


def _agreement(words: Sequence[str]) -> int:
    options = parse(AgreementOptions, "review agreement", words)
    from dataclasses import asdict

    from merkit.files import check_new_file, write_json
    from merkit.review.agreement import project_agreement
    from merkit.review.project import Project

    if options.json is not None:
        check_new_file(options.json, True, "--json")
    found = project_agreement(Project.open(options.project), *options.coders)
    print("\n".join(agreement_lines(found)))
    if options.json is not None:
        write_json(options.json, asdict(found))
    return 0


def agreement_lines(found: Agreement) -> list[str]:
    """The agreement in words."""
    one, other = found.coders
    iou = f", mean IoU {found.mean_iou:.3f}" if found.matched else ""
    lines = [
        f"{one} and {other}: {_count(found.n_videos, 'video')} that both have reviewed",
        f"  events that both have (IoU 0.5 or more): {found.matched}{iou}",
        f"  only {one}: {found.only[0]}, only {other}: {found.only[1]}",
    ]
    for edge in found.edges if found.matched else ():
        lines.append(
            f"  {edge.edge}: {edge.mean_frames:.1f} frames apart on the mean "
            f"(median {edge.median_frames:.1f}, {other} later by {edge.bias_frames:+.1f})"
        )
    lines.append(f"  classes of matched events: {_kappa(found.classes)}")
    lines.append(f"  verdicts on found events: {_kappa(found.verdicts)}")
    if found.left_out:
        lines.append(f"  left out, not reviewed by both: {', '.join(found.left_out)}")
    return lines


def _kappa(found: Kappa) -> str:
    told = f"{found.alike} of {found.n} alike, " if found.n else ""
    value = f"{found.value:.3f}" if isfinite(found.value) else f"undefined ({found.why})"
    return f"{told}Cohen's kappa {value}"


@dataclass(frozen=True)
class DatasetOptions:
    """Write reviewed micro-expressions as a database: 'merkit data check manifest --root FOLDER'
    checks it, 'merkit evaluate' and 'merkit train --data manifest --root FOLDER' learn from it.

    Videos stay where they are.
    """

    project: Annotated[Path, tyro.conf.Positional]
    """the folder of the project"""
    coder: str
    """whose review"""
    out: Path
    """the folder to write"""
    subjects: Path | None = None
    """a table that says who is seen: columns video (id or file name) and subject; it is kept in the
    project. Without one every video is a person of its own"""
    overwrite: bool = False
    """replace a database that was written before"""


def _dataset(words: Sequence[str]) -> int:
    options = parse(DatasetOptions, "review dataset", words)
    from merkit.review.dataset import check_folder, write_dataset
    from merkit.review.project import Project
    from merkit.review.subjects import read_subjects

    check_folder(options.out, options.overwrite)
    project = Project.open(options.project)
    if options.subjects is not None:
        with project.writing():
            for video_id, subject in read_subjects(options.subjects, project).items():
                project.set_subject(video_id, subject)
    made = write_dataset(project, options.coder, options.out, options.overwrite)
    print(f"{made.folder}: {_count(made.clips, 'clip')} of {_count(made.subjects, 'subject')}")
    if made.unnamed:
        print(f"{made.unnamed} without a label: a training on classes leaves them out")
    if len(made.alone) > 1:
        print(
            f"nobody said who is seen in {', '.join(made.alone)}: each counts as a person of its "
            "own.\nIf one person is in several, a score would be measured on people that the model "
            "knows.\nSay who is who: --subjects FILE, a table with the columns video,subject"
        )
    print(f"next: merkit data check manifest --root {made.folder}")
    return 0


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
