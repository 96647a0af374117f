"""Tables of clips for protocol tests: drawn by hypothesis, and with published counts."""

from __future__ import annotations

from hypothesis import strategies as st

from merkit.protocols import ClipRow

#: MEGC2019 composite: clips per class (neg, pos, sur) and subjects of each database
MEGC2019 = {
    "smic": ((70, 51, 43), 16),
    "casme2": ((88, 32, 25), 24),
    "samm": ((92, 26, 15), 28),
}


def megc2019_rows() -> tuple[ClipRow, ...]:
    """442 rows of 68 subjects with the published counts, clips dealt round the subjects."""
    found = []
    for dataset, (counts, n_subjects) in MEGC2019.items():
        labels = [label for label, count in enumerate(counts) for _ in range(count)]
        for i, label in enumerate(labels):
            key = f"{dataset}/{i % n_subjects + 1}"
            found.append(ClipRow(f"{key}/{i}", dataset, key, label))
    return tuple(found)


def grid(
    n_subjects: int, clips_per_class: int, n_classes: int = 3, dataset: str = "d"
) -> list[ClipRow]:
    """Every subject shows every class equally often."""
    return [
        ClipRow(f"{dataset}/s{s:02d}/{c}-{i}", dataset, f"{dataset}/s{s:02d}", c)
        for s in range(n_subjects)
        for c in range(n_classes)
        for i in range(clips_per_class)
    ]


@st.composite
def tables(
    draw: st.DrawFn, min_subjects: int = 3, max_subjects: int = 12, databases: int = 1
) -> list[ClipRow]:
    """Uneven subjects and classes, in any order; each database has ``min_subjects`` or more."""
    found = []
    for d in range(databases):
        n_subjects = draw(st.integers(min_subjects, max_subjects))
        for s in range(n_subjects):
            labels = draw(st.lists(st.integers(0, 3), min_size=1, max_size=5))
            key = f"db{d}/{s}"
            found += [ClipRow(f"{key}/{i}", f"db{d}", key, c) for i, c in enumerate(labels)]
    return draw(st.permutations(found))
