"""The settings of ``merkit simulate``; nothing heavy is imported, so help is fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from merkit.config import check_settings
from merkit.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """What samples are simulated from, and how.

    Args:
        face_model: the face model's file; none comes with merkit.
        seed: same seed, same samples; a larger count begins with the same ones.
        without: dials to switch off, such as blink.
        dials: any dial, as ``--set dials.pose.yaw_sd_rad=0.2``.
        action_units: a table of your own in place of merkit's.
        emotions: a table of your own in place of merkit's.
        workers: processes; 0: one a CPU core.
    """

    face_model: Path | None = None
    seed: int = 0
    without: tuple[str, ...] = ()
    dials: Mapping[str, Any] = field(default_factory=dict)
    action_units: Path | None = None
    emotions: Path | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        wanted = {
            "seed": (self.seed >= 0, "0 or more"),
            "workers": (self.workers >= 0, "0 (one a core) or more"),
        }
        check_settings(self, "", wanted)

    def model_file(self) -> Path:
        """The face model's file.

        Raises:
            ConfigError: none was named.
        """
        if self.face_model is None:
            fix = "docs/simulate.md says where one is had, and how its file is made"
            raise ConfigError("no face model was named", "--face-model FILE", fix)
        return self.face_model


@dataclass(frozen=True, kw_only=True)
class SimulateConfig(SourceConfig):
    """Simulate flow maps, or sequences of region motion, whose class and action units are known.

    A face model moves by the muscles' actions; same seed, same bytes. docs/simulate.md has the
    format of the face model's file, and every dial.

    Args:
        out: the ``.npz`` file to write.
        kind: onset-apex maps of flow ``estimated`` between textured pictures, or ``geometric``:
            exact, with noise; or ``sequences`` of the motion of eighteen regions.
        count: number of maps, or of sequences.
        overwrite: replace ``out``.
    """

    out: Path = Path("simulated.npz")
    kind: Literal["estimated", "geometric", "sequences"] = "estimated"
    count: int = 10_000
    overwrite: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_settings(self, "", {"count": (self.count >= 1, "1 or more")})
