"""The re-ranking experiment on a small library: what is read, scored once, ordered by each method and compared."""

import json
import math

import numpy as np
import pytest

from langchain_consensus import FakeEngine
from langchain_consensus.documents.wording import RELEVANCE_PRESETS
from langchain_consensus.evaluation.reranking import __main__ as program
from langchain_consensus.evaluation.reranking.comparison import ndcg, paired, table
from langchain_consensus.evaluation.reranking.methods import Scored, orders, read_scored
from langchain_consensus.evaluation.reranking.scoring import score_searches
from langchain_consensus.evaluation.reranking.searches import Bm25, read_searches
from langchain_consensus.game import ConsensusGame, PiKL, solve
from tests.engines import CAPITAL, RecordingEngine

LIBRARY = {"m": "Melbourne is large.", "c": "Canberra is the capital of Australia.", "s": "Sydney has a harbour."}


@pytest.fixture
def folder(tmp_path):
    def write(name, rows):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    write("docs.jsonl", [{"id": name, "title": "On towns", "text": text} for name, text in LIBRARY.items()])
    write(
        "dev.jsonl",
        [{"id": f"q{number}", "question": CAPITAL, "candidates": ["s", "m", "c"]} for number in range(3)],
    )
    rows = [{"query_id": f"q{number}", "doc_id": "c", "relevance": 1} for number in range(3)]
    write("dev_qrels.jsonl", [*rows, {"query_id": "q0", "doc_id": "m", "relevance": 0}])
    return tmp_path


def scored(documents, relevant, *, generator=None, discriminator=None, retriever=None):
    size = len(documents)
    views = np.log(np.full((2, size), 0.5))
    return Scored(
        id="q",
        documents=tuple(documents),
        relevant=frozenset(relevant),
        retriever=np.arange(size, 0, -1.0) if retriever is None else np.array(retriever),
        generator=views if generator is None else np.array(generator),
        discriminator=views if discriminator is None else np.array(discriminator),
    )


def test_bm25_is_lucenes_formula():
    # Two texts of 2 and 4 words, mean 3; "red" is in one of them: idf = ln(1 + 1.5 / 1.5) = ln 2.
    # tf = 1, length 2: 2.2 / (1 + 1.2 (0.25 + 0.75 * 2/3)) = 2.2 / 1.9.
    found = Bm25({"a": "Red, car", "b": "blue car blue car"})
    assert found.score("the RED thing", "a") == pytest.approx(math.log(2) * 2.2 / 1.9)
    assert found.score("red", "b") == 0


def test_searches_are_read_with_their_documents_in_the_retrievers_order(folder):
    (search, _) = read_searches(folder, split="dev", limit=2, top=2)
    assert (search.id, search.query, search.relevant) == ("q0", CAPITAL, frozenset({"c"}))
    assert [one.id for one in search.found] == ["s", "m"]
    assert search.found[0].text == "On towns\nSydney has a harbour."


def test_scoring_goes_on_where_it_stopped(folder, tmp_path):
    output, engine, lines = tmp_path / "scores.jsonl", RecordingEngine(), []
    wording = RELEVANCE_PRESETS["relevance"]
    for limit in (1, 3, 3):
        searches = read_searches(folder, split="dev", limit=limit, top=3)
        score_searches(engine, wording, searches, output, most_tokens=64, progress=lines.append)
    assert engine.calls == (0, 3)
    assert [one.id for one in read_scored(output)] == ["q0", "q1", "q2"]
    assert len(lines) == 3


def test_the_methods_order_by_what_they_say(folder, tmp_path):
    output = tmp_path / "scores.jsonl"
    searches = read_searches(folder, split="dev", limit=1, top=3)
    score_searches(RecordingEngine(), RELEVANCE_PRESETS["relevance"], searches, output, most_tokens=64, progress=print)
    found = orders(read_scored(output), prior="rank", weight=50)
    assert found["retriever"] == [["s", "m", "c"]]
    # The fake believes in Canberra, then Sydney, then Melbourne.
    assert found["verdict"] == found["query likelihood"] == found["game, ER-D"] == [["c", "s", "m"]]
    assert found["game, prior rank x 50, ER-D"] == [["s", "m", "c"]]


def test_the_game_is_the_rerankers_game():
    rng = np.random.default_rng(0)
    one = scored("abcd", "a", generator=rng.normal(size=(2, 4)), discriminator=rng.normal(size=(2, 4)))
    solution = solve(
        ConsensusGame.from_log_scores(generator=one.generator, discriminator=one.discriminator), PiKL(steps=5000)
    )
    best = ["abcd"[place] for place in np.argsort(-solution.discriminator_policy[1])]
    assert orders([one], prior="rank", weight=0)["game, ER-D"] == [best]


def test_equal_scores_keep_the_retrievers_order():
    found = orders([scored("abc", "a")], prior="score", weight=0)
    assert all(order == [["a", "b", "c"]] for order in found.values())


def naive_ndcg(order, relevant, k):
    gain = sum(1 / math.log2(place + 2) for place, name in enumerate(order[:k]) if name in relevant)
    return gain / sum(1 / math.log2(place + 2) for place in range(min(k, len(relevant))))


@pytest.mark.parametrize(
    ("order", "relevant"),
    [
        ("abcdefghijkl", "a"),
        ("abcdefghijkl", "c"),
        ("abcdefghijkl", "l"),
        ("abcdefghijkl", "bz"),
        ("abc", "zc"),
        ("abc", "z"),
        ("abcdefghijkl", "abcdefghijkl"),
    ],
)
def test_ndcg_is_its_definition_over_found_and_unfound_documents(order, relevant):
    (found,) = ndcg([scored(order, relevant)], [list(order)])
    assert found == pytest.approx(naive_ndcg(order, set(relevant), 10))


def test_an_interval_holds_its_mean_and_is_a_point_where_nothing_varies():
    found = paired(np.array([0.0, 1.0] * 50))
    # Standard error 0.05: the interval is about 0.5 -+ 0.1.
    assert found.mean == 0.5
    assert (found.low, found.high) == (pytest.approx(0.4, abs=0.02), pytest.approx(0.6, abs=0.02))
    assert str(paired(np.full(5, 0.25))) == "0.250 [0.250, 0.250]"


def test_the_table_compares_every_method_with_the_last_search_by_search():
    shown = table({"a": np.array([0.0, 0.5]), "b": np.array([0.5, 1.0])}, best="b")
    assert shown.splitlines()[2].endswith("| 0.500 [0.500, 0.500] |")
    assert shown.splitlines()[3].endswith("|  |")


def test_the_program_scores_compares_and_sweeps(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "TransformersEngine", lambda name: FakeEngine())
    output = tmp_path / "scores.jsonl"
    program.main(["score", "--data", str(folder), "--limit", "2", "--output", str(output)])
    program.main(["compare", "--scores", str(output), "--weight", "2", "--prior", "score"])
    program.main(["compare", "--scores", str(output), "--sweep"])
    shown = capsys.readouterr().out
    assert "| game, prior score x 2, ER-D |" in shown
    assert "game, prior rank x 8, ER-G: " in shown
