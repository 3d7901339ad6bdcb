"""Every Python block of the README and the docs runs, in order, on the fake engine; links between the pages hold."""

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from langchain_consensus import FakeEngine
from tests.chats import CategoricalChat, CategoricalEngine

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BELIEFS = {
    'What is the capital of Australia? Answer as JSON: {"city": ...}': {
        '{"city": "Canberra"}': 0.7,
        '{"city": "Sydney"}': 0.2,
        "I am not sure.": 0.1,
    },
    "What is the capital of Australia?": {"Canberra": 0.6, "Sydney": 0.4},
    "What is the capital of France?": {"Paris": 0.9, "Lyon": 0.1},
    # The tutorial's handbook.
    "What does a parking place for a car cost?": {"40 euros a month": 0.8, "28 days": 0.2},
    "How many days of paid vacation do I have?": {"28 days": 0.9, "40": 0.1},
    "Is there a dress code?": {"No.": 0.6, "Yes.": 0.4},
    # The chat model's page: a call of a tool, what is said to its result, and an object.
    "What is the weather in Canberra?": {
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Canberra"}}\n</tool_call>': 0.8,
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Sydney"}}\n</tool_call>': 0.1,
        "I cannot know.": 0.1,
    },
    "tool: 21 degrees and sunny in Canberra.": {"It is sunny, at 21 degrees.": 0.9, "It rains.": 0.1},
    "Where is the Sydney Opera House?": {
        '{"city": "Sydney", "country": "Australia"}': 0.8,
        '{"city": "Canberra", "country": "Australia"}': 0.2,
    },
}


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S)


@pytest.fixture
def _no_weights(monkeypatch):
    """Model ids give the fake engine: what a block shows is the call, not the model."""
    for home in ("engine.transformers_engine", "engine", "settings.game", "settings.engines"):
        monkeypatch.setattr(f"langchain_consensus.{home}.TransformersEngine", lambda *_, **__: FakeEngine(BELIEFS))
    served = "langchain_consensus.engine.openai_engine.OpenAICompatibleEngine"
    monkeypatch.setattr(served, lambda *_, **__: FakeEngine(BELIEFS))
    hosted = "langchain_consensus.engine.openai_chat.OpenAIChatEngine"
    monkeypatch.setattr(hosted, lambda *_, **__: CategoricalEngine(tells=True))
    monkeypatch.setattr("langchain.chat_models.init_chat_model", lambda *_, **__: CategoricalChat())


@pytest.mark.usefixtures("_no_weights")
@pytest.mark.parametrize(
    "page", [p for p in PAGES if python_blocks(p) and p.name != "tutorial.md"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_python_block_runs(page):
    names: dict[str, object] = {"__name__": "docs"}
    for block in python_blocks(page):
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.usefixtures("_no_weights")
def test_the_readmes_chain_gives_a_typed_answer_with_its_confidence(capsys):
    exec(compile(python_blocks(ROOT / "README.md")[0], "README.md", "exec"), {"__name__": "docs"})
    assert capsys.readouterr().out.strip() == "city='Canberra' 0.70 False"


@pytest.mark.usefixtures("_no_weights")
def test_the_chat_model_s_page_shows_what_it_says(capsys):
    names: dict[str, object] = {"__name__": "docs"}
    printed = []
    for block in python_blocks(ROOT / "docs" / "chat-model.md"):
        exec(compile(block, "chat-model.md", "exec"), names)
        printed.append(capsys.readouterr().out.strip())
    assert printed[:5] == ["", "Canberra", "['Canberra', 'Paris']", "Canberra", "Canberra"]
    assert ["get_weather" in said and "'city': 'Canberra'" in said for said in printed[5:7]] == [True, True]
    assert printed[7] == "city='Sydney' country='Australia'"
    assert printed[8].startswith("city='Sydney' country='Australia' 0.")
    assert printed[-1] == "It is sunny, at 21 degrees."


@pytest.mark.usefixtures("_no_weights")
def test_the_tutorial_ends_with_answers_from_their_source_and_with_none_where_nothing_is_said(capsys):
    names: dict[str, object] = {"__name__": "docs"}
    printed = []
    for block in python_blocks(ROOT / "docs" / "tutorial.md"):
        exec(compile(block, "tutorial.md", "exec"), names)
        printed.append(capsys.readouterr().out.strip())
    assert printed[0].splitlines()[1].startswith("-> Canberra  (rule er_discriminator")
    answers = printed[3].splitlines()
    assert answers[1].strip() == "40 euros a month"
    assert answers[2].strip().startswith("[parking] A parking place for a car costs 40 euros a month.")
    assert answers[4].strip() == "28 days"
    assert answers[5].strip().startswith("[vacation] ")
    assert answers[6:] == ["Is there a dress code?", answers[7]]
    assert answers[7].strip().startswith("no answer: No ")
    assert names["page"].read_text("utf-8").startswith("<!DOCTYPE html>")


def test_the_evaluation_s_page_finds_the_published_scores(capsys):
    exec(compile(python_blocks(ROOT / "docs" / "evaluation.md")[-1], "evaluation.md", "exec"), {"__name__": "docs"})
    assert "arc_easy chat_qa Accuracy(right=163, of=200" in capsys.readouterr().out


def test_the_readme_has_exactly_two_set_up_commands_of_one_line_each():
    commands = re.findall(r"^```bash\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.M | re.S)
    assert [command.count("\n") for command in commands] == [1, 1]
    assert all(command.startswith("pip install -c constraints.txt ") for command in commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def applied(diff: str, root: Path) -> None:
    """Applies a diff without line numbers: in each hunk, what is there must be in its file exactly once."""
    for part in re.split(r"^--- a/.*\n", diff, flags=re.M)[1:]:
        named, *hunks = re.split(r"^@@\n", part, flags=re.M)
        file = root / named.removeprefix("+++ b/").strip()
        for hunk in hunks:
            old = "".join(line[1:] for line in hunk.splitlines(keepends=True) if line[0] in " -")
            new = "".join(line[1:] for line in hunk.splitlines(keepends=True) if line[0] in " +")
            text = file.read_text("utf-8")
            assert text.count(old) == 1, f"{file.name}: {old}"
            file.write_text(text.replace(old, new), "utf-8")


def test_the_worked_changes_of_contributing_apply_and_do_what_they_say(tmp_path):
    page = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    diffs = re.findall(r"^```diff\n(.*?)^```", page, flags=re.M | re.S)
    after = re.findall(r'^```python title="after the change"\n(.*?)^```', page, flags=re.M | re.S)
    assert len(diffs) == len(after) == 3
    shutil.copytree(ROOT / "langchain_consensus", tmp_path / "langchain_consensus")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + "\n".join(after) + "\nprint(task_named.__module__)"
    done = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)]
    for diff in diffs:
        applied(diff, tmp_path)
    done += [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)]
    assert done[0].returncode == 1  # without the changes the blocks fail
    assert done[1].returncode == 0, done[1].stderr
    assert done[1].stdout.endswith("langchain_consensus.evaluation.tasks\n")


def test_the_map_of_the_code_is_current():
    script = runpy.run_path(str(ROOT / "docs" / "make_code_map.py"))
    remedy = "run `python docs/make_code_map.py`"
    contributing = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    assert contributing == script["written"](contributing), remedy
    assert (ROOT / "docs" / "code-map.md").read_text("utf-8") == script["full_map"](), remedy


def test_every_module_is_on_the_map_with_a_sentence():
    page = (ROOT / "docs" / "code-map.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", page, flags=re.M))
    modules = [path.relative_to(ROOT / "langchain_consensus") for path in (ROOT / "langchain_consensus").rglob("*.py")]
    assert set(rows) == {path.as_posix().removesuffix("__init__.py") for path in modules} - {""}
    assert all(len(said) > 10 for said in rows.values())
