"""Train the final model of a configuration and write its folder."""

from __future__ import annotations

from merkit.errors import ConfigError
from merkit.inference.modelfolder import save_model
from merkit.progress import Progress, silent
from merkit.runs.config import FinalConfig
from merkit.runs.data import open_task
from merkit.runs.folder import git_commit, versions
from merkit.training.final import train_final
from merkit.training.history import FitSummary
from merkit.training.setup import choose_device, make_setup
from merkit.workers import worker_count


def train_model(config: FinalConfig, progress: Progress = silent) -> FitSummary:
    """Prepare the clips, train on all subjects but the validation share, write ``config.out``.

    Raises:
        ConfigError: the model folder exists already, or a setting is wrong.
        DatasetError, FaceError, MissingWeightsError: as in an evaluation.
    """
    if config.out.exists():
        raise ConfigError(f"{config.out} exists", "a new model folder", "choose another --out")
    setup = make_setup(config.method, config.model, config.training, config.recipe)
    device = choose_device(config.device)
    task = open_task(config, setup.recipe, progress, lambda rows: setup.check_model())
    model, summary = train_final(
        setup,
        task.clips,
        task.rows,
        task.classes,
        task.prepared,
        seed=config.seed,
        val_share=config.val_share,
        device=device,
        threads=worker_count(config.workers, 64),
        bf16=config.bf16,
        progress=progress,
    )
    facts = {
        "label_map": ", ".join(dict.fromkeys(m.name for m in task.maps)),
        "data": list(config.data),
        "clips": len(task.rows),
        "subjects": len({row.subject_key for row in task.rows}),
        "chosen_epoch": summary.chosen_epoch,
        "seed": config.seed,
        "versions": versions(),
        "git_commit": git_commit(),
    }
    save_model(config.out, model, setup, task.classes, facts)
    return summary
