"""Making the samples of a method: clip by clip as scripts do, and as ``merkit prepare`` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from merkit.bench.config import BenchPrepareConfig
from merkit.bench.cost import Cost, measured
from merkit.bench.searched import SearchingTracker
from merkit.datasets import load_dataset
from merkit.errors import ConfigError, MerkitError
from merkit.face.tracker import FaceTracker
from merkit.flow.config import Estimator
from merkit.progress import Progress, silent
from merkit.samples.prepare import SampleSet, prepare
from merkit.samples.recipes import FlowMapRecipe, Recipe, RegionFlowRecipe, RgbRecipe
from merkit.samples.remembered import forget_leftovers
from merkit.synthetic.write import write_database
from merkit.types import Clip, Frames, Sample
from merkit.video import read_frames
from merkit.workers import run_jobs, worker_count


@dataclass(frozen=True)
class RecipeBench:
    """One recipe. ``decoding``: of the frames that it reads, in one process, and nothing else.
    ``largest`` and ``mean``: difference of a value of the samples, in the unit of their array."""

    name: str
    plain: Cost
    ours: Cost
    decoding: Cost
    largest: float
    mean: float

    def lines(self, clips: int) -> list[str]:
        """What the terminal tells."""
        plain, ours = (clips / cost.seconds for cost in (self.plain, self.ours))
        bound = self.decoding.cpu_seconds / self.ours.cpu_seconds
        return [
            f"{self.name}: {plain:.2f} clips a second clip by clip, {ours:.2f} prepared: "
            f"{self.ours.against(self.plain)}",
            f"  decoding alone is {bound:.0%} of ours (processor time); samples differ by "
            f"{self.largest:.2g} at most, {self.mean:.2g} in the mean; {self.plain.memory}, "
            f"{self.ours.memory} of all processes",
        ]


@dataclass(frozen=True)
class PrepareBench:
    """``clips`` that have a sample; ``workers``: processes of ours; ``start``: of these alone,
    which is a part of what each recipe costs. ``recipes``: into an empty store, and the second into
    the same one."""

    method: str
    clips: int
    workers: int
    start: Cost
    recipes: tuple[RecipeBench, ...]

    def lines(self) -> list[str]:
        """What the terminal tells."""
        told = [
            f"{self.method}: {self.clips} clips, {self.workers} processes, whose start takes "
            f"{self.start.seconds:.1f} s ({self.start.cpu_seconds:.1f} s of processors), counted"
        ]
        return told + [line for recipe in self.recipes for line in recipe.lines(self.clips)]


def bench_prepare(config: BenchPrepareConfig, progress: Progress = silent) -> PrepareBench:
    """Measure; each way in a process of its own.

    Raises:
        ConfigError: a method that reads nothing of a clip, or no clip that serves it.
    """
    first = config.make().recipe
    if first is None:
        raise ConfigError(
            f"method '{config.method}', which reads nothing of a clip",
            "one that has samples",
            "merkit models lists them",
        )
    change, second = another(first)
    recipes = {"empty store": first, f"same store, {change}": second}
    with TemporaryDirectory() as folder:
        root = Path(folder)
        write_database(root / "data", config.database(), progress)
        found = []
        for done, (name, recipe) in enumerate(recipes.items()):
            progress("measuring", done, len(recipes))
            found.append(_measured(name, recipe, root, config.workers))
        clips = found[0][0]
        workers = worker_count(config.workers, clips)
        _, start = measured(_starting, root, workers)
        progress("measuring", len(recipes), len(recipes))
    return PrepareBench(config.method, clips, workers, start, tuple(one for _, one in found))


def another(recipe: Recipe) -> tuple[str, Recipe]:
    """A second recipe that reads the same frames and makes something else of them, and what it has
    changed."""
    if isinstance(recipe, (FlowMapRecipe, RegionFlowRecipe)):
        estimator: Estimator = "dis" if recipe.flow.estimator == "farneback" else "farneback"
        flow = replace(recipe.flow, estimator=estimator)
        return f"flow.estimator={estimator}", replace(recipe, flow=flow)
    assert isinstance(recipe, RgbRecipe)  # there is no other
    align = replace(recipe.align, size_px=recipe.align.size_px // 2)
    return f"align.size_px={align.size_px}", replace(recipe, align=align)


def differences(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """The largest and the mean difference of a value, over all pairs of arrays."""
    apart = [np.abs(a.astype(np.float64) - b) for a, b in pairs]
    return max(float(one.max()) for one in apart), float(np.mean([one.mean() for one in apart]))


def _measured(name: str, recipe: Recipe, root: Path, workers: int) -> tuple[int, RecipeBench]:
    """How many clips have a sample, and what these cost."""
    _, decoding = measured(_decoding, recipe, root)
    by_hand, plain = measured(_plain, recipe, root)
    samples, ours = measured(_ours, recipe, root, workers)
    if not samples.keys:
        raise ConfigError(
            f"none of the generated clips serves: {next(iter(samples.refused.values()))}",
            "clips that the method takes",
            "choose another --method, or more of --size-px and --face-width-px",
        )
    pairs = [(by_hand[i], samples.read(i).arrays[recipe.makes]) for i in samples.keys]
    return len(pairs), RecipeBench(name, plain, ours, decoding, *differences(pairs))


def _clips(root: Path) -> tuple[Clip, ...]:
    return load_dataset("synthetic", root / "data")


def _decoding(recipe: Recipe, root: Path) -> Callable[[], int]:
    def decoded(clip: Clip) -> int:
        return len(read_frames(clip.media, recipe.choose(clip), fps_hz=clip.fps_hz).rgb)

    clips = _clips(root)
    decoded(clips[0])  # imports decoders
    return lambda: sum(map(decoded, clips))


def _plain(recipe: Recipe, root: Path) -> Callable[[], dict[str, np.ndarray]]:
    """Clip by clip; what is made of each is kept by its id."""
    from merkit.bench.flow import plain_tvl1_planes
    from merkit.flow import tvl1

    tvl1.tvl1 = plain_tvl1_planes  # in this process, which does nothing else
    clips, tracker = _clips(root), SearchingTracker(recipe.track)

    def made_of(some: Sequence[Clip]) -> dict[str, np.ndarray]:
        made = {}
        for clip in some:
            try:
                made[clip.clip_id] = _by_hand(clip, recipe, tracker).arrays[recipe.makes]
            except MerkitError:  # ours refuses it as well, and tells why
                continue
        return made

    made_of(clips[:1])  # imports, and loads networks
    return lambda: made_of(clips)


def _by_hand(clip: Clip, recipe: Recipe, tracker: FaceTracker) -> Sample:
    """The sample of a clip of which every frame is decoded."""
    whole, chosen = read_frames(clip.media, fps_hz=clip.fps_hz), recipe.choose(clip)
    places = np.searchsorted(whole.numbers, chosen)
    frames = Frames(whole.rgb[places], chosen, whole.time_s[places])
    return recipe.sample_of(clip.clip_id, frames, recipe.follow(frames, clip, tracker=tracker))


def _starting(root: Path, workers: int) -> Callable[[], int]:
    """Workers that import what those of ``prepare`` do, and find nothing to do."""
    return lambda: len(list(run_jobs(forget_leftovers, [root / "none"] * workers, workers)))


def _ours(recipe: Recipe, root: Path, workers: int) -> Callable[[], SampleSet]:
    clips = _clips(root)
    return lambda: prepare(clips, recipe, root / "store", workers)
