"""What the play page is told, without HTTP."""

import numpy as np
import pytest
from page_reading import Page

from langchain_consensus import Consensus, FakeEngine, SamplingSettings
from langchain_consensus.errors import EngineError, InvalidInputError
from langchain_consensus.game import ConsensusGame, Correctness, LogTimeFlow, solve
from langchain_consensus.report.play_session import PlaySession
from tests.engines import BELIEFS, CAPITAL, RecordingEngine

MAIN = "<main>{}</main>"


def session(engine=None):
    sampling = SamplingSettings(n=12, seed=1)
    return PlaySession(Consensus(engine=engine or RecordingEngine(), sampling=sampling, solver=LogTimeFlow()))


def asked(playing, **more):
    events = list(playing.ask({"question": CAPITAL, **more}))
    return {event.name: event.data for event in events}, [event.name for event in events]


def shares(html):
    """What the table beside the charts says: {answer: (generator, judge)}."""
    page = Page(MAIN.format(html))
    rows = page.one("table", class_="now").children[2].children
    return {
        next(one.text for one in page.elements if one in _below(row) and one.tag == "bdi"): tuple(
            float(one["value"]) for one in _below(row) if one.tag == "data"
        )
        for row in rows
    }


def _below(element):
    return [one for child in element.children for one in (child, *_below(child))]


def test_a_question_is_told_as_it_is_answered():
    playing = session()
    told, order = asked(playing)
    assert order == ["drawing", "candidates", "scored"]
    assert told["drawing"] == {"draws": 12}
    assert {one["text"] for one in told["candidates"]["candidates"]} == set(BELIEFS[CAPITAL])
    assert sum(one["draws"] for one in told["candidates"]["candidates"]) == 12
    assert told["scored"]["milliseconds"] > 0
    assert "By the judge's final view the answer is <strong>“\u2068Canberra\u2069”" in told["scored"]["html"]


def test_candidates_are_told_before_they_are_scored():
    engine = RecordingEngine()
    events = session(engine).ask({"question": CAPITAL})
    assert [next(events).name, next(events).name] == ["drawing", "candidates"]
    assert engine.calls == (1, 0)


def test_other_weights_give_the_solver_s_own_policies_and_ask_the_model_nothing():
    engine = RecordingEngine()
    playing = session(engine)
    told, _ = asked(playing)
    before = engine.calls
    solved = playing.solve({"game": told["scored"]["game"], "generator": 0.5, "judge": 2})
    assert engine.calls == before
    [ranking] = Consensus(engine=FakeEngine(BELIEFS), sampling=SamplingSettings(n=12, seed=1)).ask(
        [playing._games[told["scored"]["game"]].question]
    )
    generator = [[one.generator_incorrect / one.tokens for one in ranking.candidates]]
    generator.append([one.generator_correct / one.tokens for one in ranking.candidates])
    verdicts = [
        [one.verdict_incorrect for one in ranking.candidates],
        [one.verdict_correct for one in ranking.candidates],
    ]
    game = ConsensusGame.from_log_scores(
        generator=generator, discriminator=verdicts - np.logaddexp.reduce(verdicts, axis=0)
    )
    solution = solve(game, LogTimeFlow(lambda_generator=0.5, lambda_discriminator=2))
    expected = {
        one.text: (
            solution.generator_policy[Correctness.CORRECT, place],
            solution.discriminator_policy[Correctness.CORRECT, place],
        )
        for place, one in enumerate(ranking.candidates)
    }
    found = shares(solved["html"])
    assert set(found) == set(expected)
    for text, pair in expected.items():
        assert found[text] == pytest.approx(pair, abs=1e-6)


def test_heavier_weights_keep_the_views_where_they_were_and_lighter_ones_let_them_agree():
    playing = session()
    game = asked(playing)[0]["scored"]["game"]
    held = shares(playing.solve({"game": game, "generator": 100, "judge": 100, "solver": "equilibrium"})["html"])
    anchors = playing._games[game].candidates
    for one in anchors:
        assert held[one.text] == pytest.approx((one.scores["self_contrastive"], one.scores["discriminator"]), abs=0.01)
    free = shares(playing.solve({"game": game, "generator": 0.05, "judge": 0.05, "solver": "equilibrium"})["html"])
    assert free["Canberra"][0] > held["Canberra"][0]
    assert free["Canberra"][1] > held["Canberra"][1]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"game": "99"}, "This game is not remembered any more"),
        ({}, "This game is not remembered any more"),
        ({"game": "1", "generator": 0}, "`generator` is 0; it must be a number from 0.01 to 100."),
        ({"game": "1", "judge": float("nan")}, "`judge` is nan; it must be"),
        ({"game": "1", "judge": "0.1"}, "`judge` is '0.1'; it must be"),
        ({"game": "1", "judge": True}, "`judge` is True; it must be"),
        ({"game": "1", "solver": "magic"}, "`solver` is 'magic'; it must be one of"),
        ({"game": "1", "solver": ["published"]}, "`solver` is "),
    ],
)
def test_bad_weights_are_refused(wanted, message):
    playing = session()
    asked(playing)
    with pytest.raises(InvalidInputError) as error:
        playing.solve(wanted)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({}, "`question` is ''"),
        ({"question": 3}, "`question` must be a text of at most 20,000 characters."),
        ({"question": "w" * 20_001}, "`question` must be a text"),
        ({"question": "\ud800"}, "`question` holds half a surrogate pair"),
        ({"question": "Q?", "context": ["x"]}, "`context` must be a text"),
        ({"question": "Q?", "draws": 0}, "`draws` is 0; it must be a whole number from 1 to 64."),
        ({"question": "Q?", "draws": "8"}, "`draws` is '8'"),
    ],
)
def test_bad_questions_are_refused_before_anything_is_drawn(question, message):
    engine = RecordingEngine()
    with pytest.raises(InvalidInputError) as error:
        session(engine).ask(question)
    assert message in str(error.value)
    assert engine.calls == (0, 0)


def test_one_question_at_a_time_uses_the_model_and_the_next_one_may_ask_after_it():
    playing = session()
    first = playing.ask({"question": CAPITAL})
    assert next(first).name == "drawing"
    assert asked(playing)[0]["error"]["message"] == "Another question is being answered; wait for it."
    list(first)
    assert asked(playing)[1][-1] == "scored"
    abandoned = playing.ask({"question": CAPITAL})
    next(abandoned)
    abandoned.close()
    assert asked(playing)[1][-1] == "scored"


def test_a_failure_of_the_model_is_told_and_the_next_question_works():
    class Broken(RecordingEngine):
        def score(self, requests):
            if len(self.score_calls) == 0:
                self.score_calls.append(())
                msg = "out of <b>memory</b>"
                raise EngineError(msg)
            return super().score(requests)

    playing = session(Broken())
    told, order = asked(playing)
    assert order == ["drawing", "candidates", "error"]
    assert told["error"] == {"message": "out of <b>memory</b>"}
    assert asked(playing)[1][-1] == "scored"


def test_only_the_latest_games_are_remembered():
    playing = session()
    games = [asked(playing)[0]["scored"]["game"] for _ in range(18)]
    assert len(set(games)) == 18
    with pytest.raises(InvalidInputError, match="not remembered"):
        playing.solve({"game": games[0]})
    assert playing.solve({"game": games[-1]})["html"]


def test_what_a_model_writes_is_escaped_in_the_game():
    text = "<img src=x onerror=alert(1)>"
    playing = session(FakeEngine({CAPITAL: {text: 0.6, "Sydney": 0.4}}))
    html = asked(playing)[0]["scored"]["html"]
    assert not Page(MAIN.format(html)).all("img")
    assert text not in html
