"""Products of few rows: what PyTorch gives, from few lengths."""

import pytest
import torch
from torch.nn.functional import linear

from langchain_consensus.engine import few_rows as module
from langchain_consensus.engine.few_rows import LENGTHS, few_rows

WEIGHT, BIAS = torch.randn(24, 40), torch.randn(24)


@pytest.mark.parametrize("count", [2, 3, 8, 9, 33, 64, 65, 200, 256])
@pytest.mark.parametrize("bias", [None, BIAS])
def test_rows_are_those_of_linear(count, bias):
    rows = torch.randn(count, 40)
    torch.testing.assert_close(few_rows(rows, WEIGHT, bias), linear(rows, WEIGHT, bias))


@pytest.mark.parametrize("shape", [(1, 7, 40), (3, 1, 40), (2, 3, 5, 40), (2, 4, 40)])
def test_leading_dimensions_stay_and_strides_do_not_matter(shape):
    rows = torch.randn(*reversed(shape)).permute(*reversed(range(len(shape))))
    found = few_rows(rows, WEIGHT)
    assert found.shape == (*shape[:-1], 24)
    torch.testing.assert_close(found, linear(rows, WEIGHT))


def test_a_row_that_is_not_finite_leaves_the_others_alone():
    rows = torch.randn(5, 40)
    rows[2] = torch.nan
    found = few_rows(rows, WEIGHT)
    assert found[2].isnan().all()
    assert found[[0, 1, 3, 4]].isfinite().all()


def test_only_some_lengths_are_computed_and_none_wastes_more_than_a_third_of_its_rows(monkeypatch):
    seen = []
    product = module._product
    monkeypatch.setattr(module, "_product", lambda rows, *rest: seen.append(len(rows)) or product(rows, *rest))
    for count in range(2, 257):
        few_rows(torch.randn(count, 40), WEIGHT)
        assert count <= seen[-1] <= max(1.34 * count, count + 1)
    assert set(seen) == set(LENGTHS)
    assert len(LENGTHS) == 21


@pytest.mark.parametrize(
    "rows",
    [torch.randn(1, 40), torch.randn(257, 40), torch.randn(0, 40), torch.randn(8, 40, dtype=torch.float64)],
    ids=["one row", "many rows", "no row", "float64"],
)
def test_what_is_no_faster_is_left_to_pytorch(rows):
    assert few_rows(rows, WEIGHT) is None
