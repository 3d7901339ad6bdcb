"""`score` writes raw scores (or goes on with a file of them); `compare` reads them and prints a table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_consensus.documents.wording import RELEVANCE_PRESETS
from langchain_consensus.engine import TransformersEngine
from langchain_consensus.evaluation.reranking.comparison import ndcg, paired, table
from langchain_consensus.evaluation.reranking.methods import PRIORS, orders, read_scored
from langchain_consensus.evaluation.reranking.scoring import score_searches
from langchain_consensus.evaluation.reranking.searches import read_searches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Printer = Callable[[str], object]

__all__ = ["main"]

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0)
"""What `--sweep` tries."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs on `arguments`, by default those of the process."""
    given = _parser().parse_args(arguments)
    given.run(given, lambda line: sys.stdout.write(line + "\n"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m langchain_consensus.evaluation.reranking", description=__doc__)
    commands = parser.add_subparsers(required=True)
    score = commands.add_parser("score", help="the step that needs the model")
    score.set_defaults(run=_score)
    score.add_argument("--data", type=Path, required=True, help="folder of docs.jsonl, SPLIT.jsonl, SPLIT_qrels.jsonl")
    score.add_argument("--split", default="dev")
    score.add_argument("--limit", type=int, default=60, help="queries, from the first")
    score.add_argument("--top", type=int, default=20, help="documents a query, from the retriever's first")
    score.add_argument("--passage-tokens", type=int, default=128, help="documents are cut to their first passage")
    score.add_argument("--model", default="qwen2.5-coder-0.5b-instruct")
    score.add_argument("--wording", default="relevance", choices=sorted(RELEVANCE_PRESETS))
    score.add_argument("--output", type=Path, required=True, help="JSONL of raw scores; an existing one is continued")
    compare = commands.add_parser("compare", help="from the scores alone")
    compare.set_defaults(run=_compare)
    compare.add_argument("--scores", type=Path, required=True, nargs="+", help="what `score` wrote")
    compare.add_argument("--prior", choices=PRIORS, default="rank")
    compare.add_argument("--weight", type=float, default=1.0, help="1: as much as each view")
    compare.add_argument("--sweep", action="store_true", help="try weights instead; on queries kept for that alone")
    return parser


def _score(given: argparse.Namespace, say: Printer) -> None:
    searches = read_searches(given.data, split=given.split, limit=given.limit, top=given.top)
    score_searches(
        TransformersEngine(given.model),
        RELEVANCE_PRESETS[given.wording],
        searches,
        given.output,
        most_tokens=given.passage_tokens,
        progress=say,
    )


def _compare(given: argparse.Namespace, say: Printer) -> None:
    searches = [search for path in given.scores for search in read_scored(path)]
    say(f"{len(searches)} queries, 95% bootstrap intervals over queries\n")
    if not given.sweep:
        found = orders(searches, prior=given.prior, weight=given.weight)
        best = f"game, prior {given.prior} x {given.weight:g}, ER-D"
        say(table({name: ndcg(searches, order) for name, order in found.items()}, best=best))
        return
    for prior in PRIORS:
        for weight in WEIGHTS:
            found = orders(searches, prior=prior, weight=weight)
            for rule in ("ER-D", "ER-G", "MI*"):
                name = f"game, prior {prior} x {weight:g}, {rule}"
                say(f"{name}: {paired(ndcg(searches, found[name]))}")


if __name__ == "__main__":
    main()
