import inspect
import subprocess
import sys
from unittest.mock import patch

import pytest
from cli_running import CAPITALS, BatchEngine, run
from typer.testing import CliRunner

from langchain_consensus import __version__
from langchain_consensus.cli import app, options
from langchain_consensus.cli.ask import ask
from langchain_consensus.cli.rank import rank
from langchain_consensus.consensus import Consensus
from langchain_consensus.engine.base import SamplingSettings
from langchain_consensus.engine.embedded import DEFAULT_EMBEDDED_MODEL
from langchain_consensus.engine.fake import FakeEngine
from langchain_consensus.engine.transformers_engine import TransformersEngine
from langchain_consensus.prompts import PRESETS, Question
from langchain_consensus.ranking import Rule
from langchain_consensus.results import ConsensusResult
from langchain_consensus.settings import SOLVERS
from tests.two_faced import OTHER, TwoFaced

AUSTRALIA, ITALY = CAPITALS


def test_ask_shows_the_answer_its_evidence_and_every_candidate():
    ran = run("ask", AUSTRALIA)
    assert ran.code == 0
    assert ran.err == ""
    assert "-> Canberra  (rule er_discriminator, confidence 0.60, agreement " in ran.out
    for shown in (AUSTRALIA, "Sydney", "log P(y|", "P(correct", "SC", "D", "ER-G", "ER-D", "PiKL:", "gap"):
        assert shown in ran.out
    assert "model    fake, wording chat_qa" in ran.out
    assert " drawn; " in ran.out


def test_json_is_the_result_of_the_library_with_the_question_in_front():
    ran = run("ask", AUSTRALIA, ITALY, "--json", "--seed", 3, "--n", 6)
    assert ran.code == 0
    sampling = SamplingSettings(n=6, max_new_tokens=32, seed=3)
    rankings = Consensus(engine=FakeEngine(CAPITALS), sampling=sampling).ask(
        [Question(text=AUSTRALIA), Question(text=ITALY)]
    )
    expected = [{"question": r.question.text, **ConsensusResult.of(r).model_dump(mode="json")} for r in rankings]
    assert ran.objects == expected
    assert next(iter(ran.objects[0])) == "question"


def test_a_question_that_fails_is_reported_and_the_others_are_answered():
    engine = BatchEngine(broken=AUSTRALIA)
    ran = run("ask", AUSTRALIA, ITALY, "--json", engine=engine)
    assert ran.code == 1
    assert ran.objects[0] == {"question": AUSTRALIA, "error": "the model failed\non this one"}
    assert ran.objects[1]["answer"] == "Rome"
    assert ran.err == f"error: {AUSTRALIA!r} failed: the model failed on this one\n"


def test_below_the_threshold_the_answer_is_withheld_and_the_exit_code_is_3():
    ran = run("ask", AUSTRALIA, "--min-confidence", 0.9)
    assert ran.code == 3
    assert "no answer: the best, 'Canberra', is below 0.9" in ran.out
    [record] = run("ask", AUSTRALIA, "--min-confidence", 0.9, "--json").objects
    assert (record["answer"], record["text"], record["abstained"]) == (None, "Canberra", True)
    assert run("ask", AUSTRALIA, "--min-confidence", 0.5).code == 0


def test_rank_takes_candidates_from_the_command_line():
    ran = run("rank", AUSTRALIA, "--candidate", "Sydney", "--candidate", "Canberra", "--json")
    assert ran.code == 0
    [record] = ran.objects
    assert record["answer"] == "Canberra"
    assert [one["position"] for one in record["candidates"]] == [1, 0]
    assert "-> Canberra" in run("rank", AUSTRALIA, "--candidate", "Sydney", "--candidate", "Canberra").out


@pytest.mark.parametrize("solver", ["pikl", "log_time_flow", "equilibrium"])
@pytest.mark.parametrize("rule", list(Rule))
def test_every_rule_and_solver_can_be_named(rule, solver):
    ran = run(
        "rank", ITALY, "--candidate", "Rome", "--candidate", "Milan", "--rule", rule, "--solver", solver, "--json"
    )
    assert ran.code == 0
    assert ran.objects[0]["rule"] == rule
    assert ran.objects[0]["solver"]["name"] == SOLVERS[solver].__name__


def test_a_context_reaches_the_prompt():
    seen = []

    class Recorder(FakeEngine):
        def score(self, requests):
            seen.extend(message.content for one in requests for message in one.prompt.messages)
            return super().score(requests)

    assert run("ask", ITALY, "--context", "A passage.", engine=Recorder(CAPITALS)).code == 0
    assert any("A passage." in text for text in seen)


def test_what_a_model_writes_is_neither_markup_nor_a_control_character():
    engine = FakeEngine({ITALY: {"[bold]Rome[/bold]\x1b[31m\nno": 1.0}})
    out = run("ask", ITALY, engine=engine).out
    assert "[bold]Rome[/bold]\\x1b[31m no" in out
    assert "\x1b" not in out


def test_a_terminal_without_the_letters_shows_escapes():
    result = CliRunner(charset="ascii").invoke(app, ["rank", "süß?"])
    assert result.exit_code == 2
    with patch("langchain_consensus.cli.engines.make_engine", lambda *_, **__: FakeEngine()):
        result = CliRunner(charset="ascii").invoke(app, ["rank", "süß?", "--candidate", "é"])
    assert result.exit_code == 0
    assert "s\\xfc\\xdf?\n-> \\xe9" in result.stdout


def test_a_narrow_terminal_still_shows_every_candidate():
    out = run("rank", AUSTRALIA, "--candidate", "Canberra", "--candidate", "a long answer " * 9, columns=40).out
    row = next(line for line in out.splitlines() if line.startswith("Canberra "))
    assert len(row.split()) == 8  # text, draws, two views, four scores: none of them cut off
    assert all(len(cell) >= 5 for cell in row.split()[4:])
    assert out.count("answer") == 9


def test_interrupting_a_question_exits_with_130():
    assert run("ask", ITALY, engine=BatchEngine(interrupt_at=1)).code == 130


def test_version():
    assert run("--version").out == f"langchain-consensus {__version__}\n"


def test_verbose_shows_the_traceback_and_quiet_does_not():
    engine = BatchEngine(broken=ITALY)
    assert run("ask", ITALY, engine=engine).code == 1
    for args in (("--verbose", "ask", "--n", 0, ITALY), ("ask", "--n", 0, ITALY, "--verbose")):
        assert run(*args, engine=engine, traceback=True).code == 2
    assert run("ask", "--n", 0, ITALY, engine=engine).code == 2  # `--verbose` does not outlive its run


def test_an_unexpected_error_is_one_line_that_asks_for_a_report():
    class Buggy(FakeEngine):
        def score(self, requests):
            return 1 / 0

    ran = run("ask", ITALY, engine=Buggy(CAPITALS))
    assert ran.code == 1
    assert ran.err.startswith("error: unexpected ZeroDivisionError: division by zero; please report")
    assert ran.err.count("\n") == 1


def test_options_agree_with_the_library():
    # Written out in `options`, because reading them from the library would import NumPy with the command line.
    assert options.DEFAULT_MODEL == DEFAULT_EMBEDDED_MODEL
    drawn = {name: one.default for name, one in inspect.signature(ask).parameters.items()}
    ours = SamplingSettings()
    for name in ("n", "temperature", "top_p", "top_k", "seed"):
        assert drawn[name] == getattr(ours, name)
    engine = inspect.signature(TransformersEngine.__init__).parameters
    for command in (ask, rank):
        given = inspect.signature(command).parameters
        for name in ("dtype", "device_map", "token_budget", "cache_dir"):
            assert given[name].default == engine[name].default
        assert given["rule"].default == Consensus.__dataclass_fields__["rule"].default
    shown = run("ask", "--help", columns=200).out
    for name in (*Rule, *SOLVERS, *PRESETS, "auto"):
        assert name in shown


def test_importing_the_program_loads_no_heavy_library():
    heavy = "{'torch', 'transformers', 'numpy', 'pydantic'}"
    code = f"import sys, langchain_consensus.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_lone_answer_is_shown_with_its_rivals_in_words_and_withheld_where_it_loses_to_one():
    asked = ("ask", OTHER, "--rivals", 2, "--n", 3)
    ran = run(*asked, engine=TwoFaced("five", "six", right=("four",)))
    assert ran.code == 0
    assert "-> four  (rule er_discriminator, confidence 0." in ran.out
    assert " against the best rival, agreement" in ran.out
    assert ran.out.count("(rival)") == 2
    assert "! By the rule 'er_discriminator' the model prefers 'five'" in ran.out
    withheld = run(*asked, "--min-confidence", 0.5, engine=TwoFaced("five", "six", right=("four",)))
    assert withheld.code == 3
    [found] = run(*asked, "--json", engine=TwoFaced("five", "six", right=("four",))).objects
    assert [one["is_rival"] for one in found["candidates"]] == [False, True, True]


def test_a_single_given_candidate_can_have_rivals_too():
    ran = run("rank", OTHER, "--candidate", "four", "--rivals", 1, "--json", engine=TwoFaced("five"))
    [found] = ran.objects
    assert (found["answer"], len(found["candidates"])) == ("four", 2)


def test_rivals_beside_an_option_without_room_for_them_are_an_error():
    ran = run("ask", OTHER, "--rivals", 2, "--rule", "majority")
    assert ran.code == 2
    assert "`rivals` is 2 and `rule` is 'majority'" in ran.err
