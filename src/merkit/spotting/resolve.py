"""Movements that were followed at two scales, each said once."""

from __future__ import annotations

from collections.abc import Sequence

from merkit.spotting.config import SpotConfig
from merkit.spotting.course import Movement
from merkit.spotting.regions import of_part
from merkit.spotting.signal import PARTS

_READ = ~of_part("eyes")
#: Up to so many times the motion of a brief movement, a long one around it is the same.
_SAME = 1.5


def resolve(found: Sequence[Movement], rate_hz: float, config: SpotConfig) -> list[Movement]:
    """The movements that stand for themselves, in order of time; each part of the face for itself.

    What becomes of one depends on those that overlap it, and on nothing else:

    - of brief ones that share an apex, and of long ones that overlap, the highest stands;
    - a long one whose apex lies in a brief one that moves its regions as far is that brief one;
    - a short one that lasts too long to be brief is a part of the long one it lies in;
    - a brief one in a long one of the same regions, and low against it, is its ripple.
    """
    parts = ([m for m in found if m.part == part] for part in PARTS)
    kept = [m for part in parts for m in _of_one_part(part, rate_hz, config)]
    return sorted(kept, key=lambda m: (m.apex, m.long, m.part))


def _of_one_part(found: Sequence[Movement], rate_hz: float, config: SpotConfig) -> list[Movement]:
    lengths = [(m.offset - m.onset) / rate_hz for m in found]
    usable = [(m, s) for m, s in zip(found, lengths, strict=True) if s >= config.micro_min_s]
    brief = [m for m, s in usable if not m.long and s <= config.micro_max_s]
    brief = [m for m in brief if not any(_hides(other, m) for other in brief)]
    slower = [m for m, s in usable if not m.long and s > config.micro_max_s]
    slower = [m for m in slower if not any(_hides(other, m) for other in slower)]
    long = [m for m, s in usable if m.long and config.micro_max_s < s <= config.macro_max_s]
    long = [m for m in long if not any(_is_seen_by(b, m) for b in brief)]
    long = [m for m in long if not any(_stands_before(other, m) for other in long)]
    slower = [m for m in slower if not any(m.overlaps(other) for other in long)]
    macro = [*long, *slower]
    brief = [m for m in brief if not any(_is_ripple(m, other, config) for other in macro)]
    return [*brief, *macro]


def _rank(m: Movement) -> tuple[float, float]:
    return m.height_px, -m.apex


def _hides(other: Movement, m: Movement) -> bool:
    shared = other.contains(m.apex) or m.contains(other.apex)
    return shared and _rank(other) > _rank(m)


def _stands_before(other: Movement, m: Movement) -> bool:
    return other.overlaps(m) and _rank(other) > _rank(m)


def _is_seen_by(brief: Movement, m: Movement) -> bool:
    region = _strongest(m)
    return bool(brief.contains(m.apex) and m.lengths_px[region] <= _SAME * brief.lengths_px[region])


def _is_ripple(m: Movement, longer: Movement, config: SpotConfig) -> bool:
    region = _strongest(m)
    whole = config.ripple_share * longer.lengths_px[region]
    return bool(longer.contains(m.apex) and m.lengths_px[region] < whole)


def _strongest(m: Movement) -> int:
    """The region that moved furthest, of those that are read."""
    return int((m.lengths_px * _READ).argmax())
