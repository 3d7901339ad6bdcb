"""Anchors and profiles where answers are ranked: the models, the ranker, the parser, the middleware."""

import warnings

import numpy as np
import pytest

from langchain_consensus import (
    ChatEquilibriumRanking,
    Consensus,
    ConsensusOutputParser,
    ConsensusRanker,
    EquilibriumRankingLLM,
    FakeEngine,
    Question,
    given,
)
from langchain_consensus.calibration import Fitting, Profile, ProfileMismatchWarning, calibrated_from
from langchain_consensus.calibration.profile import Kept
from langchain_consensus.errors import InvalidInputError, LowConfidenceError
from langchain_consensus.game import LogTimeFlow
from langchain_consensus.middleware import ConsensusMiddleware
from langchain_consensus.prompts import wording_named

CAPITALS = ["Canberra", "Sydney", "Perth"]


def _beliefs(count):
    """Questions whose likelier answer is right as often as it is likely."""
    rng = np.random.default_rng(0)
    found = {}
    for number in range(count):
        share = rng.uniform(0.55, 0.99)
        right, wrong = ("yes", "no") if rng.random() < share else ("no", "yes")
        found[f"Question {number}?"] = ({right: share, wrong: 1 - share, "maybe": 0.05}, "yes")
    return found


BELIEFS = _beliefs(140)
ENGINE = FakeEngine({question: beliefs for question, (beliefs, _) in BELIEFS.items()})


@pytest.fixture(scope="module")
def profile():
    batch = [
        given(Question(text=question, choices=tuple(beliefs)), list(beliefs))
        for question, (beliefs, _) in BELIEFS.items()
    ]
    rankings = Consensus(engine=ENGINE, solver=LogTimeFlow()).rank(batch)
    return calibrated_from(rankings, [lambda text: text == "yes"] * len(rankings), fitting=Fitting(ties=False))


def surfaces(profile):
    options = {"engine": ENGINE, "calibration": profile, "solver": "log_time_flow"}
    return EquilibriumRankingLLM(**options), ChatEquilibriumRanking(**options), ConsensusRanker(**options)


def test_with_a_profile_the_confidence_is_its_probability_on_every_surface(profile):
    llm, chat, ranker = surfaces(profile)
    plain = ConsensusRanker(engine=ENGINE).invoke({"question": "Question 0?", "candidates": ["yes", "no", "maybe"]})
    result = ranker.invoke({"question": "Question 0?", "candidates": ["yes", "no", "maybe"]})
    assert result.profile == profile.digest
    assert result.confidence == result.candidates[0].calibrated == result.candidates[0].confidence
    assert result.confidence != plain.confidence
    assert (plain.profile, plain.candidates[0].calibrated) == (None, None)
    ranking = llm.ranked().invoke("Question 0?")
    assert (ranking.profile, ranking.confidence) == (profile.digest, ranking.candidates[0].calibrated)
    evidence = chat.invoke("Question 0?").response_metadata["consensus"]
    assert evidence["profile"] == profile.digest


def test_the_profile_may_be_a_path_and_tells_cache_keys_apart(profile, tmp_path):
    profile.save(tmp_path / "profile.json")
    llm = EquilibriumRankingLLM(engine=ENGINE, calibration=tmp_path / "profile.json")
    assert llm.calibration.digest == profile.digest
    keys = {str(EquilibriumRankingLLM(engine=ENGINE, **o)._identifying_params) for o in (
        {}, {"calibration": profile}, {"anchors": "informed"},
    )}  # fmt: skip
    assert len(keys) == 3


def test_a_promise_withholds_what_is_below_its_threshold(profile):
    questions = list(BELIEFS)[:40]
    inputs = [{"question": q, "candidates": ["yes", "no", "maybe"]} for q in questions]
    middle = float(np.median([one.confidence for one in surfaces(profile)[2].batch(inputs)]))
    # As if the sixty kept answers above the middle had been right, and those below wrong.
    kept = Kept(
        thresholds=(middle, 0.0),
        shares=(0.5, 1.0),
        confidence=(middle,) * 60 + (middle / 2,) * 60,
        right=(True,) * 60 + (False,) * 60,
    )
    profile = profile.model_copy(update={"kept": kept})
    ranker = surfaces(profile)[2]
    threshold = profile.threshold(0.4).value
    assert threshold == middle
    parser = ConsensusOutputParser(calibration=profile, max_risk=0.4, below="abstain")
    results = [parser.invoke(result) for result in ranker.batch(inputs)]
    assert 0 < sum(one.abstained for one in results) < 40
    assert [one.abstained for one in results] == [one.confidence < threshold for one in results]
    strict = ConsensusOutputParser(calibration=profile.model_copy(update={"kept": None}), min_confidence=0.999)
    with pytest.raises(LowConfidenceError, match=r"`min_confidence` is 0\.999"):
        strict.invoke(ranker.invoke({"question": "Question 0?", "candidates": ["yes", "no", "maybe"]}))


def test_a_promise_on_a_confidence_that_the_profile_did_not_give_is_refused(profile):
    result = ConsensusRanker(engine=ENGINE).invoke({"question": "Question 0?", "candidates": ["yes", "no"]})
    with pytest.raises(InvalidInputError, match="not by the profile in `calibration`"):
        ConsensusOutputParser(calibration=profile, max_risk=0.4).invoke(result)
    by_score = ConsensusRanker(engine=ENGINE, calibration=profile, rule="generator", solver="log_time_flow")
    other = by_score.invoke({"question": "Question 0?", "candidates": ["yes", "no"]})
    assert any("by the rule 'er_discriminator', and 'generator' ranks" in said for said in other.warnings)
    with pytest.raises(InvalidInputError, match="another rule than 'er_discriminator'"):
        ConsensusOutputParser(calibration=profile, max_risk=0.4).invoke(other)
    with pytest.raises(ValueError, match="it needs `calibration`"):
        ConsensusOutputParser(max_risk=0.4)
    with pytest.raises(ValueError, match="leave `min_confidence` out"):
        ConsensusOutputParser(calibration=profile, max_risk=0.4, min_confidence=0.5)
    few = profile.kept.model_copy(update={"confidence": (0.5,), "right": (True,)})
    short = profile.model_copy(update={"kept": few})
    with pytest.raises(ValueError, match="at least 22 labelled questions"):
        ConsensusOutputParser(calibration=short, max_risk=0.1)


def test_another_model_is_warned_of_and_another_wording_is_said_in_the_ranking(profile):
    other = profile.model_copy(update={"model": "some-other-model"})
    with pytest.warns(ProfileMismatchWarning, match="some-other-model"):
        llm = EquilibriumRankingLLM(engine=ENGINE, calibration=other)
    assert any("some-other-model" in said for said in llm.rank(["Question 0?"])[0].warnings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reworded = ConsensusRanker(
            engine=ENGINE, calibration=profile, wording=wording_named("agent_answer"), solver="log_time_flow"
        )
    said = reworded.invoke({"question": "Question 0?", "candidates": ["yes", "no"]}).warnings
    assert any("under the wording 'chat_qa' and 'agent_answer' is used" in one for one in said)


def test_informed_anchors_are_another_game_over_the_same_views():
    batch = [
        given(Question(text=q, choices=("yes", "no", "maybe")), ["yes", "no", "maybe"]) for q in list(BELIEFS)[:30]
    ]
    paper = Consensus(engine=ENGINE, solver=LogTimeFlow()).rank(batch)
    informed = Consensus(engine=ENGINE, solver=LogTimeFlow(), anchors="informed").rank(batch)
    for one, other in zip(paper, informed, strict=True):
        by_text = {c.text: c for c in other.candidates}
        assert all(c.generator_correct == by_text[c.text].generator_correct for c in one.candidates)
        assert (one.profile, other.profile) == (None, None)
    assert any(one.solver.gap != other.solver.gap for one, other in zip(paper, informed, strict=True))
    with pytest.raises(ValueError, match=r"`anchors` is 'best'; it must be one of \['paper', 'informed'\]"):
        EquilibriumRankingLLM(engine=ENGINE, anchors="best")


def test_counts_of_drawn_answers_are_a_view():
    drawn = Consensus(
        engine=FakeEngine({"Where?": dict(zip(CAPITALS, (0.5, 0.3, 0.2), strict=True))}), anchors="informed"
    )
    (ranking,) = drawn.ask([Question(text="Where?")])
    assert ranking.answer in CAPITALS


def test_the_middleware_selects_by_a_profile(profile, tmp_path):
    profile.save(tmp_path / "p.json")
    made = ConsensusMiddleware(ENGINE, mode="select", calibration=tmp_path / "p.json", anchors="informed")
    assert made._options.consensus.calibration.digest == profile.digest
    assert made._options.consensus.anchors == "informed"
    with pytest.raises(InvalidInputError, match="`calibration` is an option of mode 'select'"):
        ConsensusMiddleware(ENGINE, mode="verify", calibration=profile)
    with pytest.raises(InvalidInputError, match="`calibration` is 3"):
        ConsensusMiddleware(ENGINE, mode="select", calibration=3)


def test_a_profile_is_plain_json(profile):
    assert Profile.model_validate_json(profile.model_dump_json()) == profile
