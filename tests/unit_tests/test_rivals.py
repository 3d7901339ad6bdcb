"""A lone answer is compared with answers drawn as incorrect ones, and never replaced by them."""

import math

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from langchain_consensus import Consensus, Meanings, Question, Rounds, Rule, SamplingSettings, given
from langchain_consensus.calibration import Profile
from langchain_consensus.engine import ContinuationScores, Limits, SampleResult, ScoreResult, Usage
from langchain_consensus.engine.deadline import deadline
from langchain_consensus.engine.grammar import JsonForm
from langchain_consensus.errors import DeadlineExceededError, InvalidInputError, LimitExceededError, NonFiniteScoreError
from langchain_consensus.game import PiKL
from langchain_consensus.observation import Step
from langchain_consensus.prompts import wording_named
from langchain_consensus.ranking import RIVAL_ATTEMPTS, probability_against
from tests.engines import RecordingEngine, text_of
from tests.two_faced import ASKED, OPEN, OTHER, TwoFaced, is_incorrect

LETTERS = wording_named("multiple_choice").model_copy(update={"answer_as": "letter"})
RULES = [rule for rule in Rule if rule is not Rule.MAJORITY]


def pipeline(engine, **options):
    return Consensus(engine=engine, **{"rivals": 2, "solver": PiKL(steps=100), **options})


def ask(engine, *questions, n=4, **options):
    consensus = pipeline(engine, **{"sampling": SamplingSettings(n=n), **options})
    return consensus.ask([Question(text=text) for text in questions or (ASKED,)])


# --- drawing them ---


def test_without_being_asked_for_no_rival_is_drawn():
    engine = TwoFaced()
    [found] = ask(engine, rivals=0)
    assert len(engine.sample_calls) == 1
    assert [one.text for one in found.candidates] == ["Canberra"]
    assert "game says nothing" in found.warnings[0]


def test_a_lone_answer_gets_rivals_without_draws_behind_it():
    [found] = ask(TwoFaced())
    assert [(one.text, one.draws, one.is_rival) for one in found.candidates] == [
        ("Canberra", 4, False),
        ("Sydney", 0, True),
        ("Perth", 0, True),
    ]
    assert found.rivals == found.candidates[1:]
    assert [one.position for one in found.candidates] == [0, 4, 5]
    assert found.warnings == ()


def test_the_views_of_rivals_are_those_that_they_have_as_given_answers():
    [found] = ask(TwoFaced())
    texts = [one.text for one in found.candidates]
    [plain] = pipeline(TwoFaced()).rank([given(ASKED, texts)])
    by_text = {one.text: one for one in plain.candidates}
    for one in found.rivals:
        other = by_text[one.text]
        assert (one.generator_correct, one.generator_incorrect) == (other.generator_correct, other.generator_incorrect)
        assert one.verdict == other.verdict


def test_two_distinct_answers_get_none():
    engine = TwoFaced(right=("Canberra", "Sydney"))
    [found] = ask(engine)
    assert engine.asked_for_rivals == []
    assert found == ask(TwoFaced(right=("Canberra", "Sydney")), rivals=0)[0]


def test_all_lone_answers_of_a_batch_are_one_call_and_the_others_are_left_as_they_are():
    class Mixed(TwoFaced):
        def sample(self, prompts, settings):
            result = super().sample(prompts, settings)
            if is_incorrect(prompts[0]):
                return result
            groups = list(result.samples)
            groups[1] = tuple(self.one(text) for text in ("Ann", "Bob", "Ann", "Bob"))
            return SampleResult(samples=tuple(groups), usage=result.usage)

    engine = Mixed()
    rankings = ask(engine, ASKED, OPEN, OTHER)
    [(prompts, settings)] = engine.asked_for_rivals
    assert len(prompts) == 2
    assert (settings.n, settings.first) == (2, 0)
    assert [len(one.rivals) for one in rankings] == [2, 0, 2]
    assert len(engine.score_calls) == 1


def test_the_same_seed_gives_the_same_rivals():
    def found(seed):
        beliefs = {ASKED: {f"answer {place}": 1 / 20 for place in range(20)}}
        engine = RecordingEngine(beliefs)
        consensus = pipeline(engine, rivals=4, sampling=SamplingSettings(seed=seed))
        [ranking] = consensus.rank([given(ASKED, ["answer 0"])])
        return [one.text for one in ranking.rivals]

    assert found(1) == found(1)
    assert found(1) != found(2)


@pytest.mark.parametrize("same", ["canberra.", " Canberra ", '"CANBERRA"'])
def test_what_is_the_answer_in_other_letters_is_no_rival_of_a_given_answer_either(same):
    engine = TwoFaced(same, "Perth")
    [found] = pipeline(engine, rivals=2).rank([given(ASKED, ["Canberra"])])
    assert [one.text for one in found.rivals] == ["Perth"]
    assert found.candidates[0].members == ("Canberra",)


def test_an_answer_key_says_what_a_rival_is():
    engine = TwoFaced("it is 4", "it is 5", right=("4",))
    [found] = ask(engine, OTHER, answer_key=lambda text: text.split()[-1])
    assert [one.text for one in found.rivals] == ["it is 5"]


def test_it_asks_again_for_those_that_have_none_with_other_draws():
    class Late(TwoFaced):
        def sample(self, prompts, settings):
            self.wrong = ("Canberra",) if settings.first < 2 else ("Perth",)
            return super().sample(prompts, settings)

    engine = Late()
    [found] = ask(engine)
    assert [settings.first for _, settings in engine.asked_for_rivals] == [0, 2]
    assert [one.text for one in found.rivals] == ["Perth"]
    assert found.usage.sampled_tokens == 30


def test_where_none_is_found_in_three_times_the_ranking_says_so_and_is_the_plain_one():
    engine = TwoFaced("Canberra", "  ")
    [found] = ask(engine)
    [plain] = ask(TwoFaced(), rivals=0)
    assert len(engine.asked_for_rivals) == RIVAL_ATTEMPTS == 3
    assert found.candidates == plain.candidates
    assert found.confidence == plain.confidence
    assert "No rival was found: 3 times 2 draws" in found.warnings[-1]
    assert found.usage.sampled_tokens == plain.usage.sampled_tokens + 30


def test_greedy_answers_get_rivals_that_are_drawn_at_temperature_1():
    engine = TwoFaced()
    ask(engine, sampling=SamplingSettings(n=1, temperature=0.0, top_p=0.8, seed=3))
    [(_, settings)] = engine.asked_for_rivals
    assert (settings.temperature, settings.top_p, settings.seed) == (1.0, 0.8, 3)


def test_rivals_have_the_form_of_the_answers_and_half_a_form_is_none():
    form = JsonForm(schema='{"type": "string"}')
    engine = TwoFaced('"Sydney"', right=('"Canberra"',))
    [found] = ask(engine, sampling=SamplingSettings(n=4, grammar=(form,)))
    assert engine.asked_for_rivals[0][1].grammar == (form,)
    assert len(found.rivals) == 1
    cut = TwoFaced('"Syd', right=('"Canberra"',), finish="length")
    consensus = pipeline(cut, sampling=SamplingSettings(grammar=(form,)))
    [found] = consensus.rank([given(ASKED, ['"Canberra"'])])
    assert found.rivals == ()


def test_rivals_that_were_cut_are_said_to_be():
    [found] = pipeline(TwoFaced(finish="length"), rivals=2).rank([given(ASKED, ["Canberra"])])
    assert "2 draws were cut at the length limit" in found.warnings[0]


def test_in_rounds_lone_answers_get_rivals_at_the_end_and_in_one_call():
    engine = TwoFaced()
    rankings = ask(engine, ASKED, OTHER, rounds=Rounds(sizes=(5, 5)))
    assert [(len(prompts), settings.n) for prompts, settings in engine.sample_calls] == [(2, 5), (2, 2)]
    assert [one.candidates[0].draws for one in rankings] == [5, 5]
    assert [len(one.rivals) for one in rankings] == [2, 2]


def test_rivals_that_mean_the_same_as_the_answer_are_none_and_alike_ones_are_one():
    class Comparing(TwoFaced):
        def score(self, requests):
            if "One answer:" not in text_of(requests[0].prompt):
                return super().score(requests)
            same = [{"Canberra", "the ACT city"}, {"Sydney", "Sydney town"}]
            scores = []
            for request in requests:
                lines = text_of(request.prompt).split("\n")
                pair = {line.split(": ", 1)[1] for line in lines if line.startswith(("One answer", "Another answer"))}
                yes = 0.9 if pair in same else 0.1
                scores.append(ContinuationScores(logprobs=np.log([1 - yes, yes]), tokens=np.array([1, 1])))
            return ScoreResult(scores=tuple(scores), usage=Usage(input_tokens=100))

    [found] = ask(Comparing("the ACT city", "Sydney", "Sydney town"), rivals=3, meanings=Meanings())
    assert [one.members for one in found.candidates] == [("Canberra",), ("Sydney", "Sydney town")]
    assert found.rivals[0].draws == 0


# --- the rule ---


@pytest.mark.parametrize("rule", RULES)
def test_a_rival_is_never_the_answer_whatever_the_rule(rule):
    [found] = ask(TwoFaced("five", right=("six",)), OTHER, rule=rule)
    assert found.answer == "six"
    assert found.margin < 0
    assert found.confidence < 0.5
    assert found.candidates[0].against_rivals < 0.5
    assert f"By the rule {rule.value!r} the model prefers 'five'" in found.warnings[-1]


@pytest.mark.parametrize("rule", RULES)
def test_an_answer_that_beats_its_rivals_has_more_than_one_half_and_no_warning(rule):
    [found] = ask(TwoFaced(), rule=rule)
    assert found.answer == "Canberra"
    assert found.margin > 0
    assert found.candidates[0].against_rivals > 0.5
    assert found.confidence > 0.5
    assert found.warnings == ()


def test_rivals_only_take_confidence_away():
    # An answer that the judge does not believe, and that beats a rival which it believes even less.
    engine = TwoFaced("six", right=("four",))
    [found], [plain] = ask(engine, OTHER), ask(engine, OTHER, rivals=0)
    assert found.candidates[0].against_rivals > 0.5 > plain.confidence
    assert found.confidence == plain.confidence == pytest.approx(0.3)
    assert found.warnings == ()


def test_the_probability_against_rivals_by_hand():
    # P(correct) is 0.3 for "four" and 0.6 for "five": odds 3/7 and 3/2, and 3/7 / (3/7 + 3/2) = 2/9.
    engine = TwoFaced("five", right=("four",))
    for rule in (Rule.DISCRIMINATOR, Rule.ER_DISCRIMINATOR):
        [found] = ask(engine, OTHER, rule=rule, rivals=1)
        if rule is Rule.DISCRIMINATOR:
            assert found.confidence == found.candidates[0].against_rivals == pytest.approx(2 / 9)
        else:
            one, two = (candidate.scores[rule] for candidate in found.candidates)
            odds, rival = one / (1 - one), two / (1 - two)
            assert found.candidates[0].against_rivals == pytest.approx(odds / (odds + rival))
    [found] = ask(engine, OTHER, rule=Rule.GENERATOR, rivals=1)
    one, two = (candidate.generator_correct for candidate in found.candidates)
    assert found.candidates[0].against_rivals == pytest.approx(math.exp(one) / (math.exp(one) + math.exp(two)))


def test_the_best_rival_counts():
    [both] = ask(TwoFaced("five", "six", right=("four",)), OTHER, rule=Rule.DISCRIMINATOR)
    assert [one.text for one in both.rivals] == ["five", "six"]
    assert both.confidence == pytest.approx(2 / 9)


@settings(max_examples=40)
@over(
    beliefs=st.lists(st.floats(0.01, 0.99), min_size=2, max_size=4, unique=True),
    rule=st.sampled_from(RULES),
)
def test_the_probability_is_below_one_half_exactly_where_a_rival_has_the_better_score(beliefs, rule):
    table = {ASKED: {f"answer {place}": share for place, share in enumerate(beliefs)}}
    first, *rest = table[ASKED]
    [found] = ask(TwoFaced(*rest, right=(first,), beliefs=table), rule=rule, rivals=len(rest))
    answer, best = found.candidates[0], found.rivals[0]
    assert found.answer == first
    # Policies near 0 and 1 round to equal scores, and their log-odds do not.
    assert found.margin <= 0 if answer.against_rivals < 0.5 else found.margin >= 0
    assert found.confidence == min(answer.verdict, answer.against_rivals)
    assert len([one for one in found.warnings if "prefers" in one]) == (answer.against_rivals < 0.5)
    assert all(one.scores[rule] <= best.scores[rule] for one in found.rivals)
    assert probability_against(found, answer.position, best.position) == pytest.approx(
        1 - probability_against(found, best.position, answer.position)
    )


def test_two_without_any_score_are_even():
    from tests.rankings import rank, views

    nothing = [[-1.0, -1.0], [-np.inf, -np.inf]]
    ranking = rank(views(nothing, np.log([[0.5, 0.5], [0.5, 0.5]])), rule="generator")
    assert probability_against(ranking, 0, 1) == 0.5


# --- what it costs, and what it stops at ---


def test_observers_see_the_step_with_its_cost():
    class Notes:
        def __init__(self):
            self.steps = []

        def began(self, step):
            self.steps.append(step)

        def ended(self, step, error):
            self.steps.append(step)
            assert error is None

    notes = Notes()
    [found] = ask(TwoFaced(), observer=notes)
    assert [step.name for step in notes.steps[::2]] == ["sampling", "rivals", "scoring", "solving"]
    ended = notes.steps[3]
    assert notes.steps[2] == Step(name="rivals", questions=1)
    assert ended.candidates == (3,)
    assert ended.usage == Usage(sampled_tokens=10, forwards=1)
    assert sum((step.usage for step in notes.steps[1::2]), Usage()) == found.usage


def test_limits_count_rivals_as_candidates_before_anything_is_drawn():
    engine = TwoFaced(limits=Limits(candidates=5))
    with pytest.raises(LimitExceededError, match="6 candidates"):
        ask(engine)
    with pytest.raises(LimitExceededError, match="6 candidates"):
        ask(engine, rounds=Rounds(sizes=(2, 2)))
    with pytest.raises(LimitExceededError, match="7 candidates"):
        pipeline(engine, rivals=6).rank([given(ASKED, ["Canberra"])])
    assert engine.calls == (0, 0)
    # Two given answers need none, so that there is nothing to refuse.
    assert pipeline(engine, rivals=6).rank([given(ASKED, ["Canberra", "Sydney"])])[0].rivals == ()


def test_a_deadline_holds_between_attempts():
    class Slow(TwoFaced):
        def sample(self, prompts, settings):
            found = super().sample(prompts, settings)
            if is_incorrect(prompts[0]):
                import time

                time.sleep(0.05)
            return found

    engine = Slow("Canberra")
    with pytest.raises(DeadlineExceededError), deadline(0.04):
        pipeline(engine, rivals=1).rank([given(ASKED, ["Canberra"])])
    assert len(engine.asked_for_rivals) == 1


def test_a_question_without_numbers_is_named_by_its_place_in_the_whole_batch():
    class Broken(TwoFaced):
        def sample(self, prompts, settings):
            if is_incorrect(prompts[0]):
                msg = "no number"
                raise NonFiniteScoreError(msg, (1,))
            return super().sample(prompts, settings)

    batch = [given(ASKED, ["Canberra"]), given(OPEN, ["Ann", "Bob"]), given(OTHER, ["four"])]
    with pytest.raises(NonFiniteScoreError, match="`question` 'What is two and two") as caught:
        pipeline(Broken()).rank(batch)
    assert caught.value.places == (2,)


# --- what it cannot be joined with ---


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"rule": Rule.MAJORITY}, "`rule` is 'majority'"),
        ({"anchors": "informed"}, "`anchors` is 'informed'"),
        ({"wording": LETTERS}, "`wording` answers by letter"),
    ],
)
def test_options_without_room_for_rivals_are_refused_at_once(options, named):
    with pytest.raises(InvalidInputError, match=f"`rivals` is 2 and {named}"):
        Consensus(engine=TwoFaced(), rivals=2, **options)
    assert Consensus(engine=TwoFaced(), **options).rivals == 0


def test_a_profile_is_refused():
    class Known(Profile):
        def __init__(self):
            pass

    with pytest.raises(InvalidInputError, match="`calibration` is set: a profile knows answers without rivals"):
        Consensus(engine=TwoFaced(), rivals=2, calibration=Known())


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "2"])
def test_a_number_of_rivals_that_is_none_is_refused(wrong):
    with pytest.raises(InvalidInputError, match=r"`rivals` is .*; it must be a whole number of at least 0"):
        Consensus(engine=TwoFaced(), rivals=wrong)
