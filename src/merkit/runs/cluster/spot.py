"""The long recordings of a run on a cluster: look, deal, hand over, wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from merkit.progress import Progress, silent
from merkit.runs.cluster.crew import Crew
from merkit.runs.cluster.executor import check_options
from merkit.runs.cluster.packing import packed
from merkit.runs.cluster.train import refuse_lost, share_of
from merkit.runs.cluster.work import SpotWork, unread_mark
from merkit.runs.config import EvaluateConfig
from merkit.runs.folder import CLUSTER
from merkit.runs.provenance import code_hash
from merkit.runs.spots import Keyed, keys_of, missing
from merkit.runs.watched import spot_store
from merkit.types import Recording


def spot_on_cluster(
    config: EvaluateConfig, recordings: Sequence[Recording], progress: Progress = silent
) -> None:
    """Have jobs spot every recording that the store lacks, but for those that cannot be read. It
    may be killed and begun again, as ``train_on_cluster``.

    Raises:
        MissingPackageError, ConfigError, ClusterError: as ``train_on_cluster``.
    """
    check_options(config)
    store = spot_store(config)
    keyed, _ = keys_of(recordings, store, progress)
    todo = missing(keyed, store)
    if not todo:
        return
    crew = Crew(config, config.out / CLUSTER)
    total, left, folder = len(keyed), [key for _, key in todo], store.folder
    works = _dealt(config, todo, crew)

    def tell() -> None:
        left[:] = [key for key in left if not (folder / key).is_dir()]
        progress("spotting recordings", total - len(left), total)

    crew.do(works, tell)
    refuse_lost(crew, f"{{n}} of {total} recordings were not spotted")


def _dealt(config: EvaluateConfig, todo: Sequence[Keyed], crew: Crew) -> list[SpotWork]:
    """The recordings in parts for a job each, without those that a job of an earlier head has."""
    share = share_of(config, len(todo))
    whole = SpotWork(code=code_hash(), share=share, config=config, recordings=tuple(todo))
    for entry in crew.ledger.open(whole.stage):
        its = tuple(one for one in whole.recordings if one[0].recording_id in entry.parts)
        if crew.find(entry, replace(whole, recordings=its)):
            rest = tuple(one for one in whole.recordings if one not in its)
            whole = replace(whole, recordings=rest)
    sizes = [_size(recording.media) for recording, _ in whole.recordings]
    for _, key in whole.recordings:  # it may have been mended since an earlier run
        unread_mark(config, key).unlink(missing_ok=True)
    parts = packed(whole.recordings, sizes, config.jobs)
    return [replace(whole, recordings=part) for part in parts]


def _size(media: Path) -> float:
    """Bytes of a recording: what there is to be read of it."""
    files = [media] if media.is_file() else [*media.iterdir()]
    return float(sum(file.stat().st_size for file in files))
