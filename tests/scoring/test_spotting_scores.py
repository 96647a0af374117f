"""Spotting scores: equal to hand-worked cases, to all pairings tried out, and to scikit-learn."""

from __future__ import annotations

from itertools import permutations
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from merkit.errors import ConfigError
from merkit.scoring.spotting import Counts, Span, match_spans

QUICK = settings(max_examples=150, deadline=None)


@st.composite
def spans(draw: st.DrawFn, most: int = 5) -> list[Span]:
    """Crowded on few frames, so that many overlap."""
    one = st.builds(
        lambda first, length, kind, label: Span(first, first + length, kind, first, label),
        st.integers(0, 12),
        st.integers(0, 8),
        st.sampled_from(["micro", "micro", "macro"]),
        st.sampled_from(["", "a", "b"]),
    )
    return draw(st.lists(one, max_size=most))


# --- intervals


@pytest.mark.parametrize(
    ("other", "share"),
    [
        ((10, 19), 1.0),  # itself
        ((10, 14), 0.5),  # 5 of 10
        ((19, 28), 1 / 19),  # they share frame 19 alone: 1 of 10 + 10 - 1
        ((20, 29), 0.0),  # side by side: no frame in common
        ((40, 49), 0.0),
        ((12, 15), 0.4),  # inside: 4 of 10
        ((19, 19), 0.1),  # one frame
    ],
)
def test_intersection_over_union_counts_both_ends(other, share):
    one, two = Span(10, 19), Span(*other)
    assert one.iou(two) == two.iou(one) == pytest.approx(share)


@QUICK
@given(spans(), spans())
def test_intersection_over_union_is_that_of_sets_of_frames(some, more):
    for a in some:
        for b in more:
            one, two = (set(range(s.first_frame, s.last_frame + 1)) for s in (a, b))
            assert a.iou(b) == len(one & two) / len(one | two)


def test_an_event_that_ends_before_it_begins_is_refused():
    with pytest.raises(ConfigError, match="from frame 9 to 8"):
        Span(9, 8)
    with pytest.raises(ConfigError, match="kind 'blink'"):
        Span(8, 9, "blink")  # type: ignore[arg-type]


# --- pairs


def counted(truth: list[Span], spotted: list[Span], scope="both") -> tuple[int, int, int]:
    counts = match_spans(truth, spotted).counts(scope)
    return counts.tp, counts.fp, counts.fn


@pytest.mark.parametrize(
    ("truth", "spotted", "wanted"),
    [
        # three over one truth of 10: IoU 9/10, 10/12 and 8/10; one counts, two are false
        ([Span(10, 19)], [Span(10, 18), Span(9, 20), Span(11, 18)], (1, 2, 0)),
        # one over two truths of 10 and 5: 10/16 with the first, 5/16 with the second
        ([Span(0, 9), Span(11, 15)], [Span(0, 15)], (1, 0, 1)),
        # one over two truths, half of each: 10/20 and 10/20; still one event
        ([Span(0, 9), Span(10, 19)], [Span(0, 19)], (1, 0, 1)),
        ([Span(10, 19)], [], (0, 0, 1)),
        ([], [Span(10, 19)], (0, 1, 0)),
        ([], [], (0, 0, 0)),
        # side by side, and with one frame in common (1/19)
        ([Span(10, 19)], [Span(20, 29)], (0, 1, 1)),
        ([Span(10, 19)], [Span(19, 28)], (0, 1, 1)),
        # exactly one half: 10 of 20, and 4 of 8 across an end (6 + 6 - 4)
        ([Span(0, 19)], [Span(0, 9)], (1, 0, 0)),
        ([Span(0, 5)], [Span(2, 7)], (1, 0, 0)),
        # 499 of 1000 is below
        ([Span(0, 999)], [Span(0, 498)], (0, 1, 1)),
        ([Span(0, 999)], [Span(0, 499)], (1, 0, 0)),
        # the same interval twice
        ([Span(0, 9)], [Span(0, 9), Span(0, 9)], (1, 1, 0)),
    ],
)
def test_counts_by_hand(truth, spotted, wanted):
    assert counted(truth, spotted) == wanted


def test_the_kinds_are_matched_apart():
    """A micro- inside a macro-expression. The micro one was found; the macro one was found too, but
    called micro, which is a false micro event and a missed macro one."""
    truth = [Span(0, 99, "macro"), Span(40, 49)]
    spotted = [Span(0, 99), Span(40, 49)]
    assert counted(truth, spotted, "micro") == (1, 1, 0)
    assert counted(truth, spotted, "macro") == (0, 0, 1)
    assert counted(truth, spotted, "both") == (1, 1, 1)


def test_most_pairs_go_before_the_best_pair():
    """a: frames 0-9, b: 4-11. x: 2-10 has IoU 8/11 with a and 7/10 with b; y: 0-5 has 6/10 with a
    and 2/12 with b. The best pair, a-x, would leave y false and b missed: a-y and b-x are two."""
    a, b, x, y = Span(0, 9), Span(4, 11), Span(2, 10), Span(0, 5)
    assert [round(t.iou(s), 4) for t in (a, b) for s in (x, y)] == [0.7273, 0.6, 0.7, 0.1667]
    found = match_spans([a, b], [x, y])
    assert [(hit.truth, hit.spotted) for hit in found.hits] == [(a, y), (b, x)]


def test_among_as_many_pairs_the_closer_one_is_taken():
    """IoU 9/10 against 10/12."""
    close, wide = Span(10, 18), Span(9, 20)
    found = match_spans([Span(10, 19)], [wide, close])
    assert found.hits[0].spotted == close
    assert found.false == (wide,)


@QUICK
@given(spans(4), spans(4))
def test_no_other_pairing_has_more_pairs_or_as_many_that_fit_better(truth, spotted):
    best = max(
        (len(pairs), sum(pairs))
        for order in permutations([*spotted, *[None] * len(truth)], len(truth))
        for pairs in [
            [
                t.iou(s)
                for t, s in zip(truth, order, strict=True)
                if s and s.kind == t.kind and t.iou(s) >= 0.5
            ]
        ]
    )
    hits = match_spans(truth, spotted).hits
    assert len(hits) == best[0]
    assert sum(hit.truth.iou(hit.spotted) for hit in hits) == pytest.approx(best[1])


@QUICK
@given(spans(), spans(), st.randoms())
def test_the_order_of_the_input_does_not_matter(truth, spotted, random):
    wanted = match_spans(truth, spotted)
    random.shuffle(truth)
    random.shuffle(spotted)
    assert match_spans(truth, spotted) == wanted


@QUICK
@given(spans(), spans())
def test_every_event_is_counted_once(truth, spotted):
    found = match_spans(truth, spotted)
    counts = found.counts()
    assert counts == found.counts("micro") + found.counts("macro")
    assert (counts.n_truth, counts.n_spotted) == (len(truth), len(spotted))


# --- ratios


@QUICK
@given(spans(), spans())
def test_ratios_equal_to_scikit_learn(truth, spotted):
    """Each hit is a 1 called 1, each miss a 1 called 0, each false event a 0 called 1, and there is
    some time in which nothing is nor was spotted, on which none of the ratios rests."""
    counts = match_spans(truth, spotted).counts()
    true = [1] * counts.tp + [1] * counts.fn + [0] * counts.fp + [0]
    called = [1] * counts.tp + [0] * counts.fn + [1] * counts.fp + [0]
    for name in ("precision", "recall", "f1"):
        wanted = getattr(reference, f"{name}_score")(true, called, zero_division=np.nan)
        assert getattr(counts, name) == pytest.approx(wanted, nan_ok=True)


def test_ratios_by_hand_and_where_there_is_no_denominator():
    assert (Counts(3, 1, 2).precision, Counts(3, 1, 2).recall) == (3 / 4, 3 / 5)
    assert Counts(3, 1, 2).f1 == 6 / 9
    # found nothing of what is there, or something where nothing is: 0; neither: no score
    assert Counts(0, 0, 2).f1 == Counts(0, 2, 0).f1 == 0
    assert isnan(Counts(0, 0, 2).precision)
    assert isnan(Counts(0, 2, 0).recall)
    assert isnan(Counts(0, 0, 0).f1)
