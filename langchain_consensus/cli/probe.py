"""`probe`: a server's address goes in; what it can do, or what is wrong with it, comes out."""

from typing import TYPE_CHECKING, Annotated

import typer

from langchain_consensus.cli import options

if TYPE_CHECKING:
    from langchain_consensus.engine.openai_probe import ProbeReport


def probe(
    *,
    base_url: Annotated[list[str], typer.Option(help="The server, such as http://localhost:8000/v1; repeat it.")],
    model: Annotated[
        str | None, typer.Option(help="The model's name on the server.", show_default="the only one it serves")
    ] = None,
    tokenizer: options.Tokenizer = None,
    api_key: options.ApiKey = None,
    cache_dir: options.CacheDir = None,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> None:
    """Asks a server questions whose answers are known, and says whether its scores can be trusted.

    Some servers return no log-probabilities of a prompt, or wrong ones, without an error. Exit code 1 if one of the
    servers cannot be used.
    """
    del verbose  # its callback has done the work
    from langchain_consensus.cli.engines import quieten
    from langchain_consensus.cli.exits import FAILED
    from langchain_consensus.cli.records import write_line
    from langchain_consensus.cli.show import messages
    from langchain_consensus.engine.openai_engine import OpenAICompatibleEngine

    with (
        OpenAICompatibleEngine(
            base_url, model=model, tokenizer=tokenizer, api_key=api_key, cache_dir=cache_dir
        ) as engine,
        messages().status(f"asking {', '.join(engine.base_urls)} ..."),
    ):
        quieten()
        reports = engine.probe()
    for report in reports:
        if as_json:
            write_line(_record(report))
        else:
            _print(report)
    raise typer.Exit(FAILED if any(report.refusal for report in reports) else 0)


def _record(report: "ProbeReport") -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(report), "usable": report.refusal is None}


def _print(report: "ProbeReport") -> None:
    from langchain_consensus.cli.show import print_lines

    limit = "unknown" if report.max_tokens is None else f"{report.max_tokens} tokens"
    print_lines(report.url, f"  model {report.model}, dialect {report.dialect or 'none'}, context {limit}")
    for check in report.checks:
        print_lines(f"  {'ok  ' if check.passed else 'FAIL'} {check.name}: {check.found}")
    if report.refusal is None:
        print_lines(
            f"  verdicts {'from one generated token' if report.one_request_verdicts else 'by scoring each word'}; "
            f"samples {'carry' if report.exact_draws else 'are scored for'} the model's own log-probabilities; "
            f"{'several' if report.several_draws else 'one'} a request; "
            f"grammars are {'followed' if report.follows_grammars else 'not followed'}",
            "usable",
        )
    else:
        print_lines("not usable")
