"""Limits as people write them: amounts with units, and scores in the unit of their metric."""

import pytest

from edgeprune import tasks
from edgeprune.config import limits
from edgeprune.errors import EdgepruneError
from edgeprune.tasks.base import Metric

ACCURACY = tasks.get("classification").headline


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("10ms", "time", 10), ("0.5 s", "time", 500), ("200us", "time", 0.2), ("2MB", "bytes", 2e6),
        ("1e3kB", "bytes", 1e6), ("2MiB", "bytes", 2**21), ("5mJ", "energy", 5), (".5J", "energy", 500),
    ],
)  # fmt: skip
def test_amounts_with_units(text, kind, value):
    assert limits.parse(text, kind, "--x").value == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "kind", "problem"),
    [
        ("10", "time", "no unit"), ("10m", "time", "unknown unit"), ("fast", "time", "not an amount"),
        ("0ms", "time", "range"), ("2Mb", "bytes", "unknown unit"), ("1.2.3s", "time", "not an amount"),
    ],
)  # fmt: skip
def test_a_wrong_amount_names_the_option_and_the_units(text, kind, problem):
    with pytest.raises(EdgepruneError, match=problem) as caught:
        limits.parse(text, kind, "--option")
    assert caught.value.key == "--option"
    assert "write e.g. --option" in caught.value.remedy


PSNR = tasks.get("denoising").headline


SSIM = tasks.get("super-resolution").metrics[1]


ERROR = Metric("error", "Error of the centre", higher_is_better=False, unit="px", decimals=1)


@pytest.mark.parametrize(
    ("text", "metric", "value", "shown"),
    [
        ("90%", ACCURACY, 0.9, "90.00 %"), ("0.9", ACCURACY, 0.9, "90.00 %"), ("28.5dB", PSNR, 28.5, "28.50 dB"),
        ("27", PSNR, 27, "27.00 dB"), ("0.9", SSIM, 0.9, "0.9000"), ("3 px", ERROR, 3, "3.0 px"),
        ("0%", ACCURACY, 0, "0.00 %"),
    ],
)  # fmt: skip
def test_a_score_has_the_unit_of_its_metric_or_none(text, metric, value, shown):
    limit = limits.parse_score(text, metric, "--score")
    assert limit.value == pytest.approx(value)
    assert limit.show(limit.value) == shown


@pytest.mark.parametrize(
    ("text", "metric", "problem", "remedy"),
    [
        ("90", ACCURACY, "range", "--score 0.9 or 90%"), ("28dB", ACCURACY, "unknown unit 'dB'", "units: %"),
        ("-1%", ACCURACY, "not an amount", "units: %"), ("90%", PSNR, "unknown unit '%'", "--score 28.5dB; units: dB"),
        ("90%", SSIM, "unknown unit '%'", "it has no unit"),
    ],
)  # fmt: skip
def test_a_unit_that_is_not_the_metrics_is_refused_with_what_fits(text, metric, problem, remedy):
    with pytest.raises(EdgepruneError, match=problem) as caught:
        limits.parse_score(text, metric, "--score")
    assert caught.value.key == "--score"
    assert remedy in caught.value.remedy
