"""The page as a parser sees it: what is on it, what can never be on it, and what a screen reader is told."""

import base64
import hashlib
import pickle
import re
import sys

import numpy as np
import pytest
from page_reading import Page, squeezed

from langchain_consensus import Consensus, FakeEngine, Question, SamplingSettings, explain_html, given
from langchain_consensus.errors import InvalidInputError, MissingDependencyError
from langchain_consensus.game import Equilibrium, LogTimeFlow, PiKL
from langchain_consensus.ranking import Rule
from langchain_consensus.report import is_page, notebook_html, render
from tests.engines import CAPITAL, RecordingEngine, text_of
from tests.rankings import rank, views

HOSTILE = [
    "<script>document.title = 'owned'</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</bdi></td></table></main></body></html><h1>mine</h1>",
    "</style><style>*{display:none}</style>",
    "</script><script>alert(1)</script>",
    "<!-- <iframe src=javascript:alert(1)> -->",
    "{{ 7 * 7 }} {% include 'page.css' %} {# gone #}",
    "{question} {answer} ${x} %s",
    "&lt;b&gt; &amp;amp; &#x3c;i&#x3e;",
    "null\x00byte \x1b[31mred",
    "\u202etnatropmi \u2066isolated",
    "\u05e9\u05dc\u05d5\u05dd\u200f!",
    "half a pair \ud83d",
    "]]> <![CDATA[ <?php ?>",
    "w" * 100_000,
    "a line\n" * 500,
]


def random_views(n, seed=0):
    random = np.random.default_rng(seed)
    return views(-10 * random.random((2, n)), -5 * random.random((2, n)))


@pytest.fixture(scope="module")
def asked():
    """A ranking that an engine's answers were drawn and scored for, and the engine with its calls."""
    engine = RecordingEngine()
    [ranking] = Consensus(engine=engine, sampling=SamplingSettings(n=12, seed=1)).ask([Question(text=CAPITAL)])
    return ranking, engine


# --- what is on it ---


def test_the_page_shows_the_question_the_answer_and_both_views_before_and_after(asked):
    ranking, _ = asked
    page = Page(ranking.to_html())
    assert squeezed(page.one("h1").text) == CAPITAL
    assert squeezed(page.one("p", class_="said").text) == ranking.answer == "Canberra"
    body = page.one("table", class_="candidates").children[2]
    for one, row in zip(ranking.candidates, body.children, strict=True):
        head, draws, *values = row.children
        assert one.text in head.text
        assert str(one.draws) in draws.text
        rules = (Rule.SELF_CONTRASTIVE, Rule.ER_GENERATOR, Rule.DISCRIMINATOR, Rule.ER_DISCRIMINATOR)
        shown = [float(data["value"]) for value in values for data in value.children if data.tag == "data"]
        assert shown == pytest.approx([one.scores[rule] for rule in rules], abs=1e-6)


def test_the_page_shows_every_warning_and_no_empty_box():
    ranking = rank(views([[-3], [-1]], [[-9], [-8]]))  # one candidate, and a judge that does not answer
    assert len(ranking.warnings) == 2
    page = Page(ranking.to_html())
    [box] = page.all("section", class_="warnings")
    for warning in ranking.warnings:
        assert warning in box.text
    sound = rank(views(np.log([[0.4, 0.5], [0.5, 0.4]]), np.log([[0.9, 0.1], [0.1, 0.9]])))
    assert not sound.warnings
    assert not Page(sound.to_html()).all("section", class_="warnings")


def test_the_page_shows_the_prompts_that_the_engine_was_sent_and_no_others(asked):
    ranking, engine = asked
    sent = {text_of(request.prompt) for call in engine.score_calls for request in call}
    sent |= {text_of(prompt) for prompts, _ in engine.sample_calls for prompt in prompts}
    page = Page(ranking.to_html())
    shown = set()
    for prompt in page.all("details", class_="prompt"):
        turns = [one for one in prompt.children if one["class"] == "turn"]
        shown.add("\n".join(f"{squeezed(turn.children[0].text)}: {turn.children[1].text}" for turn in turns))
    assert shown == sent
    assert len(sent) == 2 + len(ranking.candidates)


def test_every_string_of_a_merged_candidate_has_its_own_prompt():
    engine = FakeEngine({"Q?": {"Rome": 0.5, "rome.": 0.3, "Milan": 0.2}})
    candidates = given(Question(text="Q?"), ["Rome", "rome.", "Milan"], answer_key=lambda text: text.lower().strip("."))
    [ranking] = Consensus(engine=engine).rank([candidates])
    page = Page(ranking.to_html())
    titles = [squeezed(one.children[0].text) for one in page.all("details", class_="prompt")]
    assert [title.replace("\u2068", "").replace("\u2069", "") for title in titles] == [
        "Generator, asked for the correct answer",
        "Generator, asked for the incorrect answer",
        "Judge, shown “Rome”",
        "Judge, shown “rome.”",
        "Judge, shown “Milan”",
    ]
    assert "Also written as" in page.one("table", class_="candidates").text


def test_a_text_wording_a_context_and_tools_are_shown():
    engine = FakeEngine({"Q?": {"a": 0.7, "b": 0.3}}, is_chat=False)
    question = Question(text="Q?", context="A passage.\nTwo lines.")
    [ranking] = Consensus(engine=engine).rank([given(question, ["a", "b"])])
    page = Page(ranking.to_html())
    assert "A passage.\nTwo lines." in page.one("details", class_="context").text
    assert "Incorrect Answer:" in page.all("details", class_="prompt")[1].text


def test_the_certificate_says_what_the_solver_knows():
    view = random_views(4)
    published = Page(rank(view, solver=PiKL()).to_html()).all("dl", class_="ledger")[0].text
    assert "PiKL" in published
    assert "5,000" in published
    assert "not searched" in published
    unique = Page(rank(view, solver=Equilibrium(lambda_generator=1, lambda_discriminator=1)).to_html())
    assert "certified it" in unique.one("section", aria_labelledby="certificate-title").text
    assert "is above 1/16, so there is exactly one" in squeezed(unique.all("dl", class_="ledger")[0].text)
    searched = squeezed(Page(rank(view, solver=Equilibrium()).to_html()).all("dl", class_="ledger")[0].text)
    assert "a search from many starts gives a lower bound. This one is stable" in searched


def test_tokens_are_shown_and_time_where_it_is_known(asked):
    ranking, _ = asked
    with_time = Page(ranking.to_html(seconds=12.34)).all("dl", class_="ledger")[1].text
    without = Page(ranking.to_html()).all("dl", class_="ledger")[1].text
    assert f"{ranking.usage.sampled_tokens:,}" in without
    assert "12.3 s" in with_time
    assert "Time" not in without


def test_below_the_threshold_the_answer_is_withheld(asked):
    ranking, _ = asked
    page = Page(ranking.to_html(min_confidence=0.99))
    assert page.one("h2", id="answer-title").text == "No answer"
    assert "it is withheld: its confidence is below 0.99." in squeezed(page.one("section", class_="answer").text)
    assert Page(ranking.to_html(min_confidence=0.1)).one("h2", id="answer-title").text == "Answer"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds": -1}, "`seconds` is -1; it must be a finite number of at least 0"),
        ({"seconds": float("nan")}, "`seconds` is nan"),
        ({"min_confidence": 1.5}, "`min_confidence` is 1.5; it must be from 0 to 1"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        explain_html(rank(random_views(2)), **options)


@pytest.mark.parametrize("n", [1, 2, 8, 9, 60])
@pytest.mark.parametrize("solver", [PiKL(steps=50), PiKL(steps=0), LogTimeFlow(), Equilibrium()], ids=repr)
def test_the_page_holds_for_any_number_of_candidates_and_any_solver(n, solver):
    html = rank(random_views(n), solver=solver).to_html()
    page = Page(html)
    assert len(page.one("table", class_="candidates").children[2].children) == n
    drawn = min(n, 8)
    for chart in page.all("svg", class_="chart"):
        tags = [one.tag for one in chart.children]
        assert (tags.count("polyline"), tags.count("circle")) == (drawn, drawn)
        labels = [one.text for one in chart.children if (one["class"] or "").startswith("end")]
        assert sorted(labels) == [str(place) for place in range(1, drawn + 1)]
    rows = page.one("table", id="steps").children[2].children
    assert {len(row.children) for row in rows} == {1 + 2 * drawn}
    assert ("candidates are drawn" in html) == (n > 8)
    assert "nan" not in html.lower().replace("nanosecond", "")


# --- what can never be on it ---


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_hostile_texts_change_no_element_of_the_page(text):
    view = random_views(3)
    plain = Page(rank(view, texts=["a", "b", "c"], question="Q?").to_html())
    ranking = rank(view, texts=[text, f"x{text}", f"{text}y"], question=f"{text}?")
    html = ranking.to_html()
    page = Page(html)
    extra = {"details", "summary", "pre", "bdi"}  # long answers bring their whole text along
    assert [one.tag for one in page.elements if one.tag not in extra] == [
        one.tag for one in plain.elements if one.tag not in extra
    ]
    for one, other in zip(page.all("script"), plain.all("script"), strict=True):
        assert (one.text, one.attributes) == (other.text, other.attributes)
    assert {name for one in page.elements for name in one.attributes} == {
        name for one in plain.elements for name in one.attributes
    }
    assert not set(html) & set("\x00\x1b\u202e\u2066\ud83d")
    html.encode("utf-8")


def test_hostile_texts_are_shown_word_for_word():
    text = '<b onclick="x">&amp; {{ 7 * 7 }}</b>'
    page = Page(rank(random_views(2), texts=[text, "b"]).to_html())
    assert any(text in one.text for one in page.one("table", class_="candidates").children[2].children)
    assert sum(text in one.text for one in page.all("pre")) >= 3  # scored twice, judged once


def test_a_long_answer_is_cut_where_it_is_in_the_way_and_whole_where_it_is_opened():
    text = "w" * 100_000
    page = Page(rank(random_views(2), texts=[text, text + "x"]).to_html())
    for row in page.one("table", class_="candidates").children[2].children:
        assert re.search(r"… \(99,76[01] more characters\)", row.text)
        assert text in row.text
    assert len(page.one("p", class_="said long").text) < 300


def test_the_page_loads_nothing_and_leads_nowhere():
    html = rank(random_views(3)).to_html()
    page = Page(html)
    for one in page.elements:
        assert one.tag not in {"link", "img", "iframe", "object", "embed", "base", "form", "audio", "video", "use"}
        assert not {"src", "srcset", "action", "style", "background"} & set(one.attributes), one.tag
        assert not [name for name in one.attributes if name.startswith("on")]
        assert (one["href"] or "#").startswith("#")
    assert not re.search(r"(https?:)?//[a-z]", html.replace("www.w3.org", ""))
    assert "url(" not in html
    assert "@import" not in html


def test_the_policy_admits_the_page_s_own_style_and_script_alone():
    page = Page(rank(random_views(3)).to_html())
    policy = page.one("meta", http_equiv="Content-Security-Policy")["content"]
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.one(kind).text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_the_same_ranking_gives_the_same_bytes_also_in_another_process():
    ranking = rank(random_views(5), texts=["a", "b", "c", "d", "e"])
    html = ranking.to_html(seconds=1.0)
    assert html == ranking.to_html(seconds=1.0)
    assert html == pickle.loads(pickle.dumps(ranking)).to_html(seconds=1.0)


# --- what a reader without eyes or mouse is told ---


def test_the_page_has_landmarks_one_main_heading_and_named_sections():
    page = Page(rank(random_views(3)).to_html())
    assert [len(page.all(tag)) for tag in ("header", "main", "footer", "h1")] == [1] * 4
    [title] = [one for one in page.all("title") if one.inside == ("html", "head")]
    assert title.text == "Why? · langchain-consensus"
    assert page.one("html")["lang"] == "en"
    ids = [one["id"] for one in page.elements if one["id"]]
    assert len(ids) == len(set(ids))
    for section in page.all("section"):
        assert page.one("h2", id=section["aria-labelledby"]).text
    for reference in ("for", "aria-describedby", "aria-labelledby"):
        assert {one[reference] for one in page.elements if one[reference]} <= set(ids)
    assert page.one("a", class_="skip")["href"][1:] in ids


def test_tables_have_captions_and_headers_with_scope():
    page = Page(rank(random_views(3)).to_html())
    tables = page.all("table")
    assert len(tables) == 4 + 5  # candidates, scores, now, steps; one for each prompt
    for table in tables:
        assert table.children[0].tag == "caption"
        assert table.children[0].text.strip()
    for head in page.all("th"):
        assert head["scope"] in {"row", "col", "colgroup"}
        assert head.text.strip()


def test_charts_have_a_name_and_a_table_that_says_the_same():
    ranking = rank(random_views(3))
    page = Page(ranking.to_html())
    for chart in page.all("svg", class_="chart"):
        assert chart["role"] == "img"
        assert chart.children[0].tag == "title"
        assert chart.children[0].text
        assert chart["aria-describedby"] == "steps"
    rows = page.one("table", id="steps").children[2].children
    for line in page.all("polyline"):
        assert len(line["points"].split()) == len(rows)
    assert all(bar["aria-hidden"] == "true" for bar in page.all("svg") if bar["class"].startswith("bar"))


def test_controls_are_named_and_only_shown_where_they_work():
    page = Page(rank(random_views(3)).to_html())
    assert page.one("div", id="stepper")["role"] == "group"
    assert "hidden" in page.one("div", id="stepper").attributes  # until the script has started
    assert [button.text for button in page.all("button")] == ["Previous", "Play", "Next"]
    assert page.one("label", for_="step").text.startswith("Iteration")
    assert page.one("output", id="heard")["aria-live"] == "polite"
    for region in page.all("div", class_="scroll"):
        assert (region["tabindex"], region["role"]) == ("0", "region")
        assert region["aria-label"]


# --- notebooks ---


def test_a_notebook_shows_a_table_without_script_or_style():
    text = '<script>alert("x")</script>'
    ranking = rank(random_views(2), texts=[text, "b"])
    page = Page(ranking._repr_html_())
    assert {"script", "style", "iframe"}.isdisjoint(one.tag for one in page.elements)
    assert text in page.one("table").text
    assert [one.text for one in page.one("table").children[1].children[1].children] == [
        "before (SC)",
        "after (ER-G)",
        "before (D)",
        "after (ER-D)",
    ]


def test_without_jinja_a_notebook_shows_the_text_and_a_page_says_what_to_install(monkeypatch):
    render.environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    ranking = rank(random_views(2))
    assert ranking._repr_html_() is None
    for make in (explain_html, notebook_html):
        with pytest.raises(MissingDependencyError, match=r'pip install "langchain-consensus\[report\]"'):
            make(ranking)


# --- files ---


def test_a_page_knows_its_own_kind():
    html = rank(random_views(2)).to_html()
    assert is_page(html[:2000])
    assert not is_page("<!DOCTYPE html><html><head><title>notes</title>")
    assert not is_page("x" * 3000 + html)
