"""The picture of the README: what is in it, and that the committed one is small, whole and loads nothing."""

import runpy
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from langchain_consensus.report import explain_svg
from tests.engines import CAPITAL
from tests.rankings import rank, views

IMAGES = Path(__file__).parents[3] / "docs" / "images"
SVG = "{http://www.w3.org/2000/svg}"


def random_ranking(n, **options):
    random = np.random.default_rng(5)
    return rank(views(-10 * random.random((2, n)), -5 * random.random((2, n))), **options)


def texts(svg, name):
    return [one.text for one in ET.fromstring(svg).iter(f"{SVG}text") if one.get("class") == name]


@pytest.mark.parametrize("n", [1, 3, 4, 8, 20])
def test_the_picture_shows_the_candidates_their_draws_and_both_views(n):
    ranking = random_ranking(n, counts=[9, *[1] * (n - 1)])
    svg = explain_svg(ranking)
    drawn = min(n, 8)
    shown = [one.text for one in ranking.candidates[:drawn]]
    assert [*texts(svg, "best"), *texts(svg, "answer")] == shown
    assert len(texts(svg, "draws")) == drawn
    assert texts(svg, "heading") == ["Generator: share of each answer", "Judge: is each one correct?"]
    assert len(list(ET.fromstring(svg).iter(f"{SVG}polyline"))) == 2 * drawn
    assert texts(svg, "note") == ["m, answer: " + ranking.answer]


@pytest.mark.parametrize("text", ["<script>x</script>", "a & b", "\x00\u202e", "]]>", "w" * 900, "many words " * 90])
def test_no_text_breaks_the_picture(text):
    ranking = random_ranking(3, texts=[text, f"{text}2", "c"], question=f"{text}?")
    root = ET.fromstring(explain_svg(ranking))
    assert not list(root.iter(f"{SVG}script"))
    assert max(len(one.text) for one in root.iter(f"{SVG}text")) <= 110


def test_the_committed_picture_is_small_and_loads_nothing():
    picture = (IMAGES / "consensus.svg").read_text("utf-8")
    assert len(picture) < 200_000
    assert texts(picture, "question") == [CAPITAL]
    assert "prefers-color-scheme: dark" in picture
    for forbidden in ("href", "url(", "@import", "<script", "<image", "foreignObject"):
        assert forbidden not in picture


def test_the_script_that_draws_it_runs(tmp_path, fake_engine, capsys):
    runpy.run_path(str(IMAGES / "make_picture.py"))["main"](fake_engine, picture=tmp_path / "picture.svg")
    assert texts((tmp_path / "picture.svg").read_text("utf-8"), "question") == [CAPITAL]
    assert "Canberra" in capsys.readouterr().out
