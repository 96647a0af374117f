"""One error family. Every message says what was found, what was wanted, and what to do next.

The command line prints the message without a traceback and exits with ``exit_code``:
2 for wrong usage or bad input, 3 for something missing, 1 for a bug of ours.
"""

from __future__ import annotations


class MerkitWarning(UserWarning):
    """Something the user should know, that does not stop the work."""


class MerkitError(Exception):
    """Base of every error that merkit raises on purpose.

    Args:
        found: what was found, with the value, path or count in it.
        wanted: what would have been right; empty when ``found`` makes it plain.
        fix: the next thing to do; empty when there is nothing to say.
    """

    exit_code = 2

    def __init__(self, found: str, wanted: str = "", fix: str = "") -> None:
        self.found, self.wanted, self.fix = found, wanted, fix
        parts = [found]
        if wanted:
            parts.append(f"  wanted: {wanted}")
        if fix:
            parts.append(f"  do: {fix}")
        super().__init__("\n".join(parts))

    def __reduce__(self) -> tuple[type[MerkitError], tuple[str, str, str]]:
        return type(self), (self.found, self.wanted, self.fix)


class ConfigError(MerkitError):
    """A setting has an unknown name or an impossible value."""


class VideoError(MerkitError):
    """A video file or image folder cannot be read."""


class LeftOutError(VideoError):
    """A clip that the recipe leaves out on purpose, as the authors of a method did."""


class FaceError(MerkitError):
    """No usable face, or landmarks of the wrong form."""


class DatasetError(MerkitError):
    """A database's folder or annotation is not what its adapter expects."""


class StoreError(MerkitError):
    """A stored sample, run folder or model folder is broken or of another version."""


class LeakError(MerkitError):
    """Knowledge of a test subject would reach training. Names the clip and the rule."""


class WorkerError(MerkitError):
    """A process that did a part of the work ended before it was done."""


class ClusterError(MerkitError):
    """Jobs of a cluster died again and again. Names them and their logs."""


class MissingError(MerkitError):
    """Base of the errors about something that is not there."""

    exit_code = 3


class MissingWeightsError(MissingError):
    """Pretrained weights cannot be had."""


class MissingDataError(MissingError):
    """A file or folder that was named does not exist."""


class HubError(MissingError):
    """The Hugging Face Hub cannot be reached, or refuses."""


class MissingPackageError(MissingError):
    """An optional package is not installed."""
