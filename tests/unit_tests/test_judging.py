"""Several judges in the pipeline: what is asked of whom, what each weighs, and one judge where all say the same."""

import math

import numpy as np
import pytest

from langchain_consensus import (
    Consensus,
    ConsensusResult,
    Judge,
    Limits,
    Question,
    SamplingSettings,
    TransformersEngine,
    given,
)
from langchain_consensus.calibration.informed import InformedAnchors
from langchain_consensus.calibration.labelling import calibrated_from
from langchain_consensus.calibration.several import evidence_with
from langchain_consensus.draws import gathered
from langchain_consensus.engine import FakeEngine, ScoreRequest, Usage
from langchain_consensus.engine.deadline import deadline
from langchain_consensus.errors import ContextWindowError, DeadlineExceededError, InvalidInputError, LimitExceededError
from langchain_consensus.game import Equilibrium, LogTimeFlow, PiKL
from langchain_consensus.judging import judged, shares_of
from langchain_consensus.observation import Step
from langchain_consensus.prompts import wording_named
from langchain_consensus.ranking import Rule
from langchain_consensus.views import scored
from tests.engines import CAPITAL, SUM, RecordingEngine, TableEngine, drawn
from tests.engines import SHORT_WORDING as WORDING
from tests.two_faced import TwoFaced
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

QUESTIONS = [Question(text=CAPITAL), Question(text=SUM)]
SOLVERS = [PiKL(steps=50), LogTimeFlow(), Equilibrium()]
BATCH = [given(CAPITAL, ["Sydney", "Canberra", "Melbourne"]), given(SUM, ["four", "five"])]
OTHER = WORDING.model_copy(update={"name": "other", "judge": "{question}?{answer}", "verdicts": ("false", "true")})
TABLE = {
    ("bad q", "a"): 0.2,
    ("good q", "a"): 0.4,
    ("bad q", "b"): 0.3,
    ("good q", "b"): 0.3,
    ("q=a", "no"): 0.2,
    ("q=a", "yes"): 0.6,
    ("q=b", "no"): 0.5,
    ("q=b", "yes"): 0.5,
    ("q?a", "false"): 0.3,
    ("q?a", "true"): 0.3,
    ("q?b", "false"): 0.1,
    ("q?b", "true"): 0.4,
}


def scores(ranking):
    return [candidate.scores for candidate in ranking.candidates]


def by_position(ranking):
    return sorted(ranking.candidates, key=lambda one: one.position)


@pytest.mark.parametrize("anchors", ["paper", "informed"])
@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_judges_that_are_the_model_itself_change_nothing(anchors, solver):
    engine = FakeEngine({CAPITAL: {"Canberra": 0.6, "Sydney": 0.4}, SUM: {"four": 1.0}})
    consensus = {"engine": engine, "anchors": anchors, "solver": solver}
    alone = Consensus(**consensus).rank(BATCH)
    judges = (Judge(engine=engine), Judge(wording="chat_qa", weight=0.3))
    several = Consensus(judges=judges, **consensus).rank(BATCH)
    for one, other in zip(alone, several, strict=True):
        assert one.answer == other.answer
        assert other.confidence == pytest.approx(one.confidence, abs=1e-12)
        for mine, theirs in zip(scores(one), scores(other), strict=True):
            assert mine == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("anchors", ["paper", "informed"])
@pytest.mark.parametrize("rule", list(Rule))
def test_a_model_that_names_itself_as_its_only_judge_is_ranked_to_the_last_bit_as_without(anchors, rule):
    consensus = {"engine": RecordingEngine(), "anchors": anchors, "rule": rule, "solver": PiKL(steps=50)}
    for one, other in zip(
        Consensus(**consensus).rank(BATCH), Consensus(judges=(Judge(weight=2),), **consensus).rank(BATCH), strict=True
    ):
        for mine, theirs in zip(scores(one), scores(other), strict=True):
            assert mine == theirs
        assert one.confidence == other.confidence


def test_the_mean_of_two_wordings_by_hand():
    # The model: 0.75 and 0.5; the other wording: 0.5 and 0.8. They weigh 1 : 3, so the mean is 0.5625 and 0.725.
    consensus = Consensus(
        engine=TableEngine(TABLE),
        wording=WORDING,
        rule=Rule.ER_DISCRIMINATOR,
        judges=(Judge(wording=OTHER, weight=3), Judge(weight=1)),
    )
    [ranking] = consensus.rank([given("q", ["a", "b"])])
    a, b = by_position(ranking)
    assert [a.verdict, b.verdict] == pytest.approx([0.5625, 0.725])
    assert a.scores[Rule.MUTUAL_INFORMATION] == pytest.approx(math.log(0.4 * 0.5625))
    # Anchors: over the candidates, then over the verdicts. Correct 0.75 : 0.5 and incorrect 0.25 : 0.5 of the model,
    # 0.5 : 0.8 and 0.5 : 0.2 of the other.
    own, other = 0.6 / (0.6 + 1 / 3), (5 / 13) / (5 / 13 + 5 / 7)
    assert a.scores[Rule.DISCRIMINATOR] == pytest.approx((own + 3 * other) / 4)
    assert [(one.name, one.weight) for one in a.judges] == [("table:short", 0.25), ("table:other", 0.75)]
    assert [one.correct for one in b.judges] == pytest.approx([math.log(0.5), math.log(0.4)])
    assert (b.verdict_correct, b.verdict_incorrect) == pytest.approx((math.log(0.5), math.log(0.5)))  # the model's own
    assert ranking.answer == "b"


@pytest.mark.parametrize("anchors", ["paper", "informed"])
@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_another_judge_in_the_model_s_place_is_the_game_whose_wording_asks_the_judge_so(anchors, solver):
    consensus = {"engine": TableEngine(TABLE), "anchors": anchors, "solver": solver}
    judges = (Judge(weight=0), Judge(wording=OTHER, weight=1))
    joined = WORDING.model_copy(update={"judge": OTHER.judge, "verdicts": OTHER.verdicts})
    [one] = Consensus(wording=joined, **consensus).rank([given("q", ["a", "b"])])
    [other] = Consensus(wording=WORDING, judges=judges, **consensus).rank([given("q", ["a", "b"])])
    assert one.confidence == pytest.approx(other.confidence, abs=1e-15)
    for mine, theirs in zip(scores(one), scores(other), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-12)


def test_the_judges_of_one_engine_are_asked_in_one_call_for_the_whole_batch_and_each_engine_apart():
    engine, other = RecordingEngine(), RecordingEngine(is_chat=False)
    judges = (Judge(wording="agent_answer"), Judge(engine=other), Judge(wording="tool_use"))
    Consensus(engine=engine, judges=judges).rank(BATCH)
    assert (engine.calls, other.calls) == ((0, 2), (0, 1))  # the views, then two wordings on five candidates
    assert [len(engine.score_calls[1]), len(other.score_calls[0])] == [10, 5]


def test_auto_is_resolved_for_each_judge_s_own_model():
    judges = (Judge(engine=FakeEngine({}, is_chat=False)),)
    [ranking, _] = Consensus(engine=RecordingEngine(), judges=judges).rank(BATCH)
    assert [one.name.split(":")[-1] for one in ranking.candidates[0].judges] == ["chat_qa", "qa"]


def test_the_tokens_of_further_judges_are_counted():
    engine, other = RecordingEngine(), RecordingEngine()
    alone = Consensus(engine=engine).rank(BATCH)
    several = Consensus(engine=engine, judges=(Judge(engine=other),)).rank(BATCH)
    spent = (
        sum((one.usage for one in several), Usage()).input_tokens
        - sum((one.usage for one in alone), Usage()).input_tokens
    )
    assert spent == other.score(other.score_calls[0]).usage.input_tokens
    assert spent > 0


class Watching:
    def __init__(self):
        self.steps = []

    def began(self, step):
        pass

    def ended(self, step, error):
        self.steps.append((step.name, step.candidates, bool(step.usages), error))


def test_observers_see_the_judging_and_do_not_see_it_without_judges():
    watching = Watching()
    Consensus(engine=RecordingEngine(), observer=watching, judges=(Judge(wording="agent_answer"),)).rank(BATCH)
    assert watching.steps == [
        ("scoring", (3, 2), True, None),
        ("judging", (3, 2), True, None),
        ("solving", (3, 2), False, None),
    ]
    alone = Watching()
    Consensus(engine=RecordingEngine(), observer=alone).rank(BATCH)
    assert [name for name, *_ in alone.steps] == ["scoring", "solving"]
    assert Step(name="judging", questions=1).usage == Usage()


def test_a_candidate_of_several_strings_is_judged_by_each_in_their_proportion():
    # "b" is three times as probable as "a" under the correct condition here: 0.3 and 0.1.
    table = TABLE | {("good q", "a"): 0.1}
    [candidates] = [given("q", ["a", "b"], answer_key=lambda text: "one")]
    engine = TableEngine(table)
    [view] = scored(engine, WORDING, [candidates])
    [both] = judged([candidates], [view], (Judge(wording=OTHER),), engine=engine, wording=WORDING)
    own, other = both.judges
    assert np.exp(own.logprobs[:, 0]) == pytest.approx([0.25 * 0.2 + 0.75 * 0.5, 0.25 * 0.6 + 0.75 * 0.5])
    assert np.exp(other.logprobs[:, 0]) == pytest.approx([0.25 * 0.3 + 0.75 * 0.1, 0.25 * 0.3 + 0.75 * 0.4])


def flat(engine, *, mass=1.0):
    """The engine, whose verdicts tell nothing apart."""

    class Flat(type(engine)):
        name = "flat"

        def score(self, requests):
            result = super().score(requests)
            for one in result.scores:
                one.logprobs[:] = math.log(mass / 2)
            return result

    return Flat({}, is_chat=engine.is_chat)


def test_a_judge_whose_verdicts_tell_nothing_apart_weighs_nothing_and_that_is_said():
    engine = RecordingEngine()
    judges = (Judge(engine=flat(engine)),)
    alone, several = (Consensus(engine=engine, judges=one, solver=PiKL(steps=50)).rank(BATCH) for one in ((), judges))
    for one, other in zip(alone, several, strict=True):
        assert [judge.weight for judge in other.candidates[0].judges] == [1.0, 0.0]
        assert "The judge flat:chat_qa counts 0%: by what this batch shows, its verdicts are uninformative" in " ".join(
            other.warnings
        )
        assert one.confidence == pytest.approx(other.confidence, abs=1e-12)
        assert scores(one)[0] == pytest.approx(scores(other)[0], abs=1e-12)


def test_a_judge_who_does_not_answer_weighs_less_and_is_named():
    engine = RecordingEngine()
    [ranking, _] = Consensus(engine=engine, judges=(Judge(engine=flat(engine, mass=0.1), weight=1),)).rank(BATCH)
    assert any(one.startswith("The judge flat:chat_qa is not answering: it puts 10%") for one in ranking.warnings)


def test_judges_who_all_show_nothing_weigh_alike_and_that_is_said():
    engine = RecordingEngine()
    judges = (Judge(engine=flat(engine)), Judge(weight="informed"))
    [ranking] = Consensus(engine=engine, judges=judges).rank([given(CAPITAL, ["Canberra"])])
    assert [one.weight for one in ranking.candidates[0].judges] == [0.5, 0.5]
    assert any("the judges weigh alike" in one for one in ranking.warnings)


def test_the_weights_are_the_informativeness_of_the_informed_and_the_numbers_of_the_others_over_their_sum():
    judges = [Judge(weight=1), Judge(), Judge(weight=0)]
    assert shares_of(judges, [None, 0.5, None]) == pytest.approx([2 / 3, 1 / 3, 0])
    assert shares_of([Judge(), Judge(), Judge(weight=0)], [0.0, 0.0, None]) == [0.5, 0.5, 0.0]
    assert shares_of([Judge(), Judge()], [0.2, 0.6]) == pytest.approx([0.25, 0.75])


def test_informativeness_is_the_verdict_s_weight_of_informed_anchors_without_its_sharpness():
    engine = RecordingEngine()
    wording = Consensus(engine=engine).used_wording()
    views = judged(BATCH, scored(engine, wording, BATCH), (Judge(weight=1),), engine=engine, wording=wording)
    evidence = evidence_with(BATCH, views, 0)
    shown = InformedAnchors().informativeness(evidence)
    counted = InformedAnchors(sharpness=False).weights(evidence).weights
    size = np.mean([one.size for one in evidence])
    assert counted[-1] == pytest.approx(shown * math.sqrt(0.2) / 0.8 * math.sqrt(size))
    assert 0 < shown <= 1


def test_the_result_keeps_every_verdict_and_says_nothing_of_judges_where_there_is_one():
    [ranking, _] = Consensus(engine=RecordingEngine(), judges=(Judge(wording="agent_answer"),)).rank(BATCH)
    plain = ConsensusResult.of(ranking).model_dump(mode="json")
    again = ConsensusResult.model_validate(plain)
    for candidate, kept in zip(ranking.candidates, again.candidates, strict=True):
        assert [one.name for one in kept.judges] == ["fake:chat_qa", "fake:agent_answer"]
        assert [one.correct for one in kept.judges] == [one.correct for one in candidate.judges]
        assert kept.confidence == pytest.approx(candidate.verdict, abs=1e-15)
        assert sum(one.weight for one in kept.judges) == pytest.approx(1)
    assert again.confidence == pytest.approx(ranking.confidence)
    alone = ConsensusResult.of(Consensus(engine=RecordingEngine()).rank(BATCH)[0])
    assert "judges" not in alone.model_dump(mode="json")["candidates"][0]
    assert alone.candidates[0].judges is None


def test_a_ranking_shows_itself_with_its_judges():
    [ranking, _] = Consensus(engine=RecordingEngine(), judges=(Judge(wording="agent_answer"),)).rank(BATCH)
    assert "judges: fake:chat_qa 0.50, fake:agent_answer 0.50" in str(ranking)
    assert "judges:" not in str(Consensus(engine=RecordingEngine()).rank(BATCH)[0])
    page = ranking.to_html()
    assert "Canberra" in page


@pytest.mark.parametrize("drawn_answers", [True, False])
def test_a_lone_answer_is_judged_beside_its_rivals_by_every_judge(drawn_answers):
    engine = TwoFaced()
    consensus = Consensus(
        engine=engine, rivals=4, judges=(Judge(wording="agent_answer"),), sampling=SamplingSettings(n=4)
    )
    [ranking] = (
        consensus.ask([Question(text=CAPITAL)]) if drawn_answers else consensus.rank([given(CAPITAL, ["Canberra"])])
    )
    assert ranking.rivals
    assert all(len(one.judges) == 2 for one in ranking.candidates)
    best = ranking.candidates[0]
    assert ranking.confidence == min(best.verdict, best.against_rivals)
    assert ConsensusResult.of(ranking).candidates[0].confidence == ranking.confidence


def test_a_profile_is_not_fitted_to_rankings_by_several_judges():
    rankings = Consensus(engine=RecordingEngine(), judges=(Judge(wording="agent_answer"),)).rank(BATCH)
    with pytest.raises(InvalidInputError, match="has one by several judges"):
        calibrated_from(rankings, [bool, bool])


def test_rounds_ask_the_judges_too():
    from langchain_consensus import Rounds

    consensus = Consensus(
        engine=RecordingEngine(), rounds=Rounds(sizes=(2, 2)), judges=(Judge(wording="agent_answer"),)
    )
    assert all(len(one.candidates[0].judges) == 2 for one in consensus.ask(QUESTIONS))


def test_the_limits_of_a_judge_s_engine_hold_before_anything_is_asked():
    engine, other = RecordingEngine(), FakeEngine({}, limits=Limits(candidates=2))
    with pytest.raises(LimitExceededError, match="3 candidates"):
        Consensus(engine=engine, judges=(Judge(engine=other),)).rank(BATCH)
    assert engine.calls == (0, 0)


def test_a_deadline_stops_before_the_judges_are_asked(monkeypatch):
    engine, other = RecordingEngine(), RecordingEngine()
    consensus = Consensus(engine=engine, judges=(Judge(engine=other),))
    with deadline(1000) as call:
        plain = engine.score

        def slow(requests):
            found = plain(requests)
            call.cancel(DeadlineExceededError("over"))
            return found

        monkeypatch.setattr(engine, "score", slow)
        with pytest.raises(DeadlineExceededError):
            consensus.rank(BATCH)
    assert other.calls == (0, 0)


def test_a_judge_who_cannot_read_that_far_says_which_question():
    class Short(FakeEngine):
        def score(self, requests):
            msg = "too long"
            raise ContextWindowError(msg, place=3)

    with pytest.raises(ContextWindowError, match="two and two"):
        Consensus(engine=RecordingEngine(), judges=(Judge(engine=Short({})),)).rank(BATCH)


class Hosted(FakeEngine):
    draws, verdict_draws = 8, 8

    def beginnings(self, prompts):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"engine": "gpt"}, "`engine` of a judge is 'gpt'; it must be an `Engine`"),
        ({"engine": Hosted({})}, "a Hosted, which can only be sampled"),
        ({"wording": "no such"}, "no such"),
        ({"wording": 3}, "`wording` of a judge is 3"),
        ({"weight": -1}, "`weight` of a judge is -1; it must be a finite number of at least 0, or 'informed'"),
        ({"weight": math.inf}, "`weight` of a judge is inf"),
        ({"weight": True}, "`weight` of a judge is True"),
        ({"weight": "equal"}, "`weight` of a judge is 'equal'"),
    ],
)
def test_a_judge_that_is_none_is_refused(fields, message):
    with pytest.raises(InvalidInputError, match=message):
        Judge(**fields)


def test_what_several_judges_do_not_go_with_is_refused_before_anything_is_drawn():
    with pytest.raises(InvalidInputError, match="`judges` is set, and 'fake' can only be sampled"):
        Consensus(engine=Hosted({}), judges=(Judge(wording="qa"),))
    with pytest.raises(InvalidInputError, match="a profile is fitted to the verdicts of one judge"):
        Consensus(engine=FakeEngine({}), judges=(Judge(wording="qa"),), calibration=object())
    with pytest.raises(InvalidInputError, match="more than one without `engine` and `wording`"):
        Consensus(engine=FakeEngine({}), judges=(Judge(), Judge(weight=1)))
    with pytest.raises(InvalidInputError, match="weigh 0 all of them"):
        Consensus(engine=FakeEngine({}), judges=(Judge(weight=0), Judge(wording="qa", weight=0)))


def test_a_second_model_and_a_second_wording_judge_what_a_network_drew():
    engine, other = (
        TransformersEngine.from_model(tiny_model(kind), tiny_tokenizer(), name=kind) for kind in ("qwen2", "llama_wide")
    )
    judges = (Judge(wording="agent_answer"), Judge(engine=other))
    drawing = SamplingSettings(n=3, max_new_tokens=3)
    [ranking] = Consensus(engine=engine, judges=judges, sampling=drawing, solver=PiKL(steps=20)).ask(QUESTIONS[:1])
    best = ranking.candidates[0]
    assert [one.name for one in best.judges] == ["qwen2:chat_qa", "qwen2:agent_answer", "llama_wide:chat_qa"]
    wording = wording_named("chat_qa")
    prompt = wording.discriminator_prompt(QUESTIONS[0], best.text)
    [alone] = other.score([ScoreRequest(prompt=prompt, continuations=wording.verdicts)]).scores
    assert [best.judges[2].incorrect, best.judges[2].correct] == pytest.approx(alone.logprobs, abs=1e-4)


def test_drawn_answers_are_judged_as_they_were_drawn():
    engine = TableEngine(TABLE)
    one = gathered(Question(text="q"), (drawn("a", 0.4), drawn("b", 0.3), drawn("a", 0.4)), Usage())
    [ranking] = Consensus(engine=engine, wording=WORDING, judges=(Judge(wording=OTHER),)).rank([one])
    assert len(ranking.candidates[0].judges) == 2
