"""Every Python block of the README and the docs runs, in order, on the fake engine; links between the pages hold."""

import re
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
    for home in ("engine.transformers_engine", "engine", "settings"):
        monkeypatch.setattr(f"langchain_consensus.{home}.TransformersEngine", lambda *_, **__: FakeEngine(BELIEFS))
    served = "langchain_consensus.engine.openai_engine.OpenAICompatibleEngine"
    monkeypatch.setattr(served, lambda *_, **__: FakeEngine(BELIEFS))
    hosted = "langchain_consensus.engine.openai_chat.OpenAIChatEngine"
    monkeypatch.setattr(hosted, lambda *_, **__: CategoricalEngine(tells=True))
    monkeypatch.setattr("langchain.chat_models.init_chat_model", lambda *_, **__: CategoricalChat())


@pytest.mark.usefixtures("_no_weights")
@pytest.mark.parametrize("page", [p for p in PAGES if python_blocks(p)], ids=lambda p: str(p.relative_to(ROOT)))
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


def test_the_readme_has_exactly_two_set_up_commands_of_one_line_each():
    commands = re.findall(r"^```bash\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.M | re.S)
    assert [command.count("\n") for command in commands] == [1, 1]
    assert all(command.startswith("pip install -c constraints.txt ") for command in commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
