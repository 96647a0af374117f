"""The databases. Adding one is one file beside these and one line here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from merkit.datasets.base import Database
from merkit.datasets.label_maps import TaskMap, label_maps
from merkit.errors import ConfigError, MissingDataError
from merkit.labels import GENERIC_MAPS, LabelMap
from merkit.registry import Registry
from merkit.types import Clip, Recording

DATASETS: Registry[Database] = Registry(
    "database",
    {
        "synthetic": "merkit.datasets.synthetic:DATABASE",
        "casme2": "merkit.datasets.casme2:DATABASE",
        "samm": "merkit.datasets.samm:DATABASE",
        "smic": "merkit.datasets.smic:DATABASE",
        "smic-e": "merkit.datasets.smic:LONG",
        "casme3": "merkit.datasets.casme3:DATABASE",
        "meview": "merkit.datasets.meview:DATABASE",
        "4dme": "merkit.datasets.fourdme:DATABASE",
        "dfme": "merkit.datasets.dfme:DATABASE",
        "mmew": "merkit.datasets.mmew:DATABASE",
        "name": "merkit.datasets.manifest:NAME",
        "casme-squared": "merkit.datasets.casme_squared:DATABASE",
        "samm-long": "merkit.datasets.samm:LONG",
        "megc2019": "merkit.datasets.megc2019:DATABASE",
        "flow-maps": "merkit.datasets.flow_maps:DATABASE",
        "manifest": "merkit.datasets.manifest:DATABASE",
    },
    group="merkit.databases",
)


def load_dataset(
    name: str,
    root: Path | str,
    variant: str = "",
    corrections: str = "certain",
    alias: str = "",
) -> tuple[Clip, ...]:
    """Every annotated clip of a database below ``root``, sorted by clip id; every person of it in
    one spelling (:mod:`merkit.subjects`).

    Args:
        corrections: ``none``, the sheet as distributed; ``certain``, its known errors
            corrected and noted in ``Clip.raw``; ``all``, also what public code puts in for
            missing or doubtful values (:mod:`merkit.datasets.corrections`).
        alias: what clips and people carry in place of the database's name, such as
            ``synthetic:slow``.

    Raises:
        ConfigError: unknown database or variant.
        MissingDataError: ``root`` is not a folder.
        DatasetError: the annotation is not as the adapter expects, or a clip's folder holds a
            link that leads out of ``root``.
    """
    from merkit.datasets.corrections import apply_corrections
    from merkit.datasets.layout import refuse_links_out
    from merkit.datasets.people import one_spelling_each

    database, root, variant = _opened(name, root, variant)
    clips = database.load(root, variant)
    refuse_links_out((clip.media for clip in clips), root)
    clips = one_spelling_each(apply_corrections(clips, corrections))
    if not alias:
        return clips
    return tuple(replace(c, dataset=alias, clip_id=f"{alias}/{c.clip_id}") for c in clips)


def load_recordings(
    name: str,
    root: Path | str,
    variant: str = "",
    corrections: str = "certain",
    alias: str = "",
) -> tuple[Recording, ...]:
    """Every long recording of a database with its events, micro and macro, sorted by id; as
    ``load_dataset`` in all else.

    Raises:
        ConfigError: also a database that has none.
        MissingDataError, DatasetError: as ``load_dataset``.
    """
    from merkit.datasets.corrections import apply_corrections
    from merkit.subjects import one_spelling

    database, root, variant = _opened(name, root, variant)
    if database.recordings is None:
        usable = [n for n, d in DATASETS.load_all()[0].items() if d.recordings is not None]
        raise ConfigError(f"database '{name}' has no long recordings", f"one of {usable}")
    found = database.recordings(root, variant)
    used = one_spelling(recording.subject for recording in found)
    before, named = f"{alias}/" if alias else "", []
    for r in found:
        subject, dataset = used.get(r.subject, r.subject), alias or r.dataset
        events = tuple(
            replace(e, subject=subject, dataset=dataset, clip_id=before + e.clip_id)
            for e in apply_corrections(r.events, corrections)
        )
        own = before + r.recording_id
        named.append(Recording(own, dataset, subject, r.media, r.fps_hz, events))
    return tuple(named)


def _opened(name: str, root: Path | str, variant: str) -> tuple[Database, Path, str]:
    """A database, its folder, and the variant, the usual one where none was named."""
    database, folder = DATASETS[name], Path(root)
    if variant and variant not in database.variants:
        raise ConfigError(
            f"database '{name}' has no variant '{variant}'", f"one of {list(database.variants)}"
        )
    if not folder.is_dir():
        raise MissingDataError(
            f"{folder} is not a folder", f"the folder of {database.title}", database.request
        )
    return database, folder, variant or database.usual_variant(folder)


def label_map(database: str, name: str) -> LabelMap:
    """A map by its full name, by an alias of the database ("3"), or a generic one.

    Raises:
        ConfigError: none has this name.
    """
    known = database in DATASETS
    own = DATASETS[database].label_maps if known else label_maps(database)
    for task in own:
        if name == task.name or (isinstance(task, TaskMap) and name == task.alias):
            return task
    if name in GENERIC_MAPS:
        return GENERIC_MAPS[name]
    names = list(dict.fromkeys([*(task.name for task in own), *GENERIC_MAPS]))
    raise ConfigError(f"database '{database}' has no label map '{name}'", f"one of {names}")
