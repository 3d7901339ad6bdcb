"""A retriever's order or scores, on a common scale."""

import numpy as np
import pytest
from langchain_core.documents import Document

from langchain_consensus.documents.prior import standardised
from langchain_consensus.errors import InvalidInputError


def scored(*scores):
    return [Document(page_content="x", metadata={"score": score}) for score in scores]


def test_scores_have_mean_zero_and_deviation_one():
    # Mean 3, deviations -2, 0, 2: standard deviation sqrt(8/3).
    assert standardised(scored(1, 3.0, np.float32(5)), "score") == pytest.approx([-np.sqrt(1.5), 0, np.sqrt(1.5)])


def test_the_scale_and_the_zero_of_the_scores_do_not_matter():
    assert standardised(scored(1, 2, 7), "score") == pytest.approx(standardised(scored(110, 120, 170), "score"))


def test_the_order_counts_by_the_logarithm_of_the_place():
    first, second, third = standardised(["a", "b", "c"], "rank")
    # -log 1, -log 2, -log 3: the steps are in the proportion log 2 to log 3/2.
    assert (first - second) / (second - third) == pytest.approx(np.log(2) / np.log(1.5))
    assert first + second + third == pytest.approx(0, abs=1e-12)


def test_documents_that_are_all_alike_are_no_evidence():
    assert standardised(scored(2, 2), "score") == [0, 0]
    assert standardised(["a"], "rank") == [0]


@pytest.mark.parametrize("bad", [None, "high", True, float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_named_with_its_document(bad):
    with pytest.raises(InvalidInputError, match=r"`metadata\['score'\]` of `documents\[1\]` is .* a finite number"):
        standardised([*scored(1), *scored(bad)], "score")


def test_a_text_has_no_score():
    with pytest.raises(InvalidInputError, match=r"`documents\[0\]` is None"):
        standardised(["a"], "score")
