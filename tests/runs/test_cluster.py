"""Folds as jobs of a cluster: the same predictions, whatever dies on the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

import tiny_pipeline as tiny
from cluster_machines import FakeSlurm, Forked, fork_jobs, lives
from merkit.cli import main
from merkit.cli.options import parse_config
from merkit.datasets import load_recordings
from merkit.errors import ClusterError, ConfigError, LeakError, VideoError, WorkerError
from merkit.runs import spots, together
from merkit.runs.cluster import crew
from merkit.runs.cluster.packing import packed
from merkit.runs.cluster.share import take_given
from merkit.runs.cluster.work import PrepareWork
from merkit.runs.config import EvaluateConfig, FinalConfig
from merkit.runs.evaluate import evaluate
from merkit.runs.experiment import run_experiment
from merkit.runs.fold import FoldJob, FoldOutcome
from merkit.runs.long_videos import evaluate_spotting
from merkit.runs.units import evaluate_units
from merkit.spotting import SpottedVideo
from merkit.types import Event, VideoInfo

pytest.importorskip("submitit")
SUBJECTS = 4


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "LOOK_S", {"local": 0.02, "slurm": 0.05})
    monkeypatch.setattr(crew, "SEEN_S", 0.0)
    monkeypatch.setattr("submitit.core.core.PicklingExecutor._throttle", lambda self: None)


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    fork_jobs(monkeypatch)


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlurm]:
    from submitit import SlurmJob

    yield FakeSlurm(tmp_path / "slurm", monkeypatch)
    SlurmJob.watcher.clear()


@pytest.fixture
def config(tiny_database: Path, tiny_store: Path, tmp_path: Path) -> EvaluateConfig:
    return nothing_trained(tiny_database, tiny_store, tmp_path / "run")


def nothing_trained(root: Path, store: Path, out: Path) -> EvaluateConfig:
    """Four people, so eight folds with two seeds."""
    small = tiny.evaluation(root, store, out, seeds=(0, 1))
    return replace(small, method="majority", model={}, training={}, resamples=20)


@pytest.fixture(scope="module")
def expected(
    tiny_database: Path, tiny_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """What ``config`` predicts without a cluster."""
    out = tmp_path_factory.mktemp("plain") / "run"
    evaluate(nothing_trained(tiny_database, tiny_store, out))
    return predictions(out)


@pytest.fixture
def maps(tmp_path: Path) -> EvaluateConfig:
    """A network that is trained: four people with three flow maps each."""
    root, random = tmp_path / "maps", np.random.default_rng(0)
    root.mkdir()
    rows = ["dataset,sub,filename_o,label,apex,imagename,sub_filename"]
    for clip in range(SUBJECTS * 3):
        name = f"s0{clip // 3 + 1}_x_{clip:02d}"
        picture = random.integers(0, 256, (28, 28, 3), dtype=np.uint8)
        assert cv2.imwrite(str(root / f"{name[:3]}_{name} .png"), picture)
        rows.append(f"smic,{name[:3]},{name},{clip % 3},,{name[:3]}_{name}.jpg,")
    (root / "combined_3_class2_for_optical_flow.csv").write_text("\n".join(rows) + "\n")
    return EvaluateConfig(
        data=("flow-maps",),
        root=(root,),
        variant=("flat",),
        method="ststnet",
        training={"epochs": 2, "batch_size": 6},
        store=tmp_path / "store",
        workers=1,
        device="cpu",
        resamples=20,
        seeds=(0, 1),
        plain=True,
        out=tmp_path / "run",
    )


def on(config: EvaluateConfig, cluster: str, name: str = "there", **more: Any) -> EvaluateConfig:
    given: dict[str, Any] = {"cluster": cluster, "out": config.out.with_name(name), **more}
    return replace(config, **given)


def jobs(run: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((run / "cluster/jobs.json").read_text())["jobs"]
    return found


def predictions(run: Path) -> dict[str, bytes]:
    """The bytes of every table of predictions of a run."""
    tables = [run / "predictions.parquet", *run.glob("folds/*/predictions.parquet")]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in tables}


def plant(
    monkeypatch: pytest.MonkeyPatch, log: Path, deed: Callable[[str, int], None]
) -> Callable[[], Counter[str]]:
    """Do something before each training; jobs that are forked do it too. Returns what counts how
    often each was begun."""

    def planted(job: FoldJob) -> FoldOutcome:
        name = f"{job.clips.fold.name} {job.seed}"
        with log.open("a") as stream:
            stream.write(name + "\n")
        begun = log.read_text().splitlines().count(name)
        deed(name, begun)
        return real(job)

    real = together.run_fold
    monkeypatch.setattr(together, "run_fold", planted)
    return lambda: Counter(log.read_text().splitlines())


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.usefixtures("forked")
def test_eight_jobs_of_which_two_are_killed_give_what_the_plain_run_gives(
    maps: EvaluateConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    evaluate(maps)

    def deed(name: str, begun: int) -> None:
        if name in ("smic/s02 0", "smic/s04 1") and begun == 1:
            die()

    count = plant(monkeypatch, tmp_path / "begun", deed)
    there = on(maps, "local")
    evaluate(there)
    assert predictions(there.out) == predictions(maps.out)
    assert count() == {
        f"smic/s0{s} {seed}": 1 + ((s, seed) in ((2, 0), (4, 1)))
        for s in (1, 2, 3, 4)
        for seed in (0, 1)
    }
    handed = jobs(there.out)
    assert [job["stage"] for job in handed] == ["prepare"] + ["train"] * 10
    assert [len(job["parts"]) for job in handed] == [1] * 11
    told = json.loads((there.out / "run.json").read_text())
    assert sorted(fold for job in told["cluster"].values() for fold in job["folds"]) == sorted(
        f"smic/s0{s} (seed {seed})" for s in (1, 2, 3, 4) for seed in (0, 1)
    )
    assert "cluster" not in told["settings"]
    assert not list(there.out.rglob(".tmp-*"))
    assert not list(there.out.rglob("*.pkl"))


@pytest.mark.parametrize("task", ["recognition", "au"])
@pytest.mark.usefixtures("forked")
def test_a_node_that_dies_costs_what_its_job_had_not_stored(
    task: str, config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two jobs of four folds each; one is killed at its third."""
    run: Callable[[EvaluateConfig], Any] = evaluate if task == "recognition" else evaluate_units
    config = replace(config, task=task)
    run(config)

    def deed(name: str, begun: int) -> None:
        if name == "synthetic/sub03 0" and begun == 1:
            die()

    count = plant(monkeypatch, tmp_path / "begun", deed)
    there = on(config, "local", jobs=2)
    run(there)
    assert predictions(there.out) == predictions(config.out)
    assert set(count().values()) == {1, 2}
    assert [name for name, n in count().items() if n == 2] == ["synthetic/sub03 0"]
    assert [len(job["parts"]) for job in jobs(there.out)] == [4, 4, 2]


@pytest.mark.usefixtures("forked")
def test_a_job_that_always_dies_is_named_and_the_rest_kept(
    config: EvaluateConfig,
    expected: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def deed(name: str, begun: int) -> None:
        if name == "synthetic/sub02 1":
            raise MemoryError("no room")

    there = on(config, "local", jobs=3, tries=2)
    with monkeypatch.context() as patch:
        count = plant(patch, tmp_path / "begun", deed)
        with pytest.raises(ClusterError) as raised:
            evaluate(there)
    told = str(raised.value)
    assert "1 of 8 folds were not trained" in told
    assert ", there: synthetic/sub02 (seed 1): MemoryError: no room" in told
    [log] = [Path(line.split("log: ")[1]) for line in told.splitlines() if "log: " in line]
    assert "no room" in log.read_text()
    # first in its job, then behind the others, then alone as often as was allowed
    assert count().pop("synthetic/sub02 1") == 1 + 1 + 2
    assert sorted(count().values()) == [1] * 7 + [4]
    kept = {p: p.stat().st_mtime_ns for p in there.out.glob("folds/*/summary.json")}
    assert len(kept) == 7
    evaluate(there)
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    assert predictions(there.out) == expected


@pytest.mark.usefixtures("forked")
def test_a_job_that_lost_a_worker_is_tried_again(
    config: EvaluateConfig,
    expected: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What killed it, such as want of memory, may kill a job too."""

    def deed(name: str, begun: int) -> None:
        if name == "synthetic/sub02 1" and begun == 1:
            raise WorkerError("a worker process ended")

    count = plant(monkeypatch, tmp_path / "begun", deed)
    there = on(config, "local", jobs=2)
    evaluate(there)
    assert predictions(there.out) == expected
    assert count()["synthetic/sub02 1"] == 2


@pytest.mark.usefixtures("forked")
def test_what_merkit_refuses_is_not_tried_again(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def deed(name: str, begun: int) -> None:
        raise LeakError("clip 'x' was read for 'fit'")

    plant(monkeypatch, tmp_path / "begun", deed)
    there = on(config, "local", jobs=2)
    with pytest.raises(LeakError, match="clip 'x'"):
        evaluate(there)
    assert len(jobs(there.out)) == 2


@pytest.mark.usefixtures("forked")
def test_jobs_of_this_machine_end_with_a_killed_head_and_the_next_goes_on(
    config: EvaluateConfig,
    expected: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    there = on(config, "local", jobs=2)
    with monkeypatch.context() as patch:
        plant(patch, tmp_path / "begun", lambda name, begun: time.sleep(0.3))
        head = os.fork()
        if head == 0:
            evaluate(there)
            os._exit(0)
        while len(list(there.out.glob("folds/*/summary.json"))) < 2:
            time.sleep(0.02)
        os.kill(head, signal.SIGKILL)
        os.waitpid(head, 0)
    until = time.monotonic() + 10
    while any(lives(int(job["job"])) for job in jobs(there.out)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [job["job"] for job in jobs(there.out) if lives(int(job["job"]))]
    kept = {p: p.stat().st_mtime_ns for p in there.out.glob("folds/*/summary.json")}
    assert 2 <= len(kept) < 8
    evaluate(there)
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    assert predictions(there.out) == expected


# SLURM


@pytest.mark.slow
def test_slurm_runs_a_job_with_the_parameters_that_were_given(
    config: EvaluateConfig, expected: dict[str, bytes], slurm: FakeSlurm
) -> None:
    """The sbatch file is run as it stands, by an interpreter of its own."""
    words = ["--cluster=slurm", "--cluster-option", "partition=gpu", "--cluster-option=time=90"]
    words += ["--cluster-option", "gres=gpu:1", "mem_gb=4", "additional_parameters.reservation=x"]
    given = parse_config(EvaluateConfig, "evaluate", words).cluster_option
    there = on(config, "slurm", jobs=1, cluster_option=given)
    evaluate(there)
    assert predictions(there.out) == expected
    [script] = slurm.scripts()
    lines = {line for line in script.splitlines() if line.startswith("#SBATCH")}
    wanted = ["partition=gpu", "time=90", "gres=gpu:1", "mem=4GB", "reservation=x"]
    assert lines >= {f"#SBATCH --{one}" for one in [*wanted, "job-name=merkit"]}


def test_a_job_that_outlives_its_head_is_found_again_and_not_handed_over_twice(
    config: EvaluateConfig, expected: dict[str, bytes], slurm: FakeSlurm
) -> None:
    (slurm.folder / "paused").touch()  # it waits in the queue
    there = on(config, "slurm", jobs=1)

    def interrupt(stage: str, done: float, total: float) -> None:
        if slurm.states():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"jobs 101 go on \(scancel 101 ends them\)"):
        evaluate(there, interrupt)
    begun: list[Forked] = []

    def begin(stage: str, done: float, total: float) -> None:
        if not begun and done == 0 and stage == "training folds":
            own = {"SUBMITIT_EXECUTOR": "slurm", "SLURM_JOB_ID": "101"}
            begun.append(Forked(there.out / "cluster", own, "101_0_log.err"))

    evaluate(there, begin)
    assert len(slurm.scripts()) == len(jobs(there.out)) == 1
    assert predictions(there.out) == expected
    assert begun[0].poll() == 0


@pytest.mark.parametrize("state", ["NODE_FAIL", "PREEMPTED"])
def test_a_job_that_slurm_lost_is_handed_over_again(
    state: str, config: EvaluateConfig, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "PREEMPTED_S", 0.1)  # nobody gives it another place
    (slurm.folder / "paused").touch()
    there = on(config, "slurm", jobs=3, tries=2)

    def fail(stage: str, done: float, total: float) -> None:
        for told in slurm.states().values():
            told.write_text(state)

    with pytest.raises(ClusterError, match=rf"8 of 8 folds[\s\S]*in state {state}"):
        evaluate(there, fail)
    first, second = slurm.scripts()  # the parts of a run are one array
    assert "#SBATCH --array=0-2%3" in first
    assert "#SBATCH --array=0-2%3" in second
    assert [job["job"] for job in jobs(there.out)] == [
        f"{a}_{n}" for a in (101, 102) for n in range(3)
    ]


def test_a_refused_job_says_what_slurm_said(config: EvaluateConfig, slurm: FakeSlurm) -> None:
    there = on(config, "slurm", cluster_option={"partition": "closed"})
    with pytest.raises(ConfigError, match="invalid partition specified"):
        evaluate(there)


# settings


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("partion=gpu", r"partion[\s\S]*did you mean 'partition'"),
        ("tasks_per_node=2", "each of several would train"),
        ("timeout_min=long", "timeout_min='long'"),
        ("", "stands without a value"),
    ],
)
def test_impossible_parameters_are_refused(
    words: str, message: str, config: EvaluateConfig, slurm: FakeSlurm
) -> None:
    def given() -> None:
        line = ["--cluster", "slurm", "--cluster-option", *words.split()]
        found = parse_config(EvaluateConfig, "evaluate", line)
        evaluate(on(config, "slurm", cluster_option=found.cluster_option))

    with pytest.raises(ConfigError, match=message):
        given()
    assert not slurm.scripts()


def test_a_time_is_no_number_in_base_60() -> None:
    words = ["--cluster", "slurm", "--cluster-option", "time=1:30:00", "gres=gpu:2"]
    given = parse_config(EvaluateConfig, "evaluate", words)
    assert given.cluster_option == {"time": "1:30:00", "gres": "gpu:2"}
    with pytest.raises(ConfigError, match="without --cluster"):
        parse_config(EvaluateConfig, "evaluate", words[2:])
    with pytest.raises(ConfigError, match="merkit train --cluster-option"):
        parse_config(FinalConfig, "train", words[2:])


def test_a_job_works_under_the_code_that_handed_it_over_alone(config: EvaluateConfig) -> None:
    work = PrepareWork(code="of another day", share=None, items=(config,))
    said = work()
    assert isinstance(said, ConfigError)
    assert "another merkit" in said.found
    assert not config.out.exists()
    assert work.checkpoint().function is work  # what submitit hands over again


def test_parameters_of_slurm_are_no_parameters_of_this_machine(config: EvaluateConfig) -> None:
    from merkit.runs.cluster.executor import check_options

    check_options(on(config, "local", cluster_option={"slurm_partition": "gpu", "mem_gb": 4}))
    with pytest.raises(ConfigError, match=r"write slurm_partition"):
        check_options(on(config, "local", cluster_option={"partition": "gpu"}))


def test_what_is_not_installed_is_said_first(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--data", "synthetic", "--root", str(config.root[0]), "--out"]
    words += [str(config.out), "--method", "majority", "--cluster"]
    monkeypatch.setenv("PATH", "")
    assert main([*words, "slurm"]) == 3
    assert "there is no 'srun'" in capsys.readouterr().err
    monkeypatch.setattr("merkit.runs.cluster.executor.find_spec", lambda name: None)
    assert main([*words, "local"]) == 3
    assert "pip install 'merkit[cluster]'" in capsys.readouterr().err
    assert not config.out.exists()


def test_a_slurm_that_forgets_its_jobs_is_refused(config: EvaluateConfig, slurm: FakeSlurm) -> None:
    """One that died would be waited for without end."""
    (slurm.folder / "forgets").touch()
    there = on(config, "slurm")
    with pytest.raises(ConfigError, match="accounting storage is disabled"):
        evaluate(there)
    assert not slurm.scripts()


def test_a_job_takes_no_more_cores_than_slurm_gave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MERKIT_WORKER_CORES", raising=False)
    monkeypatch.setenv("OPENCV_FOR_THREADS_NUM", "1")
    monkeypatch.setattr("merkit.runs.cluster.share.cores", lambda: 64)
    for given, cores in (("4", "4"), ("128", "64")):
        monkeypatch.setenv("SLURM_CPUS_ON_NODE", given)
        take_given()
        assert os.environ.pop("MERKIT_WORKER_CORES") == cores
    monkeypatch.delenv("SLURM_CPUS_ON_NODE")
    take_given()
    assert "MERKIT_WORKER_CORES" not in os.environ


@pytest.mark.usefixtures("forked")
def test_runs_of_an_experiment_go_together_within_the_limit(
    config: EvaluateConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "begun"
    plant(monkeypatch, log, lambda name, begun: time.sleep(0.05))
    file = tmp_path / "two.yaml"
    file.write_text(
        f"data: [synthetic]\nroot: [{config.root[0]}]\nstore: {config.store}\nmethod: majority\n"
        "workers: 1\nresamples: 20\nruns:\n  one: {seeds: [0]}\n  two: {seeds: [0, 1]}\n"
    )
    most: list[int] = []

    def watch(stage: str, done: float, total: float) -> None:
        told = tmp_path / "out/cluster/jobs.json"
        if stage == "training folds" and told.is_file():
            found = json.loads(told.read_text())
            most.append(len(found["jobs"]) - len(found["ended"]))

    text = run_experiment(file, tmp_path / "out", ["cluster=local", "jobs=3"], progress=watch)
    assert "one" in text
    assert "two" in text
    assert max(most) == 3
    handed = json.loads((tmp_path / "out/cluster/jobs.json").read_text())["jobs"]
    assert Counter(job["run"] for job in handed) == {"one": 3, "two": 3}


# recordings


@pytest.fixture
def spotting(long_database: Path, tmp_path: Path) -> EvaluateConfig:
    """Three recordings of three people, none of them spotted yet."""
    run, store = tmp_path / "run", tmp_path / "store"
    return tiny.evaluation(long_database, store, run, task="spotting", resamples=20)


def find_what_is_annotated(
    monkeypatch: pytest.MonkeyPatch, root: Path, log: Path, deed: Callable[[str, int], None]
) -> Callable[[], Counter[str]]:
    """Have spotting find each annotated event, after a deed; returns as ``plant``."""
    every = {r.media.stem: r.events for r in load_recordings("synthetic", root)}

    def found(media: Path, *args: object) -> SpottedVideo:
        with log.open("a") as stream:
            stream.write(media.stem + "\n")
        deed(media.stem, log.read_text().splitlines().count(media.stem))
        frames = [(e.onset_frame, e.apex_frame, e.offset_frame) for e in every[media.stem]]
        events = tuple(
            Event("micro", *(n / 30 for n in three), *three, 1.0, 0.01, 0.5)  # type: ignore[arg-type, operator, misc]
            for three in frames
        )
        seen: Any = SimpleNamespace(info=VideoInfo(media, 160, 160, 30.0, 90, 3.0))
        return SpottedVideo(seen, 3.0, events, ())

    monkeypatch.setattr(spots, "spot_video", found)
    return lambda: Counter(log.read_text().splitlines())


def check_equal(run: Path, other: Path) -> None:
    """Tables and scores of two runs on recordings."""
    for name in ("events", "truth", "recordings"):
        assert (run / f"{name}.parquet").read_bytes() == (other / f"{name}.parquet").read_bytes()
    assert json.loads((run / "metrics.json").read_text()) == json.loads(
        (other / "metrics.json").read_text()
    )


@pytest.mark.usefixtures("forked")
def test_a_recording_whose_job_died_is_spotted_by_another(
    spotting: EvaluateConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def deed(name: str, begun: int) -> None:
        if kills and name == names[1] and begun == 1:
            die()

    kills, root = False, spotting.root[0]
    names = sorted(r.media.stem for r in load_recordings("synthetic", root))
    find_what_is_annotated(monkeypatch, root, tmp_path / "plain", deed)
    evaluate_spotting(spotting)
    kills = True
    count = find_what_is_annotated(monkeypatch, root, tmp_path / "begun", deed)
    there = on(spotting, "local", jobs=2, store=tmp_path / "another")
    evaluate_spotting(there)
    check_equal(there.out, spotting.out)
    assert count() == {name: 1 + (name == names[1]) for name in names}
    assert {job["stage"] for job in jobs(there.out)} == {"spot"}


@pytest.mark.usefixtures("forked")
def test_what_is_spotted_is_recognised_by_jobs(
    spotting: EvaluateConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Recordings, preparation and folds are jobs; one of the folds is killed once."""
    hoof = {"method": "hoof", "model": {}, "training": {}, "seeds": (0, 1)}
    spotting = replace(spotting, task="spot-recognise", **hoof)  # type: ignore[arg-type]
    find_what_is_annotated(monkeypatch, spotting.root[0], tmp_path / "spotted", lambda *_: None)
    evaluate_spotting(spotting)
    [spotted] = (tmp_path / "store").glob("spotting-*")
    shutil.rmtree(spotted)  # samples stay: what makes them has threads, which no fork takes along

    def deed(name: str, begun: int) -> None:
        if name == "synthetic/sub02 1" and begun == 1:
            die()

    count = plant(monkeypatch, tmp_path / "begun", deed)
    there = on(spotting, "local", jobs=2)
    evaluate_spotting(there)
    check_equal(there.out, spotting.out)
    folds = [p.relative_to(spotting.out) for p in spotting.out.glob("folds/*/predictions.parquet")]
    assert len(folds) == 6
    for fold in folds:
        assert (there.out / fold).read_bytes() == (spotting.out / fold).read_bytes()
    assert count()["synthetic/sub02 1"] == 2
    assert [job["stage"] for job in jobs(there.out)] == ["spot"] * 2 + ["prepare"] + ["train"] * 3


@pytest.mark.usefixtures("forked")
def test_recordings_that_cannot_be_read_are_told_together(
    spotting: EvaluateConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def deed(name: str, begun: int) -> None:
        if name != names[0]:
            raise VideoError(f"{name} ends too early", "a whole video")

    root = spotting.root[0]
    names = sorted(r.media.stem for r in load_recordings("synthetic", root))
    count = find_what_is_annotated(monkeypatch, root, tmp_path / "begun", deed)
    there = on(spotting, "local", jobs=3)
    with pytest.raises(VideoError, match="2 of 3 recordings cannot be spotted"):
        evaluate_spotting(there)
    # once by its job, and once by what tells of it
    assert count() == {names[0]: 1, names[1]: 2, names[2]: 2}
    assert len(jobs(there.out)) == 3
    result = evaluate_spotting(replace(there, bad_clips="skip"))
    assert len(result.document["refused_recordings"]) == 2


# packing


def test_parts_are_of_equal_work_and_keep_the_order() -> None:
    parts = packed(["big", *"abcdefghi"], [90, *[10] * 9], 2)
    assert parts == [("big",), tuple("abcdefghi")]


@pytest.mark.parametrize(("n", "jobs", "sizes"), [(26, 8, (3, 4)), (3, 8, (1, 1)), (0, 8, ())])
def test_as_many_parts_as_jobs_and_none_empty(n: int, jobs: int, sizes: tuple[int, ...]) -> None:
    pending = list(range(n))
    parts = packed(pending, [200] * n, jobs)
    assert [one for part in parts for one in part] == pending
    assert len(parts) == min(n, jobs)
    assert all(min(sizes) <= len(part) <= max(sizes) for part in parts)
