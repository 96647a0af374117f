"""The card of a recogniser: how it was made, on what, measured where, what it is not for."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from merkit.config import flat, to_mapping
from merkit.references import NOT_ABOUT_A_PERSON
from merkit.teaching.config import TeachConfig
from merkit.teaching.held_out import Marks

_NOT_FOR = f"""\
## What it is not for

{fill(NOT_ABOUT_A_PERSON, 100)}

This recogniser never saw a person. It says which of three classes the muscle movement of a
micro-expression resembles, as published coding tables pair movements with emotions. Faces
that the face model's people do not resemble (children, faces changed by injury, surgery or
paralysis, faces partly covered) were not simulated. It abstains where it cannot tell; that it does
not abstain is no proof.
"""


def card(config: TeachConfig, facts: Mapping[str, Any], marks: Marks) -> str:
    """Text of CARD.md, in Markdown."""
    units = ", ".join(f"{unit}: {f1:.2f}" for unit, f1 in marks.unit_f1.items())
    off = ", ".join(config.without) or "none"
    clips = f"{config.count:,} sequences of region motion"
    if config.recogniser == "sim-flow":
        clips = (
            f"{config.count:,} maps of flow estimated between textured pictures and "
            f"{config.geometric:,} of exact flow with imitated noise"
        )
    networks = config.teachers + config.unit_teachers
    network = "one network"
    if networks > 1:
        network = f"{networks} networks, and one that learned to answer as they do in the mean"
    return f"""\
# {config.recogniser}

A recogniser of micro-expressions that was trained on simulated faces alone: three classes
(negative, positive, surprise), twelve action units on the left and right of the person, and
whether anything moved at all.

## How it was made

{_command(config)}

{facts["minutes"]:g} minutes with merkit {facts["merkit"]} and torch {facts["torch"]};
{clips};
{network}. Dials switched off: {off}. The logits were divided by
temperatures fitted on held-out simulation. `config.json` holds every setting. The same command
makes it again; with the same seed the scores below move by less than 0.01.

## On what

No picture of a person. A parametric face (`{facts["face_model_sha256"][:16]}`, docs/simulate.md)
moved by action units, with the tables of merkit that pair units with shapes and emotions with
units, each row with its source.

## Measured where

On {marks.clips:,} simulated clips of people that no training saw: UF1 {marks.uf1:.3f}, expected
calibration error {marks.calibration_error:.3f}, mean F1 of the action units
{marks.mean_unit_f1:.3f} ({units}). It abstains on {marks.nothing_found:.0%} of the clips where
nothing moved, and on a twentieth of the others.

On real faces it does worse. docs/methods/{config.recogniser}.md has what was measured there, how
often, and how many designs were compared.

{_NOT_FOR}"""


def _command(config: TeachConfig) -> str:
    """What was asked for beside the defaults."""
    words = [f"merkit teach --recogniser {config.recogniser} --face-model FILE --out FOLDER"]
    default = TeachConfig()
    for name in ("count", "geometric", "held_out", "teachers", "unit_teachers", "seed"):
        value = getattr(config, name)
        if value != getattr(default, name):
            words.append(f"--{name.replace('_', '-')} {value}")
    words += [f"--without {' '.join(config.without)}"] if config.without else []
    for group in ("fit", "dials"):
        own, usual = flat(to_mapping(config)[group]), flat(to_mapping(default)[group])
        changed = {name: value for name, value in own.items() if usual.get(name) != value}
        words += [f"--set {group}.{name}={value}" for name, value in changed.items()]
    return "    " + " \\\n        ".join(words)
