"""A finished run, written and read in one place: run.json, metrics.json, predictions.parquet.

Their fields are a contract (docs/architecture.md).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pandas as pd
from jinja2 import TemplateError

from merkit.config import validated
from merkit.errors import ConfigError, MissingDataError, StoreError
from merkit.files import read_json, write_json
from merkit.scoring.scores import Scores
from merkit.scoring.subjects import Pooling, SubjectTables, tabulate
from merkit.scoring.unit_scores import UnitScores
from merkit.tables import read_parquet, write_parquet

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")
#: of run.json
FORMAT = 1
RECOGNITION = "recognition"
_ANY_FIELDS = {"identity", "settings"}
_RUN_FIELDS = {"identity", "settings", "fold_hash", "classes", "method_marks", "refused_clips"}
COLUMNS = ["clip_id", "subject", "dataset", "fold", "seed"]
#: what computing with, or showing, a value that merkit did not write may raise
_FOREIGN_VALUE = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    TemplateError,
)
AGAIN = "run the same 'merkit evaluate' again; it goes on where it stopped"


@dataclass(frozen=True)
class AnyResult(ABC):
    """A finished run: ``document`` of run.json, ``scores`` of metrics.json, and ``predictions``,
    one row a test prediction: clip_id, subject, dataset, fold, seed, and what each task adds.
    ``told_apart``: what its labels are, in words."""

    told_apart: ClassVar[str]

    folder: Path
    document: Mapping[str, Any]
    scores: Scores | UnitScores
    predictions: pd.DataFrame
    name: str = ""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the evaluation, with those of the method in full."""
        return dict(self.document["settings"])

    @property
    def method(self) -> str:
        """Registered name of the method."""
        return str(self.settings["method"])

    @property
    def data(self) -> str:
        """The databases, as named in the settings."""
        return ", ".join(self.settings["data"])

    @property
    def seeds(self) -> tuple[int, ...]:
        """Training seeds, ascending."""
        return tuple(sorted(int(s) for s in self.predictions.seed.unique()))

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """Names of what is told apart."""

    @property
    @abstractmethod
    def truth(self) -> list[str]:
        """The columns of ``predictions`` that hold the true labels."""

    def tables(self, seeds: Sequence[int], pooling: Pooling) -> SubjectTables:
        """The predictions of these seeds by subject, to be scored again or beside another run's."""
        return self._counted(self.predictions[self.predictions.seed.isin(seeds)], pooling)

    @abstractmethod
    def _counted(self, predictions: pd.DataFrame, pooling: Pooling) -> SubjectTables:
        """The predictions by subject."""

    def write(self) -> None:
        """Write metrics.json and predictions.parquet, each whole or not at all."""
        write_parquet(self.folder / "predictions.parquet", self.predictions)
        write_json(self.folder / "metrics.json", asdict(self.scores))


@dataclass(frozen=True)
class Result(AnyResult):
    """A finished run of task ``recognition``; ``predictions`` have y_true, y_pred, p_<class>."""

    told_apart: ClassVar[str] = "classes"

    scores: Scores

    @property
    def labels(self) -> tuple[str, ...]:
        return self.scores.classes

    @property
    def truth(self) -> list[str]:
        return ["y_true"]

    def _counted(self, predictions: pd.DataFrame, pooling: Pooling) -> SubjectTables:
        return tabulate(predictions, len(self.scores.classes), pooling)


def read_task(folder: Path) -> str:
    """The task of a run: recognition, au, spotting or spot-recognise.

    Raises:
        MissingDataError, StoreError: as ``read_document``.
    """
    return str(_read_any(folder).get("task", RECOGNITION))  # older runs do not say


def read_document(folder: Path, task: str = RECOGNITION) -> dict[str, Any]:
    """The content of ``run.json`` of a run of this task.

    Raises:
        MissingDataError: no such run.
        StoreError: not readable, or of another format.
        ConfigError: a run of another task.
    """
    found = read_task(folder)
    if found != task:
        raise ConfigError(
            f"{folder} is a run of task '{found}'",
            f"one of task '{task}'",
            f"look at it by itself: merkit report {folder}",
        )
    fields = _RUN_FIELDS if task == RECOGNITION else _ANY_FIELDS
    return read_json(folder / "run.json", fields, "a run.json of merkit")


def _read_any(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    if not path.is_file():
        raise MissingDataError(
            f"{folder} is no run folder (it has no run.json)", "a folder that merkit wrote"
        )
    document = read_json(path, _ANY_FIELDS, "a run.json of merkit")
    if document.get("format") != FORMAT:
        raise StoreError(f"{path} has format {document.get('format')}", f"format {FORMAT}")
    return document


@contextmanager
def as_written(folders: Sequence[Path]) -> Iterator[None]:
    """What is computed of runs whose files somebody changed fails anywhere; say whose fault it is.

    Raises:
        StoreError: in place of the errors of Python that missing or foreign values lead to.
    """
    try:
        yield
    except _FOREIGN_VALUE as error:
        raise StoreError(
            f"{', '.join(map(str, folders))}: a value is not as merkit wrote it "
            f"({type(error).__name__}: {str(error)[:200]})",
            "finished runs as merkit wrote them",
            AGAIN,
        ) from error


def read_scores(folder: Path) -> Scores:
    """The content of ``metrics.json``.

    Raises:
        StoreError: the run is not finished, or the file is damaged.
    """
    return read_metrics(folder, Scores)


def read_metrics(folder: Path, kind: type[S]) -> S:
    """The content of ``metrics.json`` as a dataclass of scores.

    Raises:
        StoreError: the run is not finished, or the file is damaged.
    """
    path = folder / "metrics.json"
    if not path.is_file():
        raise StoreError(
            f"{folder} has no metrics.json: the run is not finished", "a finished run", AGAIN
        )
    wanted = "JSON written by merkit"
    content = read_json(path, [field.name for field in fields(kind)], wanted, AGAIN)
    return validated(kind, content, path, wanted, AGAIN)


def read_result(folder: Path, name: str = "") -> Result:
    """A finished run.

    Raises:
        MissingDataError: no such run.
        StoreError: a run that is not finished, or damaged.
    """
    document, scores = read_document(folder), read_scores(folder)
    path = folder / "predictions.parquet"
    try:
        predictions = read_parquet(path)
        predictions[[*COLUMNS, "y_true", "y_pred"]]
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{path} cannot be read: {error}", "a finished run", AGAIN) from None
    return Result(folder, document, scores, predictions, name or folder.name)


def short_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """The last parts of each path, as many as it takes to make all of them different."""
    longest = max((len(path.parts) for path in paths), default=1)
    for length in range(1, longest + 1):
        names = tuple("/".join(path.parts[-length:]) for path in paths)
        if len(set(names)) == len(names):
            break
    return names
