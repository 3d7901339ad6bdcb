"""The agent experiment of docs/experiments.md; its data and its rules are in `data/README.md` beside this file.

    python -m tests.experiments.agent_experiment judge --output judge.jsonl
    python -m tests.experiments.agent_experiment agent --output agent.jsonl

Both write one line a result and go on where an earlier run stopped. `judge` scores the development answers under every
wording, chooses wording and threshold by the rule, and judges the 40 test answers once. `agent` asks the 20 questions
of a greedy agent with two tools, plain and with `ConsensusMiddleware(mode="select")`.
"""

import argparse
import ast
import itertools
import json
import math
import operator
import re
import time
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.errors import GraphRecursionError
from sklearn.metrics import roc_auc_score

from langchain_consensus import Consensus, Rule, SamplingSettings, TransformersEngine
from langchain_consensus.candidates import given, normalised_text
from langchain_consensus.engine import ScoreRequest
from langchain_consensus.middleware import ConsensusMiddleware
from langchain_consensus.middleware.conversation import answer_question, turn_question
from langchain_consensus.ranking import raw_verdict
from tests.experiments.judge_wordings import WORDINGS
from tests.experiments.plain_chat import PlainChat

DATA = Path(__file__).parent / "data"
FACTS = json.loads((DATA / "agent_facts.json").read_text(encoding="utf-8"))
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
OPERATORS |= {ast.Pow: operator.pow}
VARIANTS = (*((wording, "context") for wording in WORDINGS), *((wording, "turns") for wording in WORDINGS[:2]))
SYSTEM = (
    "You answer questions with the help of two functions. Look up facts with lookup, and use calculator for every "
    "calculation. When you have what you need, answer in one short sentence."
)


# --- judge ---


def messages_of(row):
    """The agent's conversation before the answer."""
    said = [HumanMessage(row["question"])]
    for i, step in enumerate(row["steps"]):
        said.append(AIMessage("", tool_calls=[{"name": step["tool"], "args": step["arguments"], "id": str(i)}]))
        said.append(ToolMessage(step["result"], tool_call_id=str(i), name=step["tool"]))
    return said


def question_of_row(row, layout):
    """What the judge is asked, as the middleware asks it."""
    build = turn_question if layout == "turns" else answer_question
    return build(messages_of(row), row["question"])


def verdicts(engine, wording, layout, rows):
    """P(correct) of P(correct) + P(incorrect) for every row's answer; one call of the engine."""
    prompts = [wording.discriminator_prompt(question_of_row(row, layout), row["answer"]) for row in rows]
    found = engine.score([ScoreRequest(prompt=one, continuations=wording.verdicts) for one in prompts])
    return [raw_verdict(float(one.logprobs[1]), float(one.logprobs[0])) for one in found.scores]


def shares(rows, values, threshold):
    """(share of the bad ones caught, share of the good ones let through)."""
    bad = [value < threshold for row, value in zip(rows, values, strict=True) if not row["good"]]
    good = [value >= threshold for row, value in zip(rows, values, strict=True) if row["good"]]
    return sum(bad) / len(bad), sum(good) / len(good)


def best_threshold(rows, values, span=(0.0, 1.0)):
    """The middle of the (first) range of thresholds that maximises the smaller share."""
    cuts = sorted({*span, *values})
    middles = [(low + high) / 2 for low, high in itertools.pairwise(cuts)]
    worth = [min(shares(rows, values, cut)) for cut in middles]
    first = last = worth.index(max(worth))
    while last + 1 < len(worth) and worth[last + 1] == max(worth):
        last += 1
    return (cuts[first] + cuts[last + 1]) / 2


def judged(engine, journal, part, wording, layout):
    """The verdict on every answer of a part, from the journal where it is there; two questions at a time."""
    rows = read(DATA / f"agent_answers{part}.jsonl")
    keys = [{"part": part or "_test", "wording": wording.name, "layout": layout, "id": row["id"]} for row in rows]
    for start in range(0, len(rows), 4):
        missing = [i for i in range(start, min(start + 4, len(rows))) if not journal.has(keys[i])]
        if missing:
            values = verdicts(engine(), wording, layout, [rows[i] for i in missing])
            for i, value in zip(missing, values, strict=True):
                journal.put(keys[i], value)
    return rows, [journal.get(key) for key in keys]


def run_judge(engine, journal, tried):
    best = None
    for wording, layout in VARIANTS[:tried]:
        rows, values = judged(engine, journal, "_dev", wording, layout)
        area = roc_auc_score([row["good"] for row in rows], values)
        cut = best_threshold(rows, values)
        print(wording.name, layout, f"AUC {area:.3f}", report(rows, values, 0.5), report(rows, values, cut), flush=True)
        if best is None or area > best[0]:
            best = (area, wording, layout, cut)
    _, wording, layout, cut = best
    print("chosen:", wording.name, layout, f"threshold {cut:.4f}")
    rows, values = judged(engine, journal, "", wording, layout)
    show_test(rows, values, (cut, 0.5))
    return wording, layout


NEUTRAL = "I do not know."
SECOND = {
    "verdict less that on a neutral answer": lambda one: one["verdict"] - one["neutral"],
    "verdict and generator": lambda one: one["verdict"] + one["correct"],
    "verdict and contrast": lambda one: one["verdict"] + one["correct"] - one["incorrect"],
    "verdict, generator and contrast": lambda one: one["verdict"] + 2 * one["correct"] - one["incorrect"],
}
"""What is tried if the raw verdict misses: scores from log-odds of verdicts and log-probabilities per token."""


def second_scores(engine, journal, part, wording, layout):
    """For every answer of a part the numbers that `SECOND` is made of; four questions with their answers at a time."""
    rows, values = judged(engine, journal, part, wording, layout)
    keys = [
        {"part": part or "_test", "wording": wording.name, "layout": layout, "id": row["id"], "second": True}
        for row in rows
    ]
    for start in range(0, len(rows), 8):
        if all(journal.has(key) for key in keys[start : start + 8]):
            continue
        pairs = list(zip(rows[start : start + 8 : 2], rows[start + 1 : start + 8 : 2], strict=True))
        requests = []
        for good, bad in pairs:
            asked = question_of_row(good, layout)
            answers = (good["answer"], bad["answer"])
            requests += [
                ScoreRequest(prompt=wording.discriminator_prompt(asked, NEUTRAL), continuations=wording.verdicts),
                *(ScoreRequest(prompt=wording.generator_prompt(asked, v), continuations=answers) for v in (0, 1)),
            ]
        found = engine().score(requests).scores
        for place in range(len(pairs)):
            neutral, incorrect, correct = found[3 * place : 3 * place + 3]
            for i in (0, 1):
                numbers = {
                    "neutral": float(neutral.logprobs[1] - neutral.logprobs[0]),
                    "incorrect": float(incorrect.logprobs[i] / incorrect.tokens[i]),
                    "correct": float(correct.logprobs[i] / correct.tokens[i]),
                }
                journal.put(keys[start + 2 * place + i], numbers)
    return rows, [{"verdict": log_odds(value), **journal.get(key)} for key, value in zip(keys, values, strict=True)]


def run_second(engine, journal, wording, layout):
    """The scores of `SECOND`, chosen among on the development answers, and the best of them on the test answers."""
    choose(SECOND, lambda part: second_scores(engine, journal, part, wording, layout))


CONTRAST = {
    "equilibrium discriminator": lambda one: one["game"],
    "verdict less the mean of the judge's own answers": lambda one: one["verdict"] - one["mean"],
    "verdict less the best of the judge's own answers": lambda one: one["verdict"] - one["best"],
}
"""What is tried with four answers of the judge's own to each question; log-odds all of them."""


def contrast_scores(engine, journal, part, wording, layout):
    """For every answer of a part the numbers that `CONTRAST` is made of; six questions at a time."""
    rows, _ = judged(engine, journal, part, wording, layout)
    keys = [
        {"part": part or "_test", "wording": wording.name, "layout": layout, "id": row["id"], "contrast": 4}
        for row in rows
    ]
    for start in range(0, len(rows), 12):
        group = rows[start : start + 12]
        if journal.has(keys[start]):
            continue
        settings = SamplingSettings(n=4, max_new_tokens=32)
        consensus = Consensus(engine=engine(), wording=wording, sampling=settings)
        questions = [question_of_row(row, layout) for row in group]
        drawn = consensus.draw(questions[::2])  # a good and a bad answer to each
        others = [[one.text for one in drawn[i // 2].items] for i in range(len(group))]
        batch = [
            given(question, [row["answer"], *texts], answer_key=normalised_text)
            for question, row, texts in zip(questions, group, others, strict=True)
        ]
        for key, ranking in zip(keys[start:], consensus.rank(batch), strict=False):
            own = next(one for one in ranking.candidates if one.position == 0)
            rest = [log_odds(one.verdict) for one in ranking.candidates if one.position != 0]
            alone = log_odds(own.verdict)
            numbers = {
                "game": log_odds(own.scores[Rule.ER_DISCRIMINATOR]) if rest else alone,
                "verdict": alone,
                "mean": sum(rest) / len(rest) if rest else 0.0,
                "best": max(rest, default=0.0),
            }
            journal.put(key, {**numbers, "others": [one.text for one in ranking.candidates if one.position != 0]})
    return rows, [journal.get(key) for key in keys]


def log_odds(probability):
    """Log-odds, of 0 and 1 too."""
    inside = min(max(probability, 1e-12), 1 - 1e-12)
    return math.log(inside / (1 - inside))


def run_contrast(engine, journal, wording, layout):
    """The scores of `CONTRAST`, chosen among on the development answers, and the best of them on the test answers."""
    choose(CONTRAST, lambda part: contrast_scores(engine, journal, part, wording, layout))


def choose(scores, numbers_of):
    rows, numbers = numbers_of("_dev")
    areas = {}
    for name, score in scores.items():
        values = [score(one) for one in numbers]
        areas[name] = roc_auc_score([row["good"] for row in rows], values)
        cut = best_threshold(rows, values, span=(-99.0, 99.0))
        print(name, f"AUC {areas[name]:.3f}", report(rows, values, cut), flush=True)
    best = max(areas, key=areas.get)
    cut = best_threshold(rows, [scores[best](one) for one in numbers], span=(-99.0, 99.0))
    print("chosen:", best)
    rows, numbers = numbers_of("")
    show_test(rows, [scores[best](one) for one in numbers], (cut,))


def show_test(rows, values, thresholds):
    print("test:", f"AUC {roc_auc_score([row['good'] for row in rows], values):.3f}")
    for threshold in thresholds:
        print("  ", report(rows, values, threshold))
    for row, value in zip(rows, values, strict=True):
        if (value >= thresholds[0]) != row["good"]:
            print("   wrong:", row["id"], row["kind"], f"{value:.3f}", row["answer"], flush=True)


def report(rows, values, threshold):
    """What a threshold catches and lets through."""
    caught, passed = shares(rows, values, threshold)
    half = len(rows) // 2
    return f"[at {threshold:.3f}: caught {caught * half:.0f}/{half}, passed {passed * half:.0f}/{half}]"


# --- agent ---


def calculate(node):
    """The value of an arithmetic expression."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -calculate(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](calculate(node.left), calculate(node.right))
    msg = "only numbers and + - * / ** ( )"
    raise ValueError(msg)


@tool
def calculator(expression: str) -> str:
    """Calculates an arithmetic expression, such as "12 * (3 + 4)"."""
    try:
        value = calculate(ast.parse(expression.replace("^", "**").replace(",", ""), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError) as error:
        return f"error: {error}"
    return f"{value:.10g}"


@tool
def lookup(name: str) -> str:
    """Looks up what is known of a place, such as a town, a lake, a mountain, a bridge or a museum, by its name."""
    found = next((FACTS[one] for one in FACTS if one.lower() == name.strip().lower()), None)
    return found or f"nothing is known of {name!r}; known are {', '.join(FACTS)}"


def is_right(expected, answer):
    """Whether an answer holds what was expected: a number as a number of its own, a name as it stands."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", answer)
    if re.fullmatch(r"[\d.]+", expected):
        return any(float(found) == float(expected) for found in re.findall(r"\d+(?:\.\d+)?", text))
    return re.search(rf"\b{re.escape(expected)}s?\b", text, re.IGNORECASE) is not None


def answered(engine, mode, question):
    """What the agent says, its tool calls, and the seconds that it took."""
    middleware = []
    if mode == "select":
        settings = {"temperature": 0.8}
        middleware = [ConsensusMiddleware(engine, mode="select", num_candidates=4, draw_settings=settings)]
    agent = create_agent(PlainChat.of(engine), [calculator, lookup], system_prompt=SYSTEM, middleware=middleware)
    started = time.perf_counter()
    state = agent.invoke({"messages": [("human", question)]}, {"recursion_limit": 16})
    last, record = state["messages"][-1], state.get("consensus", {}).get("ConsensusMiddleware", {})
    return {
        "answer": last.text,
        "calls": [call for one in state["messages"] if isinstance(one, AIMessage) for call in one.tool_calls],
        "candidates": [one["text"] for one in record.get("evidence", {}).get("candidates", ())],
        "seconds": round(time.perf_counter() - started, 1),
    }


def run_agent(engine, journal):
    rows = read(DATA / "agent_questions.jsonl")
    for row in rows:
        for mode in ("plain", "select"):

            def ask(row=row, mode=mode):
                try:
                    return answered(engine(), mode, row["question"])
                except GraphRecursionError as error:  # a run that does not end is a wrong answer
                    return {"answer": "", "error": f"{type(error).__name__}: {error}"[:300], "seconds": 0.0}

            key = {"mode": mode, "id": row["id"]}
            if not journal.has(key):
                journal.put(key, ask())
            found = journal.get(key)
            print(
                row["id"],
                mode,
                is_right(row["expected"], found["answer"]),
                found["seconds"],
                found["answer"],
                flush=True,
            )
    for mode in ("plain", "select"):
        found = [journal.get({"mode": mode, "id": row["id"]}) for row in rows]
        right = [is_right(row["expected"], one["answer"]) for row, one in zip(rows, found, strict=True)]
        print(mode, f"{sum(right)}/{len(rows)} right,", f"{sum(one['seconds'] for one in found):.0f} s")


# --- what they share ---


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Journal:
    """Results by key, on disk as they come."""

    def __init__(self, path, model):
        self.path, self.model = path, model
        self.found = {}
        if path.exists():
            self.found = {json.dumps(line["key"], sort_keys=True): line["value"] for line in read(path)}

    def _name(self, key):
        return json.dumps({"model": self.model, **key}, sort_keys=True)

    def has(self, key):
        return self._name(key) in self.found

    def get(self, key):
        return self.found[self._name(key)]

    def put(self, key, value):
        self.found[self._name(key)] = value
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": {"model": self.model, **key}, "value": value}, ensure_ascii=False) + "\n")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("what", choices=["judge", "agent"])
    arguments.add_argument("--model", default="qwen2.5-coder-1.5b-instruct")
    arguments.add_argument("--tried", type=int, default=len(VARIANTS), help="wordings to compare, from the first on")
    arguments.add_argument("--second", action="store_true", help="judge: also what is tried if the verdict misses")
    arguments.add_argument("--output", type=Path, required=True)
    options = arguments.parse_args()
    loaded = []

    def engine():
        if not loaded:
            loaded.append(TransformersEngine(options.model))
        return loaded[0]

    journal = Journal(options.output, options.model)
    if options.what == "judge":
        chosen = run_judge(engine, journal, options.tried)
        if options.second:
            run_second(engine, journal, *chosen)
            run_contrast(engine, journal, *chosen)
    else:
        run_agent(engine, journal)


if __name__ == "__main__":
    main()
