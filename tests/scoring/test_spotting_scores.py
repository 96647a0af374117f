"""Spotting scores: equal to hand-worked cases, to all pairings tried out, and to scikit-learn."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import permutations
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from merkit.errors import ConfigError
from merkit.scoring.intervals import Resampling
from merkit.scoring.long_videos import by_amplitude
from merkit.scoring.metrics import confusion_matrix, uar, uf1
from merkit.scoring.spotted_classes import recognise
from merkit.scoring.spotting import Counts, Hit, Span, match_spans
from merkit.scoring.spotting_scores import VideoEvents, score_spotting

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
        # nested halves: two pairs of IoU 1 leave two events over, three of exactly one half none
        (
            [Span(0, 39), Span(0, 19), Span(0, 9)],
            [Span(0, 19), Span(0, 9), Span(0, 4)],
            (3, 0, 0),
        ),
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


# --- pooled over videos


def video(name: str, truth=(), spotted=(), **more) -> VideoEvents:
    """One minute at 100 frames a second of a person of its own, unless said otherwise."""
    settings = {"subject": name, "fps_hz": 100.0, "duration_s": 60.0, **more}
    return VideoEvents(name, truth=tuple(truth), spotted=tuple(spotted), **settings)


def apart(n: int, start: int = 0) -> list[Span]:
    """n events of ten frames that have no frame in common."""
    return [Span(start + 20 * i, start + 20 * i + 9) for i in range(n)]


def test_videos_are_pooled_and_their_f1_is_not_averaged():
    """First video: 1 found, F1 = 1. Second: 1 found, 3 false, 1 missed, F1 = 2/(2+3+1) = 1/3. The
    mean is 2/3; pooled, 2 found, 3 false and 1 missed give 4/(4+3+1) = 1/2."""
    one = video("one", apart(1), apart(1))
    two = video("two", apart(2), apart(1) + apart(3, start=500))
    assert score_spotting([one])["micro"].counts.f1 == 1
    assert score_spotting([two])["micro"].counts.f1 == pytest.approx(1 / 3)
    both = score_spotting([one, two])
    assert both["micro"].counts == Counts(2, 3, 1)
    assert both["micro"].counts.f1 == both["micro"].f1.value == 1 / 2
    assert (both.n_videos, both.n_subjects) == (2, 2)


def test_frames_of_two_videos_never_meet():
    one, two = video("one", apart(1)), video("two", (), apart(1))
    assert score_spotting([one, two])["micro"].counts == Counts(0, 1, 1)


def test_each_kind_and_both_together():
    truth = [Span(0, 9), Span(100, 199, "macro"), Span(300, 399, "macro")]
    spotted = [Span(0, 9), Span(50, 59), Span(100, 199, "macro")]
    scores = score_spotting([video("one", truth, spotted)])
    assert scores["micro"].counts == Counts(1, 1, 0)
    assert scores["macro"].counts == Counts(1, 0, 1)
    assert scores["both"].counts == Counts(2, 1, 1)
    assert [row["kind"] for row in scores.rows()] == ["micro", "macro", "both"]


def test_nothing_to_find_and_nothing_found_has_no_score():
    quiet = score_spotting([video("one"), video("two")])["micro"]
    assert isnan(quiet.counts.f1)
    assert isnan(quiet.f1.value)
    assert quiet.false_per_minute == 0
    false = score_spotting([video("one"), video("two", (), apart(1))])["micro"]
    assert (false.counts.f1, false.f1.value) == (0, 0)


def test_interval_over_subjects():
    """a found both, b none of two: 4/(4+2) pooled. In a quarter of the resamples a is drawn twice,
    which has 1, in another b, which has 0."""
    a, b = video("a", apart(2), apart(2)), video("b", apart(2))
    f1 = score_spotting([a, b])["micro"].f1
    assert (f1.value, f1.low, f1.high) == (pytest.approx(2 / 3), 0, 1)
    # two videos of one person are drawn together: there is nothing to tell how sure it is
    alone = score_spotting([a, replace(b, subject="a")])["micro"].f1
    assert alone.value == pytest.approx(2 / 3)
    assert isnan(alone.low)
    assert alone.n_subjects == 1


@QUICK
@given(
    st.lists(st.tuples(spans(), spans(), st.integers(0, 1)), min_size=1, max_size=4), st.randoms()
)
def test_the_order_of_videos_and_events_does_not_matter(events, random):
    videos = [
        video(str(i), truth, spotted, subject=str(subject), duration_s=10 + 0.1 * i)
        for i, (truth, spotted, subject) in enumerate(events)
    ]
    how = Resampling(20)
    wanted = repr(score_spotting(videos, ["a", "b"], how))
    mixed = [
        replace(
            v,
            truth=tuple(random.sample(v.truth, len(v.truth))),
            spotted=tuple(random.sample(v.spotted, len(v.spotted))),
        )
        for v in random.sample(videos, len(videos))
    ]
    assert repr(score_spotting(mixed, ["a", "b"], how)) == wanted


def test_rows_are_plain():
    scores = score_spotting([video("one", apart(2), apart(1))], ["a"])
    assert scores.recognition is not None
    for row in [*scores.rows(), scores.recognition.row()]:
        assert {type(value) for value in row.values()} <= {str, int, float}
    micro = scores.rows()[0]
    assert (micro["n_truth"], micro["n_spotted"], micro["recall"]) == (2, 1, 1 / 2)
    assert (micro["onset_n"], micro["onset_median_frames"], micro["apex_n"]) == (1, 0, 0)


# --- times


def test_times_of_what_was_found_by_hand():
    """200 Hz: 4, 1 and -2 frames late at onset, apex and offset, which is 20, 5 and -10 ms.
    50 Hz: -1 and 1, which is -20 and 20 ms, the true apex not known. 50 Hz: exact, the spotted apex
    not known. False and missed events and another kind have no part."""
    videos = [
        video("a", [Span(100, 140, "micro", 120)], [Span(104, 138, "micro", 121)], fps_hz=200.0),
        video("b", [Span(10, 19)], [Span(9, 20, "micro", 14), Span(80, 90)], fps_hz=50.0),
        video("c", [Span(10, 19, "micro", 15), Span(70, 79)], [Span(10, 19)], fps_hz=50.0),
        video("d", [Span(0, 99, "macro", 50)], [Span(9, 99, "macro", 59)]),
    ]
    onset, apex, offset = score_spotting(videos)["micro"].edges
    assert (onset.edge, apex.edge, offset.edge) == ("onset", "apex", "offset")
    assert (onset.n, apex.n, offset.n) == (3, 1, 3)
    numbers = [(e.median_frames, e.mean_frames, e.bias_frames) for e in (onset, apex, offset)]
    seconds = [(e.median_s, e.mean_s, e.bias_s) for e in (onset, apex, offset)]
    assert numbers[0] == pytest.approx((1, 5 / 3, 1))  # 4, -1, 0
    assert seconds[0] == pytest.approx((0.020, 0.040 / 3, 0))  # 20, -20, 0 ms
    assert numbers[1] == pytest.approx((1, 1, 1))
    assert seconds[1] == pytest.approx((0.005, 0.005, 0.005))
    assert numbers[2] == pytest.approx((1, 1, -1 / 3))  # -2, 1, 0
    assert seconds[2] == pytest.approx((0.010, 0.010, 0.010 / 3))  # -10, 20, 0 ms
    both = score_spotting(videos)["both"].edges[0]
    assert (both.n, both.bias_frames) == (4, pytest.approx(12 / 4))  # 4, -1, 0, 9


def test_times_of_nothing_found_are_not_known():
    edge = score_spotting([video("one", apart(1))])["micro"].edges[0]
    assert edge.n == 0
    assert isnan(edge.median_frames)
    assert isnan(edge.bias_s)


def test_false_events_a_minute_of_watched_time():
    """a: 60 s, of which 10-20, 15-30 and 50-90 s are unwatched, 20 + 10 s in all. b: 90 s. Three
    false events in two minutes."""
    a = video("a", (), apart(1), unwatched_s=((50, 90), (15, 30), (10, 20)))
    b = video("b", apart(1), apart(3), duration_s=90.0)
    assert (a.watched_s, b.watched_s) == (30, 90)
    scores = score_spotting([a, b])
    assert scores.watched_min == 2
    assert scores["micro"].false_per_minute == 3 / 2
    blind = score_spotting([video("c", (), apart(1), unwatched_s=((0, 20.1), (20.1, 60)))])
    assert isnan(blind["micro"].false_per_minute)


@QUICK
@given(st.lists(st.tuples(st.integers(-5, 40), st.integers(0, 20)), max_size=6))
def test_watched_time_is_that_of_a_set_of_seconds(stretches):
    pairs = tuple((start, start + length) for start, length in stretches)
    left = set(range(30)).difference(*(range(*pair) for pair in pairs))
    assert video("one", duration_s=30.0, unwatched_s=pairs).watched_s == len(left)


# --- recognition


def hit(true: str, called: str, kind="micro") -> Hit:
    return Hit(Span(0, 9, kind, None, true), Span(0, 9, kind, None, called))


def labelled(start: int, label: str) -> Span:
    return Span(start, start + 9, "micro", None, label)


def test_spot_then_recognise_by_hand():
    """Found: a as a, a as b, b as b, and one without a label. Missed: b and c. Two are false.
    F1 of spotting: 8/(8+2+2) = 2/3. Among the three with a label precision is 1/1, 1/2 and 0 (of c,
    which was not found), 1/2 in the mean; recall is 1/2, 1/1 and 0, 1/2 in the mean; F1 is 1/2 and
    STRS 1/3. UF1 without c: a 2/(2+0+1), b 2/(2+1+0). UAR without c: (1/2 + 1)/2."""
    truth = [labelled(i * 100, label) for i, label in enumerate(["a", "a", "b", "", "b", "c"])]
    spotted = [labelled(i * 100, label) for i, label in enumerate(["a", "b", "b", "a"])]
    one = video("one", truth[:2], spotted[:2] + apart(1, start=2000))
    two = video("two", truth[2:], spotted[2:] + apart(1, start=2000))
    scores = score_spotting([one, two], ["a", "b", "c"])
    assert scores["micro"].counts == Counts(4, 2, 2)
    found = scores.recognition
    assert found is not None
    assert found.n == 3
    assert found.confusion == ((1, 1, 0, 0), (0, 1, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0))
    assert (found.precision, found.recall, found.f1) == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    assert (found.uf1, found.uar) == pytest.approx((2 / 3, 3 / 4))
    assert scores.strs == pytest.approx(1 / 3)
    assert [score.support for score in found.per_class] == [2, 1, 0]


def test_f1_of_recognition_is_not_the_mean_f1():
    """a as a twice, a as b twice, b as b once: precision 1 and 1/3, recall 1/2 and 1: 2/3 and 3/4,
    whose harmonic mean is 12/17; UF1 is (4/6 + 2/4)/2 = 7/12."""
    found = recognise([hit("a", "a")] * 2 + [hit("a", "b")] * 2 + [hit("b", "b")], ["a", "b"])
    assert found.f1 == pytest.approx(12 / 17)
    assert found.uf1 == pytest.approx(7 / 12)


def test_only_micro_expressions_with_a_class_are_recognised_and_no_class_is_wrong():
    hits = [hit("a", "a"), hit("a", "other"), hit("other", "a"), hit("", "a"), hit("a", "")]
    found = recognise([*hits, hit("a", "a", "macro")], ["a", "b"])
    assert found.n == 3
    assert found.confusion[0] == (1, 0, 2)
    # a: 2/(2+0+2); b is absent
    assert (found.uf1, found.uar) == pytest.approx((1 / 2, 1 / 3))
    # precision 1 and 0, recall 1/3 and 0: 1/2 and 1/6
    assert found.f1 == pytest.approx(2 * (1 / 2) * (1 / 6) / (1 / 2 + 1 / 6))


@QUICK
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1))
def test_recognition_equal_to_scikit_learn(labels):
    """``d`` is none of the classes."""
    true, called = zip(*labels, strict=True)
    found = recognise([hit(*pair) for pair in labels], ["a", "b", "c"])
    options = {"labels": ["a", "b", "c"], "average": "macro"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for ours, theirs, absent in (
            (found.uf1, reference.f1_score, np.nan),
            (found.uar, reference.recall_score, np.nan),
            (found.precision, reference.precision_score, 0),
            (found.recall, reference.recall_score, 0),
        ):
            assert ours == pytest.approx(theirs(true, called, zero_division=absent, **options))


@QUICK
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1))
def test_uf1_and_uar_are_those_of_clips(pairs):
    found = recognise([hit("abc"[t], "abc"[p]) for t, p in pairs], list("abc"))
    matrix = confusion_matrix([t for t, _ in pairs], [p for _, p in pairs], 3)
    assert (found.uf1, found.uar) == pytest.approx((float(uf1(matrix)), float(uar(matrix))))


def test_strs_where_something_lacks():
    truth = [labelled(0, "a"), labelled(100, "b")]
    wrong = [labelled(0, "b"), labelled(100, "a")]
    # all spotted and all misnamed
    assert score_spotting([video("one", truth, wrong)], ["a", "b"]).strs == 0
    # nothing found of what is there: 0, though UF1 of no events is not known
    none = score_spotting([video("one", truth)], ["a", "b"])
    assert none.recognition is not None
    assert none.strs == 0
    assert isnan(none.recognition.uf1)
    assert isnan(none.recognition.f1)
    # no classes were asked for; found, but without a class in truth; nothing there and none found
    assert isnan(score_spotting([video("one", truth, truth)]).strs)
    assert isnan(score_spotting([video("one", apart(1), apart(1))], ["a"]).strs)
    assert isnan(score_spotting([video("one")], ["a"]).strs)
    assert score_spotting([video("one", truth, truth)], ["a", "b"]).strs == 1


# --- refusals


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"fps_hz": 0.0}, "video one: fps_hz is 0.0"),
        ({"fps_hz": float("nan")}, "video one: fps_hz is nan"),
        ({"duration_s": float("inf")}, "video one: duration_s is inf"),
        ({"unwatched_s": ((5.0, 4.0),)}, "video one: unwatched from 5.0 to 4.0 s"),
    ],
)
def test_impossible_videos_are_refused(wrong, words):
    with pytest.raises(ConfigError, match=words):
        video("one", **wrong)


def test_sets_of_videos_that_cannot_be_scored_are_refused():
    with pytest.raises(ConfigError, match="no videos"):
        score_spotting([])
    with pytest.raises(ConfigError, match="video one comes more than once"):
        score_spotting([video("one"), video("two"), video("one")])
    for classes in (["a", "a"], ["a", ""]):
        with pytest.raises(ConfigError, match="classes"):
            score_spotting([video("one")], classes)


def test_recall_by_strength() -> None:
    """Groups from a border to below the next; what is of no known strength is left out."""
    nan = float("nan")
    events = [
        ("micro", 0.5, True),
        ("micro", 0.99, False),
        ("micro", 1.0, True),
        ("micro", nan, True),
    ]
    events += [("macro", 0.7, True), ("macro", 12.0, False), ("macro", 40.0, True)]
    found = by_amplitude(events)
    assert [(a.kind, a.low_px, a.high_px, a.n, a.found) for a in found] == [
        ("micro", 0.5, 1.0, 2, 1),
        ("micro", 1.0, 1.5, 1, 1),
        ("macro", 0.5, 1.0, 1, 1),
        ("macro", 12.0, float("inf"), 2, 1),
    ]
    assert [a.recall for a in found] == [0.5, 1.0, 1.0, 0.5]
    assert by_amplitude([("micro", nan, True)]) == ()
