"""The settings of an evaluation, a training and a preparation; torch-free, so help is fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator

from merkit.config import check_settings
from merkit.errors import ConfigError
from merkit.labels import ACTION_UNITS
from merkit.protocols.config import ProtocolConfig
from merkit.runs.cluster.config import ClusterConfig

if TYPE_CHECKING:
    from merkit.methods.base import Method
    from merkit.training.loop import FitContext


#: What is scored: the class of annotated clips, their action units, when something moves in long
#: recordings, or the first of all that moves there.
Task: TypeAlias = Literal["recognition", "au", "spotting", "spot-recognise"]
#: The action units of CD6ME, which six databases share (Varanka et al. 2022, arXiv:2211.11425).
CD6ME_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)


def as_seeds(value: Any) -> Any:
    """Seeds from how many there are (3 is 0, 1, 2); anything else as it came."""
    if isinstance(value, int) and not isinstance(value, bool):
        return tuple(range(min(value, _MOST_SEEDS + 1)))
    return value


#: seeds that a run may be asked for; more is a slip of the hand
_MOST_SEEDS = 1000


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which clips, of which task.

    Args:
        data: database names (``merkit data list``); several for composite and
            cross-database protocols.
        root: the folder of each database, in the same order.
        variant: tree or part of each database; empty: its first.
        classes: label map: "3", "4", "5", "7" ... or the name of a map.
        store: where prepared samples are kept; by default ``.merkit`` in the user's cache.
        bad_clips: what to do when clips cannot be prepared: refuse, or skip and record them.
        workers: processes; 0: one a CPU core.
    """

    data: tuple[str, ...] = ()
    root: tuple[Path, ...] = ()
    variant: tuple[str, ...] = ()
    classes: str = "3"
    store: Path | None = None
    bad_clips: Literal["refuse", "skip"] = "refuse"
    workers: int = 0

    def __post_init__(self) -> None:
        check_settings(self, "", {"workers": (self.workers >= 0, "0 (one a core) or more")})

    def sources(self) -> tuple[tuple[str, Path, str], ...]:
        """(name, root, variant) of each database.

        Raises:
            ConfigError: no database, or not one root a database.
        """
        if not self.data:
            raise ConfigError("no database was named", "--data NAME --root FOLDER")
        if len(self.data) != len(self.root):
            raise ConfigError(
                f"{len(self.data)} database(s) but {len(self.root)} root folder(s)",
                "one --root for each --data, in the same order",
            )
        if self.variant and len(self.variant) != len(self.data):
            raise ConfigError(
                f"{len(self.data)} database(s) but {len(self.variant)} variant(s)",
                "one --variant for each --data, or none",
            )
        variants = self.variant or ("",) * len(self.data)
        return tuple(zip(self.data, self.root, variants, strict=True))

    def alias(self, name: str, root: Path) -> str:
        """What stands for the name of a database that is given twice, as several synthetic ones, so
        that clips and people stay apart; "" for the others."""
        return f"{name}:{root.resolve().name}" if self.data.count(name) > 1 else ""


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """Which method, and what to change of its defaults.

    Args:
        method: a name of ``merkit models``.
        model: settings of the method (``merkit models NAME`` lists them).
        recipe: settings of its preprocessing.
        training: settings of its training.
        init: what the method starts from: a recogniser that merkit brings, such as ``sim-flow``, or
            the folder of one; ``random``, weights of its own; empty: as it does by itself.
        device: ``auto`` takes a GPU where there is one.
        threads: CPU threads of one training; folds run side by side, so one is the default
            and makes a score independent of the number of workers.
        bf16: train in bfloat16 mixed precision where the machine can; else in float32, which is
            told.
        tf32: multiply float32 matrices in TensorFloat-32, 10 bits of mantissa, where the device
            has it (NVIDIA GPUs since Ampere); several times as fast there.
        token_memory_gb: gigabytes of cached tokens (of what is frozen in an encoder) that each
            training holds in memory, on the GPU where there is one; where they need more, each
            batch is read from the store. Null: half of a GPU's memory; 0.1 on a CPU, where what
            was read from the store lies in memory that all trainings share.
    """

    method: str = "sfa-dgat"
    model: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    init: str = ""
    device: str = "auto"
    threads: int = 1
    bf16: bool = False
    tf32: bool = False
    token_memory_gb: float | None = None

    def __post_init__(self) -> None:
        held = self.token_memory_gb
        wanted = {
            "threads": (self.threads >= 1, "1 or more"),
            "token_memory_gb": (held is None or held >= 0, "0 (read each batch) or more, or null"),
        }
        check_settings(self, "", wanted)

    def make(self) -> Method:
        """The method with these settings.

        Raises:
            ConfigError: an unknown method, setting, value or start.
            MissingWeightsError, StoreError: what it starts from is not there, or damaged.
        """
        from merkit.methods import make_method

        return make_method(self.method, self.model, self.training, self.recipe, self.init)

    def context(self, seed: int = 0) -> FitContext:
        """What a training of these settings is told beside method and data.

        Raises:
            ConfigError: a device that is not there.
        """
        from merkit.training.device import choose_device
        from merkit.training.loop import FitContext

        device, held = choose_device(self.device), self.token_memory_gb
        return FitContext(seed, device, self.threads, self.bf16, self.tf32, held)


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(DataConfig, MethodConfig, ClusterConfig):
    """One evaluation: data, method, protocol, and where the run goes.

    Task ``spotting`` finds micro- and macro-expressions in the long recordings of a database and
    scores when they were found. Nothing is trained: of these settings it reads the data, ``spot``,
    ``track`` and ``missing_offset``. Task ``spot-recognise`` also has the method, trained on the
    annotated clips of other subjects, name the class of each micro-expression that was found.

    Task ``au`` names the action units of annotated clips, each by itself, whatever their emotion:
    ``classes`` is not read, and clips that nobody coded are left out.

    Args:
        out: the run folder. A folder with a part of the same run is resumed.
        task: ``recognition`` of annotated clips, ``au`` their action units, ``spotting`` in long
            recordings, or ``spot-recognise``, the first and third.
        units: numbers of the action units that task ``au`` names; any side counts.
        uncertain_units: whether a unit counts as shown where its coder was not sure.
        unit_threshold: a unit is called where its probability is this or more; null: where the
            method says, which chose it on what it was trained on, and 0.5 where it says nothing.
        spot: settings of spotting, for the tasks on long recordings.
        track: settings of the face tracker while spotting.
        missing_offset: what an annotated event without an offset is, in spotting: one that ends
            at its apex, as public code has it, or none (``leave_out``).
        protocol: how clips are divided.
        seeds: every fold is trained once a seed: how many (5 is 0 to 4), or a list of them. Over
            several, the report tells how far they spread.
        oracle_epoch: also record what choosing each fold's epoch on its test clips would
            give, as much published work does; reported as leaked, never as the score.
        shuffle_labels: control: shuffle labels among each fold's training clips; an honest
            pipeline then scores at chance.
        resamples: subject resamples of the intervals.
        plain: train each fold by itself; else many folds and seeds are trained at once where a
            short measurement says that it is faster. ``run.json`` tells which way was taken.
        memory_gb: what trainings at once may take, of all processes together.
        metric_pooling: ``pooled`` sums confusion matrices over folds before scoring;
            ``fold_mean`` scores each fold and takes the mean, as some published targets do.
    """

    out: Path = Path("runs/run")
    task: Task = "recognition"
    units: tuple[int, ...] = CD6ME_UNITS
    uncertain_units: bool = True
    unit_threshold: float | None = None
    spot: Mapping[str, Any] = field(default_factory=dict)
    track: Mapping[str, Any] = field(default_factory=dict)
    missing_offset: Literal["apex", "leave_out"] = "apex"
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    seeds: Annotated[tuple[int, ...], BeforeValidator(as_seeds)] = (0,)
    oracle_epoch: bool = False
    shuffle_labels: bool = False
    resamples: int = 2000
    metric_pooling: Literal["pooled", "fold_mean"] = "pooled"
    plain: bool = False
    memory_gb: float = 4.0

    def __post_init__(self) -> None:
        DataConfig.__post_init__(self)
        MethodConfig.__post_init__(self)
        ClusterConfig.__post_init__(self)
        different = 0 < len(self.seeds) == len(set(self.seeds))
        coded = 0 < len(self.units) == len(set(self.units) & set(ACTION_UNITS))
        wanted = {
            "units": (coded, f"one or more different ones of {', '.join(map(str, ACTION_UNITS))}"),
            "unit_threshold": (
                self.unit_threshold is None or 0 < self.unit_threshold < 1,
                "between 0 and 1, or null",
            ),
            "seeds": (
                different and min(self.seeds) >= 0 and len(self.seeds) <= _MOST_SEEDS,
                f"how many, 1 to {_MOST_SEEDS}, or a list of different ones from 0",
            ),
            "resamples": (self.resamples >= 1, "1 or more"),
            "memory_gb": (self.memory_gb > 0, "above 0"),
        }
        check_settings(self, "", wanted)


@dataclass(frozen=True, kw_only=True)
class FinalConfig(DataConfig, MethodConfig):
    """A final model on all subjects but those held out for choosing the epoch.

    Args:
        out: the model folder to write.
        seed: of weights, order and augmentation.
        val_share: share of subjects held out for choosing the epoch.
    """

    out: Path = Path("model")
    seed: int = 0
    val_share: float = 0.1

    def __post_init__(self) -> None:
        DataConfig.__post_init__(self)
        MethodConfig.__post_init__(self)
        check_settings(self, "", {"seed": (self.seed >= 0, "0 or more")})


@dataclass(frozen=True, kw_only=True)
class PrepareConfig(EvaluateConfig):
    """Make and store the samples that an evaluation with these settings would read, and spot the
    recordings that its task asks for.

    Takes the settings of an evaluation, so that one file serves both. Killed half-way, the same
    command goes on where it stopped.
    """
