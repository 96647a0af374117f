"""The long recordings of a run on a cluster: look, deal, hand over, wait."""

from __future__ import annotations

from collections.abc import Sequence

from merkit.progress import Progress, silent
from merkit.runs.cluster.crew import Crew
from merkit.runs.cluster.executor import check_options
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
    share = share_of(config, len(todo))
    whole = SpotWork(code=code_hash(), share=share, config=config, items=tuple(todo))
    works = crew.dealt(whole, _size)
    for work in works:
        for _, key in work.items:  # it may have been mended since an earlier run
            unread_mark(config, key).unlink(missing_ok=True)

    def tell() -> None:
        left[:] = [key for key in left if not (folder / key).is_dir()]
        progress("spotting recordings", total - len(left), total)

    crew.do(works, tell)
    refuse_lost(crew, f"{{n}} of {total} recordings were not spotted")


def _size(item: Keyed) -> float:
    """Bytes of a recording: what there is to be read of it."""
    media = item[0].media
    files = [media] if media.is_file() else [*media.iterdir()]
    return float(sum(file.stat().st_size for file in files))
