"""Equations between widths."""

import pytest

from edgeprune.tracing.algebra import Widths


def free(widths, *sizes):
    return [((1, widths.new(n)),) for n in sizes]


def test_equal_widths_become_one_variable():
    w = Widths()
    a, b = free(w, 8, 8)
    w.unify(a, b, "sum")
    assert w.resolve(a) == w.resolve(b) == ((1, 0),)


def test_a_multiple_of_one_is_a_multiple_of_the_other():
    w = Widths()
    a, b = free(w, 6, 4)
    w.unify(((2, a[0][1]),), ((3, b[0][1]),), "sum")  # 2a = 3b: a = 3t, b = 2t
    ((ca, t),), ((cb, u),) = w.resolve(a), w.resolve(b)
    assert (ca, cb) == (3, 2)
    assert t == u
    assert w.size[t] == 2


def test_concatenation_substitutes_a_single_width():
    w = Widths()
    a, b, whole = free(w, 3, 5, 8)
    w.unify(whole, a + b, "sum")
    assert w.resolve(whole) == a + b


def test_concatenations_cut_at_different_places():
    w = Widths()
    a, b, c, d = free(w, 16, 8, 8, 16)
    w.unify(a + b, c + d, "sum")
    assert w.resolve(a + b) == w.resolve(c + d)
    assert len(w.resolve(a + b)) == 3


def test_a_constant_freezes_with_the_reason_of_its_origin():
    w = Widths()
    a, b = free(w, 8, 8)
    w.freeze(a, "first reason")
    w.unify(a, b, "sum")
    assert w.is_constant(b)
    assert w.explain(b) == "first reason"


@pytest.mark.parametrize("swap", [False, True])
def test_an_unlabelled_dimension_freezes(swap):
    w = Widths()
    (a,) = free(w, 8)
    w.unify(*((None, a) if swap else (a, None)), "sum")
    assert w.resolve(a) == ((8, None),)


def test_different_sizes_are_an_error():
    w = Widths()
    a, b = free(w, 8, 9)
    with pytest.raises(ValueError, match="8 and 9"):
        w.unify(a, b, "sum")


def test_blocks_and_interleaved_parts():
    w = Widths()
    a, b = free(w, 12, 12)
    part = w.divide(a, 3)
    assert w.resolve(a) == part * 3
    assert w.count(part) == 4
    inner = w.divide(b, 3, inner=True)
    assert w.resolve(b) == ((3, inner[0][1]),)
    assert w.divide(b, 3) == inner  # three groups of a shuffled tensor need nothing new


def test_parts_of_a_concatenation_are_tied_not_cut():
    w = Widths()
    a, b = free(w, 4, 4)
    assert w.divide(a + b, 2) == ((1, 0),)
    assert w.resolve(b) == ((1, 0),)


def test_indivisible_sizes():
    w = Widths()
    (a,) = free(w, 7)
    assert w.divide(a, 2) is None
    assert w.resolve(a) == a
    assert w.divide(((4, None),) + a, 2) is None


def test_cut_inside_a_unit_is_impossible():
    w = Widths()
    (a,) = free(w, 4)
    assert w.cut(((9, a[0][1]),), [10, 26]) is None
    assert [w.count(p) for p in w.cut(((9, a[0][1]),), [9, 27])] == [9, 27]


def test_a_width_that_contains_itself_is_frozen():
    w = Widths()
    a, b, c = free(w, 4, 4, 4)
    w.unify(((2, a[0][1]),) + b, c + ((2, a[0][1]),), "sum")
    w.unify(((2, a[0][1]),), a + b, "sum")
    assert w.count(w.resolve(a)) == w.count(w.resolve(b)) == 4


def test_equal_blocks_against_a_part_and_equal_blocks():
    """ShuffleNet v1's first sum: 3 blocks of 80 == 24 and 3 blocks of 72; all hang together in pieces of 8."""
    w = Widths()
    stem, block, whole = free(w, 24, 72, 80)
    w.unify(whole * 3, stem + block * 3, "sum")
    assert [w.count(w.resolve(e)) for e in (stem, block, whole)] == [24, 72, 80]
    pieces = {segment for e in (stem, block, whole) for segment in w.resolve(e)}
    ((coefficient, v),) = pieces
    assert (coefficient, w.size[v]) == (1, 8)
    assert [len(w.resolve(e)) for e in (stem, block, whole)] == [3, 9, 10]


def test_pieces_next_to_a_constant_stay():
    w = Widths()
    a, b = free(w, 4, 6)
    w.unify(((2, None), *a, *a), a + b, "sum")  # the constant's 2 channels are a's first two, then a's last two, ...
    assert w.is_constant(a)
    assert w.is_constant(b)


def test_pieces_that_cut_a_unit_freeze():
    w = Widths()
    (a,) = free(w, 4)
    v = a[0][1]
    w.unify(((3, v), (1, v)), ((1, v), (3, v)), "sum")  # the same sum: nothing to state
    assert not w.is_constant(a)
    b, c = free(w, 5, 2)
    w.unify(((2, v), *c), b * 2, "sum")
    assert w.count(w.resolve(b)) == 5
    assert w.count(w.resolve(a)) == 4
