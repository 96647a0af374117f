"""The door to protocols for arrays of features in place of clips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from merkit.config import from_mapping
from merkit.errors import ConfigError, LeakError
from merkit.protocols.config import PROTOCOLS, ProtocolConfig

if TYPE_CHECKING:
    from merkit.protocols.sklearn_splitter import FoldSplitter

#: settings of a protocol that have no place where there is a training and a test side alone
_OTHER_SIDES = ("val_share", "val_min_subjects", "adapt")


def splitter(name: str = "loso", **settings: Any) -> FoldSplitter:
    """A protocol as a splitter of scikit-learn: ``split(X, y, groups)``, for ``cross_validate``,
    ``GridSearchCV`` and whatever else takes ``cv``.

    ``groups`` are people, and two spellings of a name (``S01``, ``s1``) are one person. Protocols
    over several databases read them as ``database/person`` (``Clip.subject_key``). The whole
    training side is one: choose epochs and settings within it, by a splitter again.

    Args:
        name: of ``PROTOCOLS``.
        settings: of ``ProtocolConfig``, such as ``n_splits`` and ``seed``.

    Raises:
        ConfigError: an unknown protocol or setting, or a protocol that reads what such arrays
            do not hold.
        LeakError: a protocol that puts people on both sides.

    Example:
        >>> cross_val_score(model, X, y, groups=people, cv=splitter("loso"))  # doctest: +SKIP
    """
    protocol = PROTOCOLS[name]
    if protocol.subject_dependent:
        raise LeakError(
            f"protocol '{name}' puts the same people on both sides",
            "rule: every subject on one side only",
            "group_kfold keeps people together; merkit evaluate marks such a score where one "
            "has to be compared with a paper's",
        )
    if protocol.reads:
        raise ConfigError(
            f"protocol '{name}' divides by {protocol.reads}",
            "one that divides by people and databases: X, y and groups hold nothing else",
            "give scikit-learn's PredefinedSplit the side of each sample",
        )
    for setting in _OTHER_SIDES:
        if setting in settings:
            raise ConfigError(
                f"setting '{setting}' of a splitter, which has a training and a test side",
                "settings that say who is tested together, such as n_splits and seed",
                "divide the training side by another splitter to choose an epoch",
            )
    from merkit.protocols.sklearn_splitter import FoldSplitter

    return FoldSplitter(from_mapping(ProtocolConfig, {"name": name, "val_share": 0, **settings}))
