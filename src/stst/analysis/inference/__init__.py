"""What measures of a few clips say of all clips: intervals, tests, verdicts. The clip is the unit.

Frames of a clip are alike, and so are stimuli made of it with other seeds: each clip comes in as
one number. Of one clip there is no interval and no test; results then say ``"descriptive"``. SciPy
is imported when it computes, not before.
"""

from stst.analysis.inference.blocks import TimeBand, block_bootstrap
from stst.analysis.inference.intervals import BOOTSTRAP_FROM, Interval, Method, mean_interval
from stst.analysis.inference.margins import (
    Equivalence,
    EquivalenceVerdict,
    NullComparison,
    NullVerdict,
    at_null,
    equivalence_test,
)
from stst.analysis.inference.permutation import (
    EXACT_PAIRS,
    PermutationTest,
    permutation_test,
    smallest_p,
)
from stst.analysis.inference.values import RESAMPLES

__all__ = [
    "BOOTSTRAP_FROM",
    "EXACT_PAIRS",
    "RESAMPLES",
    "Equivalence",
    "EquivalenceVerdict",
    "Interval",
    "Method",
    "NullComparison",
    "NullVerdict",
    "PermutationTest",
    "TimeBand",
    "at_null",
    "block_bootstrap",
    "equivalence_test",
    "mean_interval",
    "permutation_test",
    "smallest_p",
]
