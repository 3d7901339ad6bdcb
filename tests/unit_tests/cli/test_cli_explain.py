import inspect
import sys
from unittest.mock import patch

import pytest
from cli_running import CAPITALS, BatchEngine, run

from langchain_consensus.cli.ask import ask
from langchain_consensus.cli.explain import explain
from langchain_consensus.engine.fake import FakeEngine
from langchain_consensus.report import render
from tests.two_faced import OTHER, TwoFaced

AUSTRALIA, ITALY = CAPITALS


class Unloadable(FakeEngine):
    def token_ids(self, text):
        msg = "the model was loaded"
        raise AssertionError(msg)


def files(folder):
    return [path.name for path in folder.iterdir()]


def test_a_page_is_written_and_its_place_is_said(tmp_path):
    path = tmp_path / "page.html"
    ran = run("explain", AUSTRALIA, "--output", path, columns=300)
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out == f"-> Canberra  (rule er_discriminator, confidence 0.60)\nwrote {path}\n"
    html = path.read_text("utf-8")
    assert html.startswith("<!DOCTYPE html>")
    for shown in (AUSTRALIA, "Canberra", "Sydney", "drawing and scoring, model loaded"):
        assert shown in html
    assert files(tmp_path) == ["page.html"]
    assert path.stat().st_mode & 0o044  # others may read it, as the user's mask allows


def test_the_page_goes_into_this_folder_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("explain", ITALY).out.endswith("wrote consensus.html\n")
    assert (tmp_path / "consensus.html").exists()


def test_given_candidates_are_ranked_and_none_is_drawn(tmp_path):
    path = tmp_path / "page.html"
    ran = run("explain", AUSTRALIA, "--candidate", "Perth", "--candidate", "Sydney", "--output", path)
    assert ran.code == 0
    assert "-> Sydney" in ran.out
    assert "Canberra" not in path.read_text("utf-8")


def test_below_the_threshold_the_page_is_written_and_the_exit_code_is_3(tmp_path):
    path = tmp_path / "page.html"
    ran = run("explain", AUSTRALIA, "--min-confidence", 0.9, "--output", path)
    assert ran.code == 3
    assert "no answer" in ran.out
    assert "its confidence is below 0.9" in path.read_text("utf-8")


def test_a_page_is_overwritten_by_a_page(tmp_path):
    path = tmp_path / "page.html"
    assert run("explain", ITALY, "--output", path).code == 0
    assert run("explain", AUSTRALIA, "--output", path).code == 0
    assert AUSTRALIA in path.read_text("utf-8")


def test_another_file_is_only_overwritten_by_force_and_refused_before_a_model_loads(tmp_path):
    notes = tmp_path / "notes.html"
    notes.write_text("<!DOCTYPE html><title>my notes</title>")
    ran = run("explain", ITALY, "--output", notes, engine=Unloadable())
    assert ran.code == 2
    assert ran.err == (
        f"error: `output` is {str(notes)!r}; it exists and is no page of this command. Give another --output, or "
        "overwrite it with --force.\n"
    )
    assert notes.read_text() == "<!DOCTYPE html><title>my notes</title>"
    assert run("explain", ITALY, "--output", notes, "--force").code == 0
    assert ITALY in notes.read_text("utf-8")


def test_places_that_cannot_be_written_are_refused(tmp_path):
    ran = run("explain", ITALY, "--output", tmp_path, engine=Unloadable())
    assert (ran.code, "it is no regular file" in ran.err) == (2, True)
    ran = run("explain", ITALY, "--output", tmp_path / "missing" / "page.html", engine=Unloadable())
    assert (ran.code, "its folder does not exist" in ran.err) == (2, True)
    with patch("os.access", lambda path, mode: False):  # a root user may write everywhere
        ran = run("explain", ITALY, "--output", tmp_path / "page.html", engine=Unloadable())
    assert (ran.code, "nothing can be written into its folder" in ran.err) == (2, True)


def test_without_jinja_nothing_is_loaded(tmp_path, monkeypatch):
    render.environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    ran = run("explain", ITALY, "--output", tmp_path / "page.html", engine=Unloadable())
    assert (ran.code, 'pip install "langchain-consensus[report]"' in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((" ",), "`question` is ' '; it must be a text"),
        ((ITALY, "--candidate", ""), "`candidate` is ''; it must be a text"),
        ((ITALY, "--context", ""), "`context` is ''; it must be a text"),
        ((ITALY, "--min-confidence", 2), "`min_confidence` is 2.0; it must be from 0 to 1."),
        ((ITALY, "--rule", "er"), "`rule` is 'er'"),
        ((ITALY, "--n", 0), "`n` is 0"),
        ((ITALY, "--wording", "multiple_choice"), "lists the choices and the question has 0"),
    ],
)
def test_bad_input_is_refused_before_a_model_loads_and_leaves_no_file(tmp_path, arguments, message):
    ran = run("explain", *arguments, "--output", tmp_path / "page.html", engine=Unloadable())
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert files(tmp_path) == []


def test_a_failure_leaves_the_page_that_was_there(tmp_path):
    path = tmp_path / "page.html"
    run("explain", ITALY, "--output", path)
    before = path.read_bytes()
    assert run("explain", ITALY, "--output", path, engine=BatchEngine(broken=ITALY)).code == 1
    assert run("explain", ITALY, "--output", path, engine=BatchEngine(interrupt_at=1)).code == 130
    assert path.read_bytes() == before
    assert files(tmp_path) == ["page.html"]


def test_its_options_are_those_of_ask_with_the_same_defaults():
    ours, theirs = (inspect.signature(command).parameters for command in (explain, ask))
    assert set(theirs) - set(ours) == {"as_json"}
    assert set(ours) - set(theirs) == {"candidate", "output", "force"}
    for name in set(ours) & set(theirs) - {"question"}:
        assert ours[name].default == theirs[name].default, name


def test_a_lone_answer_s_rivals_are_on_the_page(tmp_path):
    page = tmp_path / "page.html"
    ran = run("explain", OTHER, "--candidate", "four", "--rivals", 1, "--output", page, engine=TwoFaced("five"))
    assert ran.code == 0
    assert page.read_text("utf-8").count("Rival: drawn as an incorrect answer") == 1
