"""Each passage is asked about alone, by the judge that saw all of them."""

import pytest

from langchain_consensus import Question
from langchain_consensus.documents.support import Answered, supports
from langchain_consensus.prompts import Wording
from tests.engines import TableEngine

WORDING = Wording(
    name="w",
    kind="text",
    ask="{context}{question} {condition}",
    judge="{context}{question} {answer}?",
    context_block="[{context}] ",
    conditions=("bad", "good"),
    verdicts=("no", "yes"),
)


def test_the_support_is_the_share_of_yes_with_that_passage_alone_in_sight():
    engine = TableEngine(
        {
            ("[p] q a?", "no"): 0.1,
            ("[p] q a?", "yes"): 0.3,
            ("[r] q a?", "no"): 0.5,
            ("[r] q a?", "yes"): 0.5,
            ("[s] t b?", "no"): 0.9,
            ("[s] t b?", "yes"): 0.1,
        }
    )
    # What was shown when the answer was drawn does not matter.
    first = Answered(question=Question(text="q", context="everything"), answer="a", passages=("p", "r"))
    second = Answered(question=Question(text="t"), answer="b", passages=("s",))
    none = Answered(question=Question(text="u"), answer="c", passages=())
    found = supports(engine, WORDING, [first, none, second])
    assert [list(one.probabilities) for one in found] == [pytest.approx([0.75, 0.5]), [], pytest.approx([0.1])]
    assert len(engine.asked) == 1
    assert sum(one.usage.input_tokens for one in found) == 11


def test_no_passages_are_no_call():
    engine = TableEngine({})
    (found,) = supports(engine, WORDING, [Answered(question=Question(text="u"), answer="c", passages=())])
    assert (found.probabilities, engine.asked) == ((), [])
