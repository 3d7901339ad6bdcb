"""Answers that the engine says mean the same are one candidate; the engine's word is taken both ways."""

import numpy as np
import pytest
from langchain_core.load import dumps, loads

from langchain_consensus import Consensus, EquilibriumRankingLLM, Meanings, Question, Rounds, SamplingSettings, given
from langchain_consensus.engine import ContinuationScores, ScoreResult, TransformersEngine, Usage
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.meanings import merged_by_meaning
from tests.engines import RecordingEngine, text_of

ASKED = "When does the train leave?"
BELIEFS = {ASKED: {"at noon": 0.4, "at 12:00": 0.35, "at midnight": 0.25}}


class Comparing(RecordingEngine):
    """Says of some ordered pairs that the second answer follows from the first, with probability `sure`."""

    def __init__(self, follows, *, sure=0.9, is_chat=True):
        super().__init__(BELIEFS, is_chat=is_chat)
        self.follows, self.sure, self.compared = follows, sure, []

    def score(self, requests):
        if "One answer:" not in text_of(requests[0].prompt):
            return super().score(requests)
        self.compared.append(len(requests))
        scores = []
        for request in requests:
            lines = text_of(request.prompt).split("\n")
            pair = tuple(line.split(": ", 1)[1] for line in lines if line.startswith(("One answer", "Another answer")))
            yes = self.sure if pair in self.follows else 1 - self.sure
            scores.append(ContinuationScores(logprobs=np.log([1 - yes, yes]), tokens=np.array([1, 1])))
        return ScoreResult(scores=tuple(scores), usage=Usage(input_tokens=100))


def both(*pairs):
    return {pair for one in pairs for pair in (one, one[::-1])}


def texts(candidates):
    return [[member.text for member in one.members] for one in candidates.items]


@pytest.mark.parametrize("is_chat", [True, False])
def test_what_follows_both_ways_is_one_candidate_with_the_draws_of_both(is_chat):
    engine = Comparing(both(("at noon", "at 12:00")), is_chat=is_chat)
    sampling = SamplingSettings(n=32)
    [apart] = Consensus(engine=engine, sampling=sampling).draw([Question(text=ASKED)])
    [merged] = Consensus(engine=engine, sampling=sampling, meanings=Meanings()).draw([Question(text=ASKED)])
    draws = {one.text: one.draws for one in apart.items}
    together = next(one for one in merged.items if len(one.members) == 2)
    assert {member.text for member in together.members} == {"at noon", "at 12:00"}
    assert together.draws == draws["at noon"] + draws["at 12:00"]
    assert len(merged.items) == 2
    assert merged.usage.input_tokens == apart.usage.input_tokens + 100


def test_what_follows_one_way_stays_apart():
    engine = Comparing({("at noon", "at 12:00")})
    [found] = merged_by_meaning(engine, [given(ASKED, ["at noon", "at 12:00"])], Meanings())
    assert texts(found) == [["at noon"], ["at 12:00"]]


def test_a_chain_of_small_differences_does_not_tie_its_ends_together():
    engine = Comparing(both(("a", "b"), ("b", "c")))
    [found] = merged_by_meaning(engine, [given(ASKED, ["a", "b", "c"])], Meanings())
    assert texts(found) == [["a", "b"], ["c"]]


def test_a_higher_probability_merges_less():
    engine = Comparing(both(("a", "b")), sure=0.8)
    for least, count in ((0.79, 1), (0.81, 2)):
        [found] = merged_by_meaning(engine, [given(ASKED, ["a", "b"])], Meanings(least_probability=least))
        assert len(found.items) == count


def test_all_pairs_of_a_batch_are_one_call_and_single_answers_none():
    engine = Comparing(both(("a", "b")))
    batch = [given(ASKED, ["a", "b", "c"]), given(ASKED, ["a"]), given(ASKED, ["x", "y"])]
    found = merged_by_meaning(engine, batch, Meanings())
    assert engine.compared == [3 * 2 + 2 * 1]
    assert [texts(one) for one in found] == [[["a", "b"], ["c"]], [["a"]], [["x"], ["y"]]]
    assert merged_by_meaning(engine, [batch[1]], Meanings()) == [batch[1]]
    assert len(engine.compared) == 1


def test_an_answer_with_braces_is_text():
    engine = Comparing(both(("{question}", "{0}")))
    [found] = merged_by_meaning(engine, [given(ASKED, ["{question}", "{0}"])], Meanings())
    assert texts(found) == [["{question}", "{0}"]]


def test_merged_answers_are_ranked_as_one_also_in_rounds():
    engine = Comparing(both(("at noon", "at 12:00")))
    for rounds in (None, Rounds()):
        consensus = Consensus(engine=engine, sampling=SamplingSettings(n=16), meanings=Meanings(), rounds=rounds)
        [found] = consensus.ask([Question(text=ASKED)])
        assert sorted(len(one.members) for one in found.candidates) == [1, 2]


@pytest.mark.parametrize("wrong", [0, -0.1, 1.5])
def test_a_probability_that_is_none_is_refused(wrong):
    with pytest.raises(InvalidInputError, match="`least_probability` is"):
        Meanings(least_probability=wrong)


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_the_surfaces_take_meanings_and_write_them_down():
    llm = EquilibriumRankingLLM(engine=Comparing(both(("at noon", "at 12:00"))), meanings=True, num_candidates=16)
    assert llm.meanings == Meanings()
    assert llm.invoke(ASKED) in {"at noon", "at 12:00"}
    assert EquilibriumRankingLLM(engine=llm.engine, meanings=False).meanings is None
    with pytest.raises(ValueError, match="'least'"):
        EquilibriumRankingLLM(engine=llm.engine, meanings={"least": 0.9})
    kept = EquilibriumRankingLLM(engine=TransformersEngine("some/model"), meanings={"least_probability": 0.8})
    again = loads(dumps(kept), valid_namespaces=["langchain_consensus"], allowed_objects=[EquilibriumRankingLLM])
    assert again.meanings == Meanings(least_probability=0.8)


@pytest.mark.parametrize("options", [{"meanings": Meanings()}, {"anchors": "informed"}])
def test_what_needs_scores_is_refused_for_a_model_that_can_only_be_sampled(options):
    class Sampled(Comparing):
        draws = verdict_draws = 4

        def beginnings(self, prompts):
            raise AssertionError(prompts)

    [name] = options
    with pytest.raises(InvalidInputError, match=f"`{name}` is set, and .* can only be sampled"):
        Consensus(engine=Sampled(()), sampling=SamplingSettings(n=4, top_p=1.0, top_k=0), **options).ask(
            [Question(text=ASKED)]
        )
