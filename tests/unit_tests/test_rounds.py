"""Draws in rounds: the same draws, fewer of them, and the probabilities that decide it."""

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import strategies as st
from langchain_core.load import dumps, loads
from scipy.stats import beta

from langchain_consensus import Consensus, EquilibriumRankingLLM, Question, Rounds, Rule, SamplingSettings
from langchain_consensus.draws import sampled
from langchain_consensus.engine import Sample, SampleResult, TransformersEngine, Usage
from langchain_consensus.errors import EngineError, InvalidInputError
from langchain_consensus.prompts import wording_named
from langchain_consensus.rounds import new_answer_probability, wrong_leader_probability
from tests.engines import RecordingEngine

SURE, OPEN = "What is sure?", "What is open?"
BELIEFS = {SURE: {"this": 0.999, "that": 0.001}, OPEN: {f"answer {letter}": 1 / 16 for letter in "abcdefghijklmnop"}}


def candidates_of(beliefs, n, *, seed=0):
    engine = RecordingEngine({SURE: beliefs})
    [found] = sampled(engine, wording_named("qa"), [Question(text=SURE)], SamplingSettings(n=n, seed=seed))
    return found


def asked(engine, questions, *, rounds=None, rule=Rule.ER_DISCRIMINATOR, **sampling):
    consensus = Consensus(engine=engine, rounds=rounds, rule=rule, sampling=SamplingSettings(**({"n": 16} | sampling)))
    return consensus.ask([Question(text=text) for text in questions])


def test_a_question_that_goes_through_every_round_has_the_ranking_of_one_without_rounds():
    [plain], [in_rounds] = (
        asked(RecordingEngine(BELIEFS), [OPEN]),
        asked(RecordingEngine(BELIEFS), [OPEN], rounds=Rounds()),
    )
    assert sum(one.draws for one in in_rounds.candidates) == 16
    assert in_rounds.candidates == plain.candidates


@pytest.mark.parametrize("rule", list(Rule))
def test_only_questions_that_are_not_settled_are_drawn_for_again(rule):
    engine = RecordingEngine(BELIEFS)
    sure, open_ = asked(engine, [SURE, OPEN], rounds=Rounds(), rule=rule)
    assert [(len(prompts), settings.first, settings.n) for prompts, settings in engine.sample_calls] == [
        (2, 0, 4),
        (1, 4, 4),
        (1, 8, 8),
    ]
    assert sum(one.draws for one in sure.candidates) == 4
    assert sum(one.draws for one in open_.candidates) == 16
    assert sure.answer == "this"
    assert sure.usage.sampled_tokens < open_.usage.sampled_tokens


def test_a_batch_in_rounds_is_its_questions_one_by_one():
    together = asked(RecordingEngine(BELIEFS), [SURE, OPEN, SURE], rounds=Rounds())
    alone = [asked(RecordingEngine(BELIEFS), [text], rounds=Rounds())[0] for text in (SURE, OPEN, SURE)]
    for one, other in zip(together, alone, strict=True):
        assert [c.text for c in one.candidates] == [c.text for c in other.candidates]
        assert [c.draws for c in one.candidates] == [c.draws for c in other.candidates]


def test_the_chance_of_a_new_answer_is_bounded_by_what_the_model_gives_to_those_seen():
    found = candidates_of({"this": 0.9, "that": 0.1}, 1)
    seen = 0.9 if found.items[0].text == "this" else 0.1
    assert new_answer_probability(found, 3) == pytest.approx(1 - seen**3)
    assert new_answer_probability(candidates_of({"this": 1.0}, 2), 12) == 0


def test_draws_that_were_cut_count_as_nothing_seen():
    class Cut(RecordingEngine):
        def sample(self, prompts, settings):
            one = Sample(text="th", tokens=1, logprob=0.0, end_logprob=None, finish="length", canonical=True)
            return SampleResult(samples=((one,) * settings.n,) * len(prompts), usage=Usage())

    [found] = sampled(Cut(), wording_named("qa"), [Question(text=SURE)], SamplingSettings(n=4))
    assert new_answer_probability(found, 1) == 1


def test_settled_questions_meet_a_new_answer_no_more_often_than_the_risk():
    rng, risk, left, settled, met = np.random.default_rng(0), 0.2, 4, 0, 0
    for seed in range(400):
        shares = rng.dirichlet(np.full(4, 0.2))
        beliefs = {f"answer {i}": float(share) for i, share in enumerate(shares) if share > 1e-9}
        beliefs = {text: share / sum(beliefs.values()) for text, share in beliefs.items()}
        found = candidates_of(beliefs, 4, seed=seed)
        if new_answer_probability(found, left) <= risk:
            settled += 1
            more = {one.text for one in candidates_of(beliefs, 4, seed=seed + 1000).items}
            met += not more <= {one.text for one in found.items}
    assert settled > 100
    assert met <= risk * settled


def test_the_leader_s_lead_by_hand():
    # Beta(5, 1) is below 1/2 with probability 1/2^5.
    assert wrong_leader_probability(candidates_of({"this": 1.0}, 4)) == pytest.approx(1 / 32)


@over(first=st.integers(1, 12), second=st.integers(0, 12))
def test_the_leader_s_lead_is_the_posterior_of_a_uniform_prior(first, second):
    class Drawn:
        def __init__(self, draws):
            self.draws = draws

    class Two:
        items = tuple(Drawn(n) for n in (first, second) if n)

    more, less = max(first, second), min(first, second)
    assert wrong_leader_probability(Two) == pytest.approx(beta(more + 1, less + 1).cdf(0.5), abs=1e-12)


def test_a_leader_that_the_judge_does_not_prefer_settles_nothing():
    class Doubting(RecordingEngine):
        """Prefers the rare answer."""

        def sample(self, prompts, settings):
            texts = ["this one", "that", "this one", "this one", "this one", "this one"]
            group = tuple(
                Sample(text=text, tokens=40, logprob=-9.0, end_logprob=-1.0, finish="end", canonical=False)
                for text in texts[: settings.n]
            )
            return SampleResult(samples=(group,) * len(prompts), usage=Usage(sampled_tokens=40))

    beliefs = {SURE: {"this one": 0.1, "that": 0.9}}
    [found] = asked(Doubting(beliefs), [SURE], rounds=Rounds(sizes=(6, 2), risk=0.2), n=8, temperature=0.5)
    assert found.answer == "that"
    assert sum(one.draws for one in found.candidates) == 8
    # The ranking that settled nothing is paid for as well: two rounds, two times scoring.
    assert found.usage.forwards == 2
    [votes] = asked(
        Doubting(beliefs), [SURE], rounds=Rounds(sizes=(6, 2), risk=0.2), n=8, temperature=0.5, rule=Rule.MAJORITY
    )
    assert sum(one.draws for one in votes.candidates) == 6


def test_a_token_budget_ends_the_rounds_of_a_question_that_is_open():
    [found] = asked(RecordingEngine(BELIEFS), [OPEN], rounds=Rounds(token_budget=5))
    assert sum(one.draws for one in found.candidates) == 4


def test_empty_first_draws_are_no_failure_while_there_are_more():
    class LateStarter(RecordingEngine):
        def sample(self, prompts, settings):
            text = "" if settings.first == 0 else "late"
            one = Sample(text=text, tokens=1, logprob=-0.1, end_logprob=-0.1, finish="end", canonical=True)
            return SampleResult(samples=((one,) * settings.n,) * len(prompts), usage=Usage(sampled_tokens=1))

    [found] = asked(LateStarter(BELIEFS), [SURE], rounds=Rounds(sizes=(2, 2)), n=4)
    assert found.answer == "late"
    with pytest.raises(EngineError, match="visible character"):
        asked(LateStarter(BELIEFS), [SURE], rounds=Rounds(sizes=(2,)), n=2)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"sizes": ()}, "sizes"),
        ({"sizes": (4, 0)}, "sizes"),
        ({"sizes": (True,)}, "sizes"),
        ({"risk": 0}, "risk"),
        ({"risk": 1.0}, "risk"),
        ({"token_budget": 0}, "token_budget"),
    ],
)
def test_wrong_rounds_are_refused_by_name(options, named):
    with pytest.raises(InvalidInputError, match=f"`{named}` is"):
        Rounds(**options)


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_the_surfaces_take_rounds_and_write_them_down():
    llm = EquilibriumRankingLLM(engine=RecordingEngine(BELIEFS), num_candidates=16, rounds=(4, 4, 8))
    assert llm.rounds == Rounds()
    assert llm.invoke(SURE) == "this"
    assert len(llm.engine.sample_calls) == 1
    with pytest.raises(ValueError, match="`rounds` has the sizes"):
        EquilibriumRankingLLM(engine=RecordingEngine(BELIEFS), num_candidates=8, rounds=(4, 8))
    with pytest.raises(ValueError, match="'size'"):
        EquilibriumRankingLLM(engine=RecordingEngine(BELIEFS), rounds={"size": (4, 4)})
    kept = EquilibriumRankingLLM(
        engine=TransformersEngine("some/model"), num_candidates=6, rounds={"sizes": (2, 4), "risk": 0.1}
    )
    again = loads(dumps(kept), valid_namespaces=["langchain_consensus"], allowed_objects=[EquilibriumRankingLLM])
    assert again.rounds == Rounds(sizes=(2, 4), risk=0.1)
