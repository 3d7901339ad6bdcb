"""The registry, the wordings that it names, and tasks of one's own."""

import re
from pathlib import Path

import pytest

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.hub_rows import READERS
from langchain_consensus.evaluation.tasks import TASKS, task_named
from langchain_consensus.evaluation.wordings import WORDINGS, evaluation_wording
from langchain_consensus.prompts import PRESETS, Question, Wording

NAMES = {
    "mmlu", "mmlu_5shot", "arc_easy", "arc_challenge", "race_middle", "race_high", "hhh", "truthfulqa_mc",
    "truthfulqa_gen", "gsm8k", "commonsenseqa", "openbookqa", "boolq", "hellaswag", "nq_open", "triviaqa",
}  # fmt: skip


def test_the_papers_benchmarks_and_those_beyond_it_are_there():
    assert set(TASKS) == NAMES


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_every_task_is_asked_in_a_chat_of_chat_models_and_in_text_of_others(task):
    chat, text = evaluation_wording(task.chat_wording), evaluation_wording(task.text_wording)
    assert (chat.kind, text.kind) == ("chat", "text")
    assert task.hub.reader in READERS
    assert task.licence
    question = Question(text="q", context="c", choices=("one", "two"))
    for wording in (chat, text):
        assert wording.generator_prompt(question, 0) != wording.generator_prompt(question, 1)
        assert wording.discriminator_prompt(question, "one") != wording.discriminator_prompt(question, "two")


def test_no_wording_hides_a_preset_and_each_ablation_changes_one_view():
    assert not set(WORDINGS) & set(PRESETS)
    base = PRESETS["chat_qa"].model_dump(exclude={"name"})
    for name in ("chat_wrong_right", "chat_paper", "chat_listed", "chat_letter"):
        changed = {key for key, value in WORDINGS[name].model_dump(exclude={"name"}).items() if value != base[key]}
        assert changed
        assert not changed & {"judge", "judge_system", "verdicts"}, name
    for name in ("chat_listed_judge", "chat_true_false", "chat_words", "chat_options"):
        changed = {key for key, value in WORDINGS[name].model_dump(exclude={"name"}).items() if value != base[key]}
        assert changed
        assert changed <= {"judge", "verdicts"}, name


def test_an_unknown_task_or_wording_is_one_error_that_lists_the_known_ones():
    with pytest.raises(InvalidInputError, match=r"`task` is 'chess'; it must be a TOML file or one of mmlu, "):
        task_named("chess")
    with pytest.raises(InvalidInputError, match=r"`wording` is 'rude'; it must be one of .*chat_qa"):
        evaluation_wording("rude")


def test_a_task_of_ones_own_is_one_small_file(tmp_path):
    file = tmp_path / "capitals.toml"
    file.write_text(
        'name = "capitals"\nkind = "exact"\ndata = "capitals.jsonl"\ndraws = 4\n\n[chat_wording]\nname = "terse"\n'
        'kind = "chat"\nask = "{question} Give the {condition} answer."\njudge = "{question} {answer}? Yes or No."\n'
        'conditions = ["wrong", "right"]\nverdicts = ["No", "Yes"]\n'
    )
    task = task_named(str(file))
    assert (task.name, task.kind, task.draws) == ("capitals", "exact", 4)
    assert isinstance(task.chat_wording, Wording)
    assert task.data == str(tmp_path / "capitals.jsonl")


def test_the_docs_example_is_a_task(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "evaluation.md").read_text("utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```", page, flags=re.M | re.S)
    (tmp_path / "capitals.toml").write_text(block)
    task = task_named(str(tmp_path / "capitals.toml"))
    assert task.chat_wording.name == "terse"
    assert set(re.findall(r"`(\w+)`", page)) >= NAMES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "x"', "`kind`: Field required"),
        (
            'name = "x"\nkind = "guess"\ndata = "d.jsonl"',
            "`kind`: Input should be 'choice', 'exact', 'number' or 'truthful'",
        ),
        ('name = "a b"\nkind = "choice"\ndata = "d.jsonl"', "`name`: String should match pattern"),
        ('name = "x"\nkind = "choice"\ndata = "d.jsonl"\nshot = 1', "`shot`: Extra inputs are not permitted"),
        ('name = "x"\nkind = "choice"', "has neither `data` nor `\\[hub\\]`"),
        ('name = "x"\nkind = "choice"\ndata = "d"', "`data` is 'd'; it must be a .jsonl file"),
        ("name = ", "is no TOML"),
    ],
)
def test_a_task_file_that_breaks_a_rule_is_one_error_with_its_name(tmp_path, text, said):
    file = tmp_path / "x.toml"
    file.write_text(text)
    with pytest.raises(InvalidInputError, match=said) as caught:
        task_named(str(file))
    assert str(caught.value).startswith(f"{file}: ")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        task_named(str(tmp_path / "missing.toml"))
