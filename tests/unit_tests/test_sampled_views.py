"""Views of a model that can only be sampled, against its known distribution."""

import math

import numpy as np
import pytest

from langchain_consensus import ChatModelEngine, Consensus, Question, SamplingSettings, given
from langchain_consensus.draws import sampled
from langchain_consensus.engine import Sample
from langchain_consensus.prompts import wording_named
from langchain_consensus.sampled_views import _Matcher, _said, _told, estimated
from tests.chats import CORRECT, INCORRECT, VERDICTS, CategoricalChat, CategoricalEngine
from tests.engines import CAPITAL

WORDING = wording_named("chat_qa")
PLAIN = SamplingSettings(n=16, top_p=1.0, top_k=0)
ANSWERS = ["Canberra", "Sydney", "Perth"]


def engine_of(chat=None, **options):
    return ChatModelEngine(chat or CategoricalChat(), **options)


def views(engine, candidates, wording=WORDING, **options):
    return estimated(engine, wording, [candidates], SamplingSettings(), **options)[0]


def reply(text):
    return Sample(text=text, tokens=1, logprob=math.nan, end_logprob=None, finish="end", canonical=False)


def test_with_many_draws_the_views_are_the_model_s_probabilities():
    view = views(CategoricalEngine(draws=4000, verdict_draws=2000), given(CAPITAL, ANSWERS))
    for place, answer in enumerate(ANSWERS):
        correct, incorrect = CORRECT.get(answer, 0.5 / 4001), INCORRECT[answer]
        assert view.generator_logprobs[1, place] == pytest.approx(math.log(correct), abs=0.15)
        assert view.generator_logprobs[0, place] == pytest.approx(math.log(incorrect), abs=0.15)
        assert np.exp(view.discriminator[1, place]) == pytest.approx(VERDICTS[answer], abs=0.04)
    assert view.generator_tokens.tolist() == [0, 0, 0]
    assert view.verdict_mass == pytest.approx([1, 1, 1], abs=0.01)


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    # The whole path, on the known categorical model: 150 questions of 32 draws under each condition.
    engine = CategoricalEngine(draws=32, verdict_draws=32)
    batch = [given(f"{CAPITAL} ({number})", ["Canberra", "Sydney"]) for number in range(150)]
    found = estimated(engine, WORDING, batch, SamplingSettings())
    truth = np.log([[INCORRECT[one], CORRECT[one]] for one in ("Canberra", "Sydney")]).T
    odds = np.array([math.log(VERDICTS[one] / (1 - VERDICTS[one])) for one in ("Canberra", "Sydney")])
    hits = [np.abs(one.generator_logprobs - truth) <= 1.96 * one.counts.generator_errors for one in found]
    verdicts = [np.abs(one.verdict_logodds - odds) <= 1.96 * one.counts.verdict_errors for one in found]
    assert 0.92 <= np.mean(hits) <= 0.98
    assert 0.92 <= np.mean(verdicts) <= 0.99


def test_told_verdicts_are_exact_and_cost_one_call_each():
    chat = CategoricalChat(tells=True)
    view = views(engine_of(chat), given(CAPITAL, ANSWERS))
    assert np.exp(view.discriminator[1]) == pytest.approx([VERDICTS[one] for one in ANSWERS])
    assert view.counts.verdict_errors.tolist() == [0, 0, 0]
    asked = [options for text, options in chat.asked if "Proposed answer" in text]
    assert [options["top_logprobs"] for options in asked] == [20] * 3
    assert [options["max_tokens"] for options in asked] == [1] * 3


def test_draws_that_found_the_candidates_are_counted_and_not_repeated():
    chat = CategoricalChat()
    engine = engine_of(chat, draws=16, verdict_draws=5)
    (candidates,) = sampled(engine, WORDING, [Question(text=CAPITAL)], PLAIN)
    assert len(chat.asked) == 16
    view = views(engine, candidates)
    n = len(candidates.items)
    # One call finds out that the model does not tell how its reply begins.
    assert len(chat.asked) == 16 + 16 + 1 + 5 * n
    assert view.counts.generator[1].tolist() == [item.draws for item in candidates.items]
    assert view.counts.generator_draws.tolist() == [16, 16]
    assert view.usage.forwards == 16 + 1 + 5 * n
    assert view.usage.sampled_tokens == view.usage.forwards


def test_too_few_draws_are_topped_up_and_both_conditions_have_as_many():
    engine = engine_of(draws=24)
    (candidates,) = sampled(engine, WORDING, [Question(text=CAPITAL)], SamplingSettings(n=4, top_p=1.0, top_k=0))
    view = views(engine, candidates)
    assert view.counts.generator_draws.tolist() == [24, 24]
    assert (view.counts.generator[1] >= [item.draws for item in candidates.items]).all()


def test_empty_draws_are_draws_of_no_candidate():
    engine = engine_of(CategoricalChat(correct={"": 0.5, "Canberra": 0.5}, incorrect={"": 1.0}), draws=16)
    (candidates,) = sampled(engine, WORDING, [Question(text=CAPITAL)], PLAIN)
    view = views(engine, candidates)
    assert view.counts.generator[1, 0] + candidates.empty == 16
    assert view.counts.generator[0, 0] == 0
    assert view.counts.generator_draws.tolist() == [16, 16]


@pytest.mark.parametrize(
    ("options", "key", "text", "place"),
    [
        (["Canberra", "Sydney"], None, "canberra.", 0),
        (["Canberra", "Sydney"], None, ' "Sydney" ', 1),
        (["Canberra", "Sydney"], None, "Canberra, I think", None),
        (["Canberra", "Sydney"], None, " ", None),
        (["polish", "Polish"], None, "Polish", 1),  # to the letter first
        (["polish", "Polish"], None, "POLISH", None),  # either, so neither
        (["It is 4", "It is 5"], lambda text: text[-1], "so, 5", 1),
        (["It is 4", "It is 5"], lambda text: text[-1], "6", None),
    ],
)
def test_a_draw_is_the_candidate_whose_answer_it_is(options, key, text, place):
    matcher = _Matcher(WORDING, given(CAPITAL, options, answer_key=key), key)
    assert matcher.place(reply(text)) == (len(options) if place is None else place)


def test_draws_are_letters_where_the_wording_asks_for_letters():
    wording = WORDING.model_copy(
        update={"answer_as": "letter", "ask": "{context}{question}\n{choices}\nThe letter of the {condition} answer:"}
    )
    question = Question(text=CAPITAL, choices=("Sydney", "Canberra"))
    matcher = _Matcher(wording, given(question, ["Sydney", "Canberra"], answer_key=len), len)
    assert [matcher.place(reply(text)) for text in ("B", " b.", "A", "C", "Canberra")] == [1, 1, 0, 2, 2]


YES, NO, MAYBE = math.log(0.6), math.log(0.3), math.log(0.05)


@pytest.mark.parametrize(
    ("tokens", "told"),
    [
        ([("Yes", YES), ("No", NO)], (0.3, 0.6)),
        ([("Yes", YES), (" yes", MAYBE), ("No", NO)], (0.3, 0.65)),  # one word, however written
        ([("Yes", YES), ("Maybe", MAYBE)], (0.05, 0.6)),  # at most as probable as the least that is told
        ([("Yes", math.log(0.97)), ("Well", math.log(0.02))], (0.01, 0.97)),  # and at most what is left
        ([("Maybe", MAYBE)], None),
        ([], None),
        (None, None),
    ],
)
def test_a_verdict_is_read_from_the_first_tokens(tokens, told):
    found = _told(tokens, ("No", "Yes"))
    assert (found is None) == (told is None)
    if told is not None:
        assert [math.exp(one) for one in found] == pytest.approx(told)


@pytest.mark.parametrize(
    ("texts", "words", "said"),
    [
        (["Yes", "yes.", "**Yes**, it is", "No", "no, because", "Maybe", "Not sure", ""], ("No", "Yes"), (2, 3)),
        (["not right", "right", "Right!"], ("not right", "right"), (1, 2)),
    ],
)
def test_a_verdict_is_read_from_the_beginning_of_replies(texts, words, said):
    assert _said([reply(text) for text in texts], words) == said


def test_a_judge_that_names_neither_word_first_is_drawn_from():
    chat = CategoricalChat(tells=True, yes=("**Yes**", "**No**"))
    view = views(engine_of(chat, verdict_draws=6), given(CAPITAL, ["Canberra"]))
    assert view.counts.verdict_draws.tolist() == [6]
    assert view.counts.verdicts.sum() == 6


def test_a_question_s_views_do_not_depend_on_the_others_of_its_batch():
    batch = [given(CAPITAL, ["Canberra"]), given(f"{CAPITAL} Really?", ["Sydney", "Perth"])]
    found = estimated(CategoricalEngine(draws=2000, verdict_draws=50), WORDING, batch, SamplingSettings())
    assert [one.generator.shape for one in found] == [(2, 1), (2, 2)]
    assert found[1].generator_logprobs[0] == pytest.approx(np.log([0.5, 0.4]), abs=0.15)
    assert sum(one.usage.forwards for one in found) == 2 * 2 * 2000 + 3 * 50


def test_few_matching_draws_are_said():
    chat = CategoricalChat(correct={"Canberra": 0.1, "I do not know": 0.9})
    (ranking,) = Consensus(engine=engine_of(chat)).rank([given(CAPITAL, ["Canberra", "Sydney"])])
    assert any("of the draws under the correct condition are candidates" in one for one in ranking.warnings)
