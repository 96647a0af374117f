"""What hands jobs to the cluster, submitit's executor, and what it tells of them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merkit.errors import ConfigError, MerkitError, MissingPackageError
from merkit.runs.cluster.config import ClusterConfig

if TYPE_CHECKING:
    from submitit import AutoExecutor, Job

#: minutes of a job unless ``timeout_min`` says otherwise: submitit's own 5 (and 2, local) end most
#: jobs in their first epochs. On one's own machine nobody waits for the end of a job.
_MINUTES = {"slurm": 240, "local": 60 * 24 * 365}
#: a job is one process: each of several tasks would train the same folds
_ONE = ("nodes", "tasks_per_node", "ntasks_per_node")


def check_options(config: ClusterConfig) -> None:
    """See that jobs can be handed over from here, with these parameters.

    Raises:
        MissingPackageError: submitit is not installed, or SLURM is not here.
        ConfigError: a parameter that submitit does not have, several tasks, or a SLURM that does
            not tell what became of a job.
    """
    if find_spec("submitit") is None:
        raise MissingPackageError(
            "submitit is not installed",
            "submitit, which hands jobs to a cluster",
            "pip install 'merkit[cluster]', or leave out --cluster",
        )
    missing = [name for name in ("srun", "sbatch") if shutil.which(name) is None]
    if config.cluster == "slurm" and missing:
        raise MissingPackageError(
            f"there is no '{missing[0]}' on this machine",
            "a machine from which jobs are handed to SLURM",
            "run the same command on a login node of the cluster, or take --cluster local",
        )
    if config.cluster == "slurm":
        _check_accounts()
    for name, value in config.cluster_option.items():
        _full_name(name, config)
        if name.removeprefix("slurm_").removeprefix("local_") in _ONE and value != 1:
            raise ConfigError(
                f"--cluster-option {name}={value}",
                "1: a job is one process, and each of several would train the same folds",
                "for more at a time take more --jobs, or more cpus_per_task for each",
            )


def _check_accounts() -> None:
    """See that SLURM says what became of a job: without, one that died would be waited for without
    end.

    Raises:
        ConfigError: it does not.
    """
    asked = ["sacct", "--noheader", "--allocations", "--starttime=now"]
    try:
        said = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=60)
        problem = said.stderr.strip() if said.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem:
        raise ConfigError(
            f"SLURM does not tell what became of a job: {problem.splitlines()[0]}",
            "'sacct' answers here: by it a job that died is noticed",
            "ask who runs the cluster to turn accounting on (slurmdbd), or try again if it is away",
        )


def make_executor(config: ClusterConfig, folder: Path) -> AutoExecutor:
    """An executor that keeps scripts and logs in ``folder``, which every machine sees.

    Raises:
        ConfigError: an impossible value of a parameter.
    """
    import submitit

    executor = submitit.AutoExecutor(
        folder.absolute(), cluster=config.cluster, slurm_max_num_timeout=config.tries
    )
    given = {_full_name(name, config): value for name, value in config.cluster_option.items()}
    wanted = {"name": "merkit", "timeout_min": _MINUTES[config.cluster]} | given
    try:
        executor.update_parameters(**wanted)
    except (AssertionError, NameError, TypeError, ValueError) as error:
        shown = ", ".join(f"{name}={value!r}" for name, value in config.cluster_option.items())
        raise ConfigError(
            f"--cluster-option {shown}: {str(error).splitlines()[0]}",
            "values of the kinds that submitit documents",
            "mend that --cluster-option",
        ) from None
    return executor


def submit(executor: AutoExecutor, works: Sequence[Callable[[], Any]]) -> list[Job[Any]]:
    """Hand over a job for each, all of them as one array.

    Raises:
        ConfigError: the cluster does not take them.
    """
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    try:
        return executor.submit_array(works)
    except (FailedJobError, FailedSubmissionError) as error:
        raise ConfigError(
            f"the cluster does not take a job: {str(error).strip()}",
            "parameters that it takes",
            "mend --cluster-option, and run the same command again",
        ) from None


def outcome(job: Job[Any]) -> tuple[MerkitError | None, str]:
    """What merkit said in a job that has ended, and why it died; "" where it did not."""
    if not job.paths.result_pickle.exists():
        return None, f"it ended without a word, in state {job.state}"
    error = job.exception()
    if error is not None:  # submitit has the traceback between two lines of dashes
        trace = str(error).rpartition("-" * 22)[0] or str(error)
        return None, trace.strip().splitlines()[-1]
    said = job.result()
    return (said, said.found) if isinstance(said, MerkitError) else (None, "")


def _full_name(name: str, config: ClusterConfig) -> str:
    """A parameter as submitit's ``AutoExecutor`` names it: those of one cluster alone have its name
    in front. One of another cluster than this is accepted so, and not read.

    Raises:
        ConfigError: submitit has no such parameter.
    """
    import submitit

    own = {
        "local": submitit.LocalExecutor._valid_parameters(),
        "slurm": submitit.SlurmExecutor._valid_parameters(),
    }
    common = set(submitit.AutoExecutor._typed_parameters())
    kind, _, rest = name.partition("_")
    if name in common or (kind in own and rest in own[kind] | common):
        return name
    if name in own[config.cluster]:
        return f"{config.cluster}_{name}"
    others = [other for other in own if name in own[other]]
    if others:
        raise ConfigError(
            f"--cluster-option {name} with --cluster {config.cluster}",
            f"a parameter of {config.cluster}; this one is of {others[0]} alone",
            f"leave it out, or write {others[0]}_{name}, which {others[0]} alone reads",
        )
    known = sorted(own[config.cluster] | common)
    near = get_close_matches(name, known, n=1)
    raise ConfigError(
        f"--cluster-option {name}",
        f"a parameter of submitit for '{config.cluster}': {', '.join(known)}",
        f"did you mean '{near[0]}'?" if near else "",
    )
