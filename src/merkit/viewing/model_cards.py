"""The cards of models, and a card as blocks of text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from merkit.errors import MissingError
from merkit.methods.bundled import BUNDLED, CARD, README


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
    names = [model] if model else list(BUNDLED)
    cards = {Path(name).name: _card(name) for name in names}
    return {name: card for name, card in cards.items() if card}


def _card(name: str) -> str:
    """The card of a model without its metadata, "" where it has none; of a model of the Hub, the
    one that was fetched with it."""
    folder = BUNDLED.get(name) or Path(name)
    if not folder.is_dir():
        from merkit.inference.modelfolder import model_folder

        try:
            folder = model_folder(name, fetch=False)
        except MissingError:
            return ""
    files = [folder / file for file in (CARD, README) if (folder / file).is_file()]
    if not files:
        return ""
    text = files[0].read_text(encoding="utf-8", errors="replace")
    metadata, line, rest = text.partition("\n---\n")
    return rest.lstrip() if line and metadata.startswith("---\n") else text


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
