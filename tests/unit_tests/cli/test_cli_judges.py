"""`--judge`: what it names, what is refused, and that the results hold every verdict."""

import json

import pytest
from cli_running import CAPITALS, run

from langchain_consensus.cli.engines import ModelSettings
from langchain_consensus.cli.judges import judge_written
from langchain_consensus.cli.pipeline import RunSettings
from langchain_consensus.engine.fake import FakeEngine
from langchain_consensus.engine.transformers_engine import TransformersEngine
from langchain_consensus.errors import InvalidInputError

AUSTRALIA = next(iter(CAPITALS))


@pytest.mark.parametrize(
    ("text", "model", "wording"),
    [
        ("some/model", "some/model", None),
        ("some/model:qa", "some/model", "qa"),
        (":agent_answer", None, "agent_answer"),
        ("model:auto", "model", "auto"),
        ("C:/models/one", "C:/models/one", None),
        ("C:\\models\\one:qa", "C:\\models\\one", "qa"),
    ],
)
def test_a_judge_is_a_model_a_wording_or_both(text, model, wording):
    made = []
    engine = FakeEngine()
    judge = judge_written(text, make=lambda name: made.append(name) or engine)
    assert made == ([] if model is None else [model])
    assert judge.engine is (None if model is None else engine)
    assert (judge.wording, judge.weight) == (wording, "informed")


@pytest.mark.parametrize("text", ["", ":", " "])
def test_a_judge_that_names_nothing_is_refused(text):
    with pytest.raises(InvalidInputError, match=r"--judge is .*; it must be MODEL|after the last colon"):
        judge_written(text, make=lambda _: FakeEngine())


def test_the_same_model_in_other_words_is_loaded_once_and_another_model_beside_it():
    settings = RunSettings(
        model=ModelSettings(name="one"), wording="auto", rule="er_discriminator", solver="pikl", min_confidence=None,
        judges=("one:qa", "two"),
    )  # fmt: skip
    first, second = settings.consensus().judges
    assert first.engine is None
    assert isinstance(second.engine, TransformersEngine)
    assert second.engine.name == "two"


def test_ask_and_rank_say_every_verdict():
    asked = run("ask", AUSTRALIA, "--json", "--judge", ":agent_answer")
    assert asked.code == 0
    names = [one["name"] for one in asked.objects[0]["candidates"][0]["judges"]]
    assert names == ["fake:chat_qa", "fake:agent_answer"]
    ranked = run(
        "rank", AUSTRALIA, "--candidate", "Sydney", "--candidate", "Canberra", "--judge", "x:tool_use", "--json"
    )
    assert [one["name"] for one in ranked.objects[0]["candidates"][0]["judges"]] == ["fake:chat_qa", "fake:tool_use"]
    assert "judges" not in run("ask", AUSTRALIA, "--json").objects[0]["candidates"][0]


def test_what_people_read_names_the_judges_and_shows_their_mean():
    engine = FakeEngine(CAPITALS)
    shown = run("rank", AUSTRALIA, "--candidate", "Sydney", "--candidate", "Canberra", "--judge", ":agent_answer")
    assert "judges   fake:chat_qa 0.50, fake:agent_answer 0.50" in shown.out
    assert "0.60" in shown.out
    alone = run("rank", AUSTRALIA, "--candidate", "Sydney", "--candidate", "Canberra", engine=engine)
    assert "judges" not in alone.out


def test_a_file_that_was_ranked_with_other_judges_is_not_continued(tmp_path):
    items = tmp_path / "items.jsonl"
    items.write_text(json.dumps({"id": "1", "question": AUSTRALIA, "choices": ["Sydney", "Canberra"]}) + "\n")
    out = tmp_path / "out.jsonl"
    assert run("rank", "--input", items, "--output", out, "--judge", ":agent_answer").code == 0
    assert len(json.loads(out.read_text().splitlines()[0])["candidates"][0]["judges"]) == 2
    assert run("rank", "--input", items, "--output", out, "--judge", ":agent_answer").code == 0
    other = run("rank", "--input", items, "--output", out)
    assert other.code != 0
    assert "judges" in other.err


@pytest.mark.parametrize(
    ("judge", "message"), [("m:nope", "the presets are"), (":qa_", "--judge is ':qa_'"), (":", "after the last colon")]
)
def test_a_judge_that_is_none_is_one_line_on_stderr(judge, message):
    ran = run("ask", AUSTRALIA, "--judge", judge)
    assert ran.code != 0
    assert message in " ".join(ran.err.split())


def test_a_chat_asked_of_a_judge_without_a_chat_template_is_refused_before_anything_is_drawn():
    ran = run("ask", AUSTRALIA, "--wording", "qa", "--judge", "x:chat_qa", engine=FakeEngine(CAPITALS, is_chat=False))
    assert ran.code != 0
    assert "'chat_qa', a chat" in " ".join(ran.err.split())
