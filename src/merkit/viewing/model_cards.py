"""The cards of models, and a card as blocks of text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from merkit.methods.bundled import BUNDLED, CARD


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph, or lines that stand as they are."""

    kind: Literal["heading", "text", "code"]
    text: str


def model_cards(model: str = "") -> dict[str, str]:
    """Name -> text of the card: of one model, or of all recognisers that come with merkit. Models
    without a card, and ``none``, have no entry.

    Args:
        model: as ``merkit predict --model`` takes it.
    """
    folders = {model: BUNDLED.get(model, Path(model))} if model else BUNDLED
    cards = {name: folder / CARD for name, folder in folders.items()}
    return {
        Path(name).name: path.read_text(encoding="utf-8", errors="replace")
        for name, path in cards.items()
        if path.is_file()
    }


def blocks(card: str) -> tuple[Block, ...]:
    """The blocks of a card in Markdown, as far as cards of merkit use it: headings, paragraphs,
    indented code. The first heading, which names it, is left out."""
    found: list[Block] = []
    for part in card.strip().split("\n\n"):
        if part.startswith("#"):
            found.append(Block("heading", part.lstrip("#").strip()))
        elif part.startswith("    "):
            lines = (line.removeprefix("    ") for line in part.splitlines())
            found.append(Block("code", "\n".join(lines)))
        elif part.strip():
            found.append(Block("text", " ".join(part.split())))
    if found and found[0].kind == "heading":
        del found[0]
    return tuple(found)
