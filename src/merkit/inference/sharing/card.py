"""The card of a model, as the Hugging Face Hub shows it: README.md with its metadata first.

Its text keeps to headings, paragraphs and indented lines, which the page of ``merkit predict`` can
show as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merkit.config import flat
from merkit.datasets import DATASETS
from merkit.errors import ConfigError
from merkit.inference.modelfolder import LoadedModel
from merkit.inference.sharing.places import without_files
from merkit.inference.sharing.scores import run_of
from merkit.inference.sharing.terms import NOT_FOR, are_free, terms_of
from merkit.methods import make_method
from merkit.methods.bundled import CARD
from merkit.protocols import PROTOCOLS
from merkit.references import in_words, listed, merkit_itself
from merkit.report.result import Result
from merkit.report.text import score_lines

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

_TASK = "video-classification"


def card_of(loaded: LoadedModel, run: Path | None = None, licence: str = "", name: str = "") -> str:
    """Text of README.md.

    Args:
        run: a finished run of the model's settings, whose scores are told; None: one that lies
            beside the model, if there is one.
        licence: of the weights, as the Hub names licences; "": Apache-2.0 where no agreement binds
            the data, else the terms of the data.
        name: what the model is called; "": after its method.

    Raises:
        ConfigError, MissingDataError, StoreError: a run that was named and does not serve.
    """
    name = name or f"{loaded.method.name} by merkit"
    if loaded.recogniser is not None:
        if run is not None:
            raise ConfigError(
                f"--run {run} of a recogniser", "none: its own card tells what it was measured on"
            )
        text = (loaded.recogniser.folder / CARD).read_text(encoding="utf-8")
        return _metadata(loaded, None, licence, name) + "\n" + text
    result = run_of(loaded, run)
    parts = [
        f"# {name}",
        _what(loaded),
        "## How to use it",
        _use(name),
        "## On what it was trained",
        *_data(loaded),
        "## How well it does",
        *_scores(result),
        "## How it was trained",
        *_training(loaded),
        "## What it is not for",
        NOT_FOR,
        "## How to cite it",
        _cite(loaded),
    ]
    return _metadata(loaded, result, licence, name) + "\n" + "\n\n".join(parts) + "\n"


def _metadata(loaded: LoadedModel, result: Result | None, licence: str, name: str) -> str:
    from huggingface_hub import ModelCardData

    facts: dict[str, Any] = {"license": licence}
    if not licence:
        facts = {"license": "apache-2.0"}
        if not are_free(loaded.data):
            facts = {"license": "other", "license_name": "terms-of-the-training-data"}
    data = ModelCardData(
        **facts,
        library_name="merkit",
        pipeline_tag=_TASK,
        tags=["micro-expression-recognition", "facial-expression", loaded.method.name],
        model_name=name,
        eval_results=_eval_results(result),
    )
    return f"---\n{data.to_yaml()}\n---\n"


def _eval_results(result: Result | None) -> list[EvalResult] | None:
    from huggingface_hub import EvalResult

    if result is None:
        return None
    return [
        EvalResult(
            task_type=_TASK,
            task_name="Micro-expression recognition",
            dataset_type=result.data,
            dataset_name=result.data,
            metric_type=metric,
            metric_name=f"{title}, 95 % interval {result.scores[metric].bounds()}",
            metric_value=round(result.scores[metric].value, 4),
        )
        for metric, title in result.scores.titles().items()
    ]


def _what(loaded: LoadedModel) -> str:
    return (
        f"It gives a micro-expression, a brief movement of a face, one of {len(loaded.classes)} "
        f"classes ({', '.join(loaded.classes)}). Method: {loaded.method.title} "
        f"({loaded.method.citation})."
    )


def _use(name: str) -> str:
    model = name if name.count("/") == 1 else "THIS-FOLDER"
    return (
        f"    merkit predict interview.mp4 --model {model}\n\n"
        "finds the movements in a video and names them; nothing leaves the machine. In Python:\n\n"
        f'    import merkit\n    events = merkit.Recognizer.from_pretrained("{model}")'
        '("interview.mp4")'
    )


def _data(loaded: LoadedModel) -> list[str]:
    facts = loaded.facts
    told = ", ".join(loaded.data) or "data that its configuration does not name"
    if "clips" in facts:
        told = f"{facts['clips']} clips of {facts.get('subjects', '?')} subjects of {told}"
    parts = [f"{told}."]
    counts = facts.get("clips_per_class") or {}
    if counts:
        words = ", ".join(f"{name} {n}" for name, n in counts.items())
        parts[0] += f" Clips of each class: {words}."
    if facts.get("label_map"):
        parts[0] += f" Classes by label map {facts['label_map']}."
    terms = "; ".join(f"{name}: {words}" for name, words in terms_of(loaded.data).items())
    if terms:
        parts.append(
            f"Terms of the data: {terms}. "
            + (
                "No agreement binds the model."
                if are_free(loaded.data)
                else "Whoever passes the model on sees to it that they allow it."
            )
        )
    if "synthetic" in loaded.data:
        parts.append("The faces are generated: what it says of people means nothing.")
    return parts


def _scores(result: Result | None) -> list[str]:
    if result is None:
        return [
            "No score comes with it. It was trained on all subjects, so nothing that is measured "
            "on them tells how it does on others; merkit evaluate with the same settings does."
        ]
    protocol = result.settings["protocol"]["name"]
    title = PROTOCOLS[protocol].title if protocol in PROTOCOLS else protocol
    lines = "\n".join(f"    {line}" for line in score_lines(result.scores))
    told = (
        f"Models of the same settings, each tested on people that its training never saw "
        f"({title}; seeds {', '.join(map(str, result.seeds))}), scored:"
    )
    if "subject-dependent" in result.scores.marks:
        told = f"Models of the same settings scored as follows ({title}; people on both sides):"
    return [
        told,
        lines,
        "This model was trained on all subjects and is none of those; on other cameras, other "
        "people and other labels expect less.",
    ]


def _training(loaded: LoadedModel) -> list[str]:
    facts = loaded.facts
    told = [f"Seed {facts['seed']}."] if "seed" in facts else []
    if facts.get("chosen_epoch"):
        told.append(f"Weights of epoch {facts['chosen_epoch']}.")
    if facts.get("versions"):
        told.append(f"Software: {in_words(facts['versions'])}.")
    told.append("config.json holds every setting.")
    changed = _changed(loaded)
    if not changed:
        return [" ".join([*told, "All are the defaults of the method."])]
    return [
        " ".join([*told, "Other than the defaults of the method:"]),
        "\n".join(f"    {name} = {value}" for name, value in changed.items()),
    ]


def _changed(loaded: LoadedModel) -> Mapping[str, Any]:
    """Settings that are not the method's own, but for files of this machine."""
    usual = flat(make_method(loaded.method.name).settings())
    own = flat(without_files(loaded.method.settings()))
    return {name: v for name, v in own.items() if usual.get(name, v) != v and v not in ("", None)}


def _cite(loaded: LoadedModel) -> str:
    facts = loaded.facts
    sources = [DATASETS[name].citation for name in loaded.data if name in DATASETS]
    if facts.get("label_map_citation"):
        sources.append(f"{facts['label_map_citation']} (classes)")
    references = [merkit_itself(facts.get("versions", {})), loaded.method.citation, *sources]
    ended = [text if text.endswith(".") else f"{text}." for text in references if text]
    return "\n".join(f"    {line}" for line in listed(ended).splitlines()[1:])
