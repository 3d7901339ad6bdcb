"""`calibrate` and what uses a profile, as a user runs them."""

import json
import random

import pytest
from cli_running import run, write_items

from langchain_consensus.calibration import read_profile
from langchain_consensus.calibration.profile import Kept
from langchain_consensus.engine import FakeEngine


def _beliefs(count):
    rng = random.Random(0)
    found = {}
    for number in range(count):
        share = rng.uniform(0.55, 0.99)
        right, wrong = ("yes", "no") if rng.random() < share else ("no", "yes")
        found[f"Question {number}?"] = {right: share, wrong: 1 - share, "maybe": 0.05}
    return found


BELIEFS = _beliefs(100)
ENGINE = FakeEngine(BELIEFS)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "arc_easy").mkdir()
    rows = [{"id": q, "question": q, "choices": ["yes", "no", "maybe"], "answer_index": 0} for q in BELIEFS]
    write_items(folder / "arc_easy" / "dev.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "profile.json"
    ran = run(
        "calibrate", "--task", "arc_easy", "--data", data, "--out", out, "--model", "fake", "--base-url", "http://x",
        engine=ENGINE,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    return out, ran


def test_it_scores_fits_and_says_what_can_be_promised(made):
    out, ran = made
    profile = read_profile(out)
    assert (profile.model, profile.wording, profile.questions, len(profile.kept.right)) == ("fake", "chat_qa", 50, 50)
    assert "50 questions fitted, 50 kept apart; weights: score" in " ".join(ran.err.split())
    assert "--max-risk 0.05" in ran.err
    assert (out.with_suffix(".scores") / "arc_easy.chat_qa.jsonl").exists()


def test_where_scores_are_there_no_model_is_asked_and_the_profile_is_the_same(made, tmp_path):
    out, _ = made
    again = tmp_path / "again.json"
    ran = run(
        "calibrate", "--task", "arc_easy", "--scores", out.with_suffix(".scores"), "--out", again, engine=object()
    )
    assert ran.code == 0, ran.err
    assert again.read_bytes() == out.read_bytes()


def test_ranking_with_a_profile_gives_its_confidence_and_keeps_its_promise(made, tmp_path):
    # As if the sixty kept answers above 0.7 had been right, and those below wrong.
    kept = Kept(
        thresholds=(0.7, 0.0),
        shares=(0.5, 1.0),
        confidence=(0.8,) * 60 + (0.5,) * 60,
        right=(True,) * 60 + (False,) * 60,
    )
    profile, out = read_profile(made[0]).model_copy(update={"kept": kept}), tmp_path / "profile.json"
    profile.save(out)
    question = next(iter(BELIEFS))
    asked = ("rank", question, "--candidate", "yes", "--candidate", "no", "--candidate", "maybe", "--json")
    (found,) = run(*asked, "--profile", out, "--max-risk", 0.4, engine=ENGINE).objects
    assert found["profile"] == profile.digest
    assert found["confidence"] == found["candidates"][0]["calibrated"]
    assert found["abstained"] == (found["confidence"] < 0.7)
    informed = run(*asked, "--anchors", "informed", engine=ENGINE).objects[0]
    assert informed["profile"] is None


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--max-risk", "0.1"), "it needs --profile"),
        (("--anchors", "mine"), "`anchors` is 'mine'"),
        (("--profile", "absent.json"), "absent.json: cannot be read"),
    ],
)
def test_bad_input_is_one_line(args, said):
    ran = run("rank", "Why?", "--candidate", "a", *args, engine=ENGINE)
    assert ran.code == 2
    assert said in " ".join(ran.err.split())


def test_scores_of_several_wordings_ask_which(made, tmp_path):
    out, _ = made
    scores = out.with_suffix(".scores")
    for name in ("arc_easy.chat_qa.jsonl", "arc_easy.other.jsonl"):
        (tmp_path / name).write_bytes((scores / "arc_easy.chat_qa.jsonl").read_bytes())
    ran = run("calibrate", "--task", "arc_easy", "--scores", tmp_path, "--out", tmp_path / "p.json", engine=ENGINE)
    assert ran.code == 2
    assert "choose one with --wording" in " ".join(ran.err.split())


def test_the_report_judges_what_is_learned_on_what_it_was_not_learned_on(made, tmp_path):
    out, _ = made
    ran = run("report", out.with_suffix(".scores"), "--learned", "--markdown", tmp_path / "t.md", engine=ENGINE)
    assert ran.code == 0, ran.err
    text = (tmp_path / "t.md").read_text("utf-8")
    assert "## Learned weights" in text
    for row in ("| best view of the task |", "| informed |", "| without the fall-back |", "| without the verdict |"):
        assert row in text
    assert "profile, other tasks" not in text  # there is one task
    assert json.loads(out.read_text())["version"] == 1
