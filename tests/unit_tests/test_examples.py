"""Every example runs on the fake engine and prints what its docstring says."""

import inspect
import runpy
import textwrap
from pathlib import Path

import pytest

from langchain_consensus import FakeEngine

EXAMPLES = Path(__file__).parents[2] / "examples"
CALL = '<tool_call>{"name": "lookup", "arguments": {"name": "Brenvale"}}</tool_call>'
BELIEFS = {
    "agent_with_tools.py": {
        "How many people live in Brenvale?": {CALL: 0.9, "Many people live there.": 0.1},
        # What the tool returns is the longer key, so this is believed once it has been asked.
        "Brenvale: town in Osmark; population 48,200; founded 1721.": {
            "48,200 people live in Brenvale.": 0.9,
            "1,721 people live in Brenvale.": 0.1,
        },
        "Who will win the next World Cup?": {"Brazil": 0.5, "France": 0.5},
    },
    "chain_with_threshold.py": {
        "What is the capital of Australia?": {"Canberra": 0.9, "Sydney": 0.1},
        "Who will win the next World Cup?": {"Brazil": 0.5, "France": 0.5},
    },
    "judge_another_model.py": {"What is the capital of Australia?": {"Canberra": 0.7, "Sydney": 0.2, "Melbourne": 0.1}},
    "many_questions.py": {
        "What is the capital of Australia?": {"Canberra": 0.9, "Sydney": 0.1},
        "What is the capital of France?": {"Paris": 0.95, "Lyon": 0.05},
        "What is the capital of Japan?": {"Tokyo": 0.8, "Kyoto": 0.2},
    },
    "rag_with_grounded_answer.py": {
        "What is the capital of Australia?": {"Canberra": 0.9, "Sydney": 0.1},
        "Who designed Canberra?": {"Marion Griffin": 0.5, "Walter Griffin": 0.5},
    },
    "solve_a_game.py": {},
}


@pytest.mark.parametrize("name", BELIEFS)
def test_an_example_prints_what_its_docstring_says(name, capsys):
    module = runpy.run_path(str(EXAMPLES / name))
    main = module["main"]
    main(FakeEngine(BELIEFS[name])) if inspect.signature(main).parameters else main()
    printed = capsys.readouterr().out.rstrip("\n")
    assert textwrap.indent(printed, "    ") in module["__doc__"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_fits_on_a_screen(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60
