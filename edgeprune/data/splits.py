"""Cut a part off a split: stratified, and the same on every platform and with every NumPy."""

import math
from fractions import Fraction

import numpy as np


def cut(strata: np.ndarray, fraction: float, seed: int, stream: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide samples in two, each stratum in the same proportion.

    A stratum of n samples gives ``round(fraction * n)`` of them (halves upwards), at least one and at most n - 1; a
    stratum of a single sample gives none.

    Args:
        strata: int (N,), the stratum of each sample: its class, or zeros where there are no classes.
        fraction: share to cut off, in (0, 1).
        seed: non-negative int.
        stream: small int that keeps cuts of one seed apart (test and validation).

    Returns:
        tuple: indices that stay and indices cut off, each int64, ascending.
    """
    # Generator.shuffle and Generator.permutation may change between NumPy releases. Raw PCG64 output and SeedSequence
    # may not (NumPy's compatibility guarantee for bit generators), so each sample gets a raw 64-bit key and the
    # smallest keys of each stratum are taken.
    strata = np.asarray(strata)
    keys = np.random.PCG64(np.random.SeedSequence([seed, stream])).random_raw(len(strata))
    chosen = np.zeros(len(strata), dtype=bool)
    share = Fraction(str(fraction))  # 0.1 means a tenth: float products would round differently at halves
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        count = math.floor(share * len(members) + Fraction(1, 2))
        count = min(max(count, 1), len(members) - 1)
        chosen[members[np.argsort(keys[members], kind="stable")[:count]]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
