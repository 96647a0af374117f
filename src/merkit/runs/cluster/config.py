"""Where a run is computed, as settings; none of them decides a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from merkit.config import check_settings

Cluster: TypeAlias = Literal["none", "local", "slurm"]


@dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """Whether folds, and long recordings to be spotted, go to other processes or machines, and how
    many jobs they become.

    Args:
        cluster: ``slurm`` hands them to SLURM as jobs, ``local`` to as many processes of this
            machine, ``none`` does them here. The run folder and the store must be seen by all.
        jobs: that many at a time, of all runs together; the folds of a run are dealt to as many.
        tries: a job that dies is handed over again for what is missing, until it has died so often
            without storing anything.
        cluster_option: parameters of submitit, by its names.
    """

    cluster: Cluster = "none"
    jobs: int = 8
    tries: int = 3
    cluster_option: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted = {
            "jobs": (self.jobs >= 1, "1 or more"),
            "tries": (self.tries >= 1, "1 or more"),
        }
        check_settings(self, "", wanted)

    @property
    def on_cluster(self) -> bool:
        """Whether folds are trained elsewhere than in this process and its workers."""
        return self.cluster != "none"
