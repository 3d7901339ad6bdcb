"""One answer and a judge: numbers by hand, and no number where the judge has none."""

import json
import math

import pytest

from langchain_consensus import Question
from langchain_consensus.engine import SamplingSettings
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import Message, wording_named
from langchain_consensus.verification import Verification, Verifier
from tests.engines import BELIEFS, CAPITAL, RecordingEngine, TableEngine, text_of

WORDING = wording_named("qa")
PROMPT = f"Question: {CAPITAL}\nAnswer: Canberra\nIs this answer correct or incorrect? This answer is"


def judge(correct, incorrect, **options):
    engine = TableEngine({(PROMPT, " correct"): correct, (PROMPT, " incorrect"): incorrect})
    return Verifier(engine=engine, wording=WORDING, **options).verify(Question(text=CAPITAL), "Canberra")


def test_the_confidence_is_the_correct_word_s_share_of_the_two():
    found = judge(0.6, 0.2)  # 0.6 / (0.6 + 0.2)
    assert found.confidence == pytest.approx(0.75)
    assert found.problem == ""
    assert (found.result.answer, found.result.wording, found.result.model) == ("Canberra", "qa", "table")
    assert found.result.usage.input_tokens == 11


@pytest.mark.parametrize(("mass", "answers"), [(0.49, False), (0.5, True), (0.51, True)])
def test_a_verdict_counts_from_the_least_mass_on(mass, answers):
    found = judge(mass / 2, mass / 2)
    assert (found.confidence is not None) is answers
    assert bool(found.problem) is not answers
    assert found.result.abstained is not answers


def test_a_judge_without_any_probability_on_its_words_gives_no_confidence_where_one_half_would_be_the_convention():
    found = judge(0.0, 0.0, min_verdict_mass=0.1)
    assert found.confidence is None
    assert "puts 0% of its probability on 'incorrect' and 'correct', and 10% are asked for" in found.problem


@pytest.mark.parametrize("value", [math.nan, math.inf, 5.0])
def test_scores_that_are_no_log_probabilities_give_no_confidence(value):
    class Broken(TableEngine):
        def score(self, requests):
            result = super().score(requests)
            result.scores[0].logprobs[1] = value
            return result

    engine = Broken({(PROMPT, " correct"): 0.6, (PROMPT, " incorrect"): 0.2})
    found = Verifier(engine=engine, wording=WORDING).verify(Question(text=CAPITAL), "Canberra")
    assert found.confidence is None
    assert "no log-probabilities" in found.problem
    json.dumps(found.result.model_dump(mode="json"), allow_nan=False)


def test_a_wording_that_cannot_ask_the_question_is_an_error():
    asked = Question(text=CAPITAL, history=(Message(role="user", content="Hi"),))
    with pytest.raises(InvalidInputError, match="use a chat wording"):
        Verifier(engine=TableEngine({}), wording=WORDING).verify(asked, "Canberra")


def test_what_could_not_be_asked_is_no_acceptance():
    found = Verification.impossible("Canberra", "the judge is ill")
    assert (found.confidence, found.problem, found.result.abstained) == (None, "the judge is ill", True)
    assert found.result.answer is None


def test_contrast_candidates_are_drawn_by_the_judge_and_the_answer_is_one_of_the_candidates():
    engine = RecordingEngine(BELIEFS)
    settings = SamplingSettings(n=8, seed=3)
    found = Verifier(engine=engine, wording=wording_named("chat_qa"), contrast=settings, contrast_by="game").verify(
        Question(text=CAPITAL), "Sydney"
    )
    own = next(one for one in found.result.candidates if one.text == "Sydney")
    assert found.confidence == own.scores["er_discriminator"]
    assert found.confidence < 0.5 < max(one.scores["er_discriminator"] for one in found.result.candidates)
    assert len({one.text for one in found.result.candidates}) > 1
    assert engine.sample_calls[0][1] == settings
    # Both prompts of the generator and one verdict for each candidate, in one call.
    assert len(engine.score_calls) == 1
    verdicts = [text_of(one.prompt) for one in engine.score_calls[0] if "Proposed answer" in text_of(one.prompt)]
    assert len(verdicts) == len(found.result.candidates)
    assert found.result.usage.sampled_tokens > 0
    assert found.result.answer == found.result.text == "Sydney"


def test_a_verdict_is_read_relative_to_those_of_the_judge_s_own_answers_by_hand():
    # The fake's verdict is its belief: log-odds of 0.3 less the mean of those of 0.6 and 0.1, as a probability.
    logit = lambda p: math.log(p / (1 - p))  # noqa: E731
    expected = 1 / (1 + math.exp(-(logit(0.3) - (logit(0.6) + logit(0.1)) / 2)))
    settings = SamplingSettings(n=100)  # draws all three
    judge = Verifier(engine=RecordingEngine(BELIEFS), wording=wording_named("chat_qa"), contrast=settings)
    found = judge.verify(Question(text=CAPITAL), "Sydney")
    assert len(found.result.candidates) == 3
    assert found.confidence == pytest.approx(expected)


def test_an_answer_that_is_all_that_the_judge_would_say_is_judged_by_the_raw_verdict():
    engine = RecordingEngine({CAPITAL: {"Canberra": 0.9, "Sydney": 0.1}})
    judge = Verifier(engine=engine, wording=wording_named("chat_qa"), contrast=SamplingSettings(n=2, temperature=0.0))
    assert judge.verify(Question(text=CAPITAL), "Canberra").confidence == pytest.approx(0.9)
