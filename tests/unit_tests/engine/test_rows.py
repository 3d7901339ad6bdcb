"""Largest entries and sums of long rows are those of PyTorch's own functions."""

import pytest
import torch

from langchain_consensus.engine.rows import largest, logsumexp


@pytest.mark.parametrize("width", [40, 3_200, 20_011, 40_000])
@pytest.mark.parametrize("count", [1, 5, 40])
def test_the_largest_entries_are_topks_wherever_they_lie(width, count):
    rows = torch.randn(6, width, generator=torch.Generator().manual_seed(0))
    rows[1, -count:] += 100  # in the columns that no block holds
    rows[2, :count] += 100  # all in one block
    values, columns = largest(rows, count)
    expected = rows.topk(count, dim=-1)
    assert torch.equal(values, expected.values)
    assert torch.equal(columns, expected.indices)


def test_equal_entries_are_found_as_often_as_they_are_there():
    rows = torch.zeros(2, 40_000)
    rows[:, ::1000] = 1.0
    values, columns = largest(rows, 50)
    assert values.sum(dim=-1).tolist() == [40.0, 40.0]
    assert all(len(set(row)) == 50 for row in columns.tolist())
    assert torch.equal(rows.gather(1, columns), values)


@pytest.mark.parametrize("width", [7, 16_384, 50_001])
def test_sums_of_exponentials_are_torchs_without_overflow(width):
    rows = 500 * torch.randn(5, width, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(logsumexp(rows), torch.logsumexp(rows, dim=-1), rtol=1e-6)


def test_rows_with_infinities_and_nan_are_summed_as_torch_sums_them():
    rows = torch.randn(4, 100)
    rows[0, 3], rows[1], rows[2, 5], rows[3, 1] = -torch.inf, -torch.inf, torch.inf, torch.nan
    assert torch.equal(logsumexp(rows), torch.logsumexp(rows, dim=-1)) or torch.isnan(logsumexp(rows)[3])
    assert logsumexp(rows[:3]).tolist() == torch.logsumexp(rows[:3], dim=-1).tolist()
