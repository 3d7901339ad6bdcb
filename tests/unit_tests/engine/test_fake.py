"""The engine without a model: it believes what it is told, and the same every time."""

from math import exp, inf, log, nan

import pytest

from langchain_consensus.engine import FakeEngine, SamplingSettings, ScoreRequest
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import PRESETS, Question, TextPrompt, wording_named
from tests.engines import BELIEFS, CAPITAL

QUESTION = Question(text=CAPITAL)
WORDINGS = [wording_named("qa"), wording_named("chat_qa")]


@pytest.fixture(params=WORDINGS, ids=lambda wording: wording.name)
def wording(request):
    return request.param


def scores(engine, prompt, *continuations):
    (found,) = engine.score([ScoreRequest(prompt=prompt, continuations=continuations)]).scores
    return found.logprobs.tolist()


def test_answers_have_the_probabilities_of_the_table(fake_engine, wording):
    continuations = [wording.continuation(QUESTION, answer) for answer in ("Canberra", "Sydney", "Melbourne")]
    found = scores(fake_engine, wording.generator_prompt(QUESTION, 1), *continuations)
    assert found == pytest.approx([log(0.6), log(0.3), log(0.1)])


def test_asked_for_an_incorrect_answer_it_prefers_what_it_does_not_believe(fake_engine, wording):
    # (1 - belief) shared out: 0.4/2, 0.7/2, 0.9/2.
    continuations = [wording.continuation(QUESTION, answer) for answer in ("Canberra", "Sydney", "Melbourne")]
    found = scores(fake_engine, wording.generator_prompt(QUESTION, 0), *continuations)
    assert found == pytest.approx([log(0.2), log(0.35), log(0.45)], abs=1e-5)


@pytest.mark.parametrize(("answer", "belief"), [("Canberra", 0.6), ("Melbourne", 0.1), ("Perth", 0.001)])
def test_its_verdict_on_an_answer_is_its_belief(fake_engine, wording, answer, belief):
    low, high = scores(fake_engine, wording.discriminator_prompt(QUESTION, answer), *wording.verdicts)
    assert exp(high) / (exp(low) + exp(high)) == pytest.approx(belief)
    assert exp(low) + exp(high) == pytest.approx(0.96)


def test_beliefs_are_scaled_to_sum_to_one():
    engine = FakeEngine({"q": {"a": 3, "b": 1}})
    assert scores(engine, TextPrompt(text="q"), "a", "b", "a") == pytest.approx([log(0.75), log(0.25), log(0.75)])


def test_what_is_not_in_the_table_has_a_reproducible_score():
    prompts = [wording.generator_prompt(Question(text="q", choices=("a",)), 1) for wording in PRESETS.values()]
    for prompt in prompts:
        first, second = (scores(FakeEngine(), prompt, "x", "y", "z") for _ in range(2))
        assert first == second
        assert len(set(first)) == 3
        assert all(-10 <= score <= -1 for score in first)


@pytest.mark.parametrize("beliefs", [{}, {"a": 0.0}, {"a": -1}, {"a": nan}, {"a": inf}])
def test_beliefs_must_be_probabilities(beliefs):
    with pytest.raises(InvalidInputError, match=r"`beliefs\['q'\]` is .*; it must give at least one answer a prob"):
        FakeEngine({"q": beliefs})


def draw(engine, *prompts, **settings):
    result = engine.sample(prompts or [TextPrompt(text=CAPITAL)], SamplingSettings(**settings))
    return [[sample.text for sample in group] for group in result.samples]


def test_a_seed_and_a_prompt_decide_the_samples_whatever_else_is_in_the_batch(fake_engine):
    prompt, other = TextPrompt(text=CAPITAL), TextPrompt(text="another")
    (alone,) = draw(fake_engine, prompt, n=20, seed=1)
    assert draw(fake_engine, other, prompt, n=20, seed=1)[1] == alone
    assert draw(fake_engine, prompt, n=20, seed=2) != [alone]


def test_samples_follow_the_table(fake_engine):
    (texts,) = draw(fake_engine, n=2000)
    assert texts.count("Canberra") / 2000 == pytest.approx(0.6, abs=0.05)  # four standard deviations are 0.044
    assert set(texts) == set(BELIEFS[CAPITAL])


def test_at_temperature_zero_it_gives_its_best_answer(fake_engine):
    assert draw(fake_engine, n=3, temperature=0) == [["Canberra"] * 3]


def test_a_sample_s_log_probability_is_what_scoring_gives():
    engine = FakeEngine({"q": {"two words": 0.25, "b": 0.75}})
    prompt = TextPrompt(text="q")
    for sample in engine.sample([prompt], SamplingSettings(n=8)).samples[0]:
        assert sample.canonical
        assert [sample.logprob] == pytest.approx(scores(engine, prompt, sample.text))
        assert (sample.finish, sample.tokens) == ("end", len(sample.text.split()) + 1)


def test_long_samples_are_cut_and_say_so():
    engine = FakeEngine({"q": {"one two three": 1.0}})
    (sample,) = engine.sample([TextPrompt(text="q")], SamplingSettings(n=1, max_new_tokens=2)).samples[0]
    assert (sample.text, sample.tokens, sample.finish) == ("one two", 2, "length")
    assert not sample.canonical
    assert sample.end_logprob is None


def test_stop_strings_end_samples_and_are_not_part_of_them():
    engine = FakeEngine({"q": {"one. two; three": 1.0}})
    settings = SamplingSettings(n=1, stop=(";", "."))
    (sample,) = engine.sample([TextPrompt(text="q")], settings).samples[0]
    assert (sample.text, sample.finish) == ("one", "stop")
    assert not sample.canonical  # its log-probability is that of the whole answer


def test_usage_counts_what_was_read_and_drawn(fake_engine):
    drawn = fake_engine.sample([TextPrompt(text="one two")], SamplingSettings(n=3)).usage
    assert (drawn.input_tokens, drawn.sampled_tokens) == (2, 15)  # "I do not know" and an end token, three times
    read = fake_engine.score([ScoreRequest(prompt=TextPrompt(text="one two"), continuations=("a", "b c"))]).usage
    assert (read.input_tokens, read.sampled_tokens, read.head_rows) == (5, 0, 3)


def test_an_end_token_is_a_token(fake_engine):
    request = ScoreRequest(prompt=TextPrompt(text="q"), continuations=("a", "b c"), end_token=True)
    assert fake_engine.score([request]).scores[0].tokens.tolist() == [2, 3]


def test_tokens_are_words(fake_engine):
    one, other, again = fake_engine.token_ids("to be to")
    assert one == again != other
    assert fake_engine.name == "fake"
    assert fake_engine.is_chat
    assert not FakeEngine(is_chat=False).is_chat
