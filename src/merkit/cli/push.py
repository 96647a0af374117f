"""``merkit push``: a trained model with its card to the Hugging Face Hub."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from merkit.cli.options import parse
from merkit.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """Write a trained model with its card into a repository of the Hugging Face Hub, private unless
    --public says otherwise. Its weights, settings and card go there; training data, predictions,
    names of clips and paths of this machine do not.
    """

    what: Annotated[tuple[str, ...], tyro.conf.Positional]
    """a folder that 'merkit train' wrote, and the repository: user/name"""
    dry: bool = False
    """list what would go and where, with the card; nothing is sent"""
    public: bool = False
    """everybody may see it"""
    run: Path | None = None
    """a finished run of the same settings, whose scores the card tells; none named: one that lies
    beside the model"""
    licence: str = ""
    """licence of the weights, as the Hub names them, such as cc-by-nc-4.0; empty: Apache-2.0 where
    no agreement binds the training data, else 'other'"""


def run(words: Sequence[str]) -> int:
    options = parse(Options, "push", words)
    if len(options.what) != 2:
        raise ConfigError(
            f"{len(options.what)} words", "a model and a repository", "merkit push MODEL user/name"
        )
    model, repository = options.what
    from merkit.inference.modelfolder import load_model
    from merkit.inference.sharing.hub import check_name, push_model

    check_name(repository)
    loaded = load_model(model)
    private = not options.public
    push = push_model(loaded, repository, private, options.dry, options.run, options.licence)
    if options.dry:
        print(f"{push.card}\n{'-' * 72}")
    print(f"{push.repo_id} ({'private' if push.private else 'public'}):")
    for name, size in push.files:
        print(f"  {name}  {size:,} bytes")
    if push.bound:
        print(
            f"merkit: trained on data with terms ({push.bound}); see to it that they allow this",
            file=sys.stderr,
        )
    print("nothing was sent (--dry)" if options.dry else f"written: {push.url}")
    return 0
