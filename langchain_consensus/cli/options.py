"""The options that commands share, each said once. The defaults are in the commands' signatures."""

from pathlib import Path
from typing import Annotated

import typer

from langchain_consensus.cli import logs

__all__ = [
    "Anchors",
    "ApiKey",
    "AsJson",
    "BaseUrl",
    "CacheDir",
    "Context",
    "DeviceMap",
    "Dtype",
    "Judges",
    "MaxRisk",
    "MinConfidence",
    "Model",
    "ProfileFile",
    "Ray",
    "RayActors",
    "Rivals",
    "RuleName",
    "SolverName",
    "TokenBudget",
    "Tokenizer",
    "Verbose",
    "WordingName",
]

DEFAULT_MODEL = "qwen2.5-coder-1.5b-instruct"
"""Written here as well, since reading it from the engine would import NumPy; a test compares the two."""


def _verbose(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        logs.show_all()


_VIEWS, _LOCAL, _SERVER, _OUT = "The views and the game", "The model", "A server instead", "Output"
_CLUSTER = "Many machines"

Model = Annotated[
    str,
    typer.Option(
        help="An embedded model, a folder, a .gguf file or a hub id; with --base-url its name on the server.",
        rich_help_panel=_LOCAL,
    ),
]
Dtype = Annotated[
    str,
    typer.Option(help="A torch dtype; auto: bfloat16 on CUDA, else float32.", rich_help_panel=_LOCAL),
]
DeviceMap = Annotated[
    str | None,
    typer.Option(
        help="As transformers takes it, such as cuda:0.", show_default="CUDA, else CPU", rich_help_panel=_LOCAL
    ),
]
TokenBudget = Annotated[
    int,
    typer.Option(help="Tokens of one forward, from 16; lower it if memory is short.", rich_help_panel=_LOCAL),
]
CacheDir = Annotated[
    Path | None,
    typer.Option(help="Where converted models are kept.", show_default="the user's cache", rich_help_panel=_LOCAL),
]
BaseUrl = Annotated[
    list[str] | None,
    typer.Option(
        help="A server with prompt log-probabilities (vLLM, SGLang), such as http://localhost:8000/v1. Repeat it for "
        "equal servers that share the work.",
        show_default="none: a model in this process",
        rich_help_panel=_SERVER,
    ),
]
Tokenizer = Annotated[
    str | None,
    typer.Option(
        help="The served model's tokenizer: a folder, a hub id or an embedded model's name.",
        show_default="the model's name on the server",
        rich_help_panel=_SERVER,
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        envvar="LANGCHAIN_CONSENSUS_API_KEY",
        help="The server's key; better in the environment than on the command line.",
        rich_help_panel=_SERVER,
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        help="A Ray cluster that shares the work: local, auto (the one that runs), or its address.",
        show_default="none: this process",
        rich_help_panel=_CLUSTER,
    ),
]
RayActors = Annotated[
    int | None,
    typer.Option(
        help="Engines in the cluster, a GPU each where there are any.",
        show_default="as many as GPUs, else as machines",
        rich_help_panel=_CLUSTER,
    ),
]
WordingName = Annotated[
    str,
    typer.Option(
        "--wording",
        help="How the views are asked: auto, agent_answer, chat_qa, chat_tools, multiple_choice, qa, rag_qa, "
        "rag_qa_text, tool_use.",
        rich_help_panel=_VIEWS,
    ),
]
RuleName = Annotated[
    str,
    typer.Option(
        "--rule",
        help="What orders the candidates: generator, discriminator, mutual_information, self_contrastive, "
        "normalised_product, majority, er_generator, er_discriminator.",
        rich_help_panel=_VIEWS,
    ),
]
SolverName = Annotated[
    str,
    typer.Option("--solver", help="pikl, log_time_flow or equilibrium.", rich_help_panel=_VIEWS),
]
MinConfidence = Annotated[
    float | None,
    typer.Option(
        help="From 0 to 1; below it the answer is withheld (`abstained`), and shown as the best candidate only.",
        rich_help_panel=_VIEWS,
    ),
]
Anchors = Annotated[
    str,
    typer.Option(
        help="What the game starts from: paper, or informed (the views weighed by what the batch shows of them).",
        rich_help_panel=_VIEWS,
    ),
]
ProfileFile = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        help="What calibrate learned of this model; in place of --anchors, and the confidence is calibrated.",
        metavar="FILE.json",
        rich_help_panel=_VIEWS,
    ),
]
Judges = Annotated[
    list[str] | None,
    typer.Option(
        "--judge",
        help="A further judge: MODEL, MODEL:WORDING, or :WORDING for the same model asked in other words. Repeat it. "
        "Judges weigh what their verdicts show.",
        show_default="the model alone",
        metavar="MODEL[:WORDING]",
        rich_help_panel=_VIEWS,
    ),
]
MaxRisk = Annotated[
    float | None,
    typer.Option(
        help="With --profile: withholds answers, so that at most this share of those given is wrong (90% certainty).",
        rich_help_panel=_VIEWS,
    ),
]
Rivals = Annotated[
    int,
    typer.Option(
        help="Incorrect answers that are drawn to compare a lone answer with; none of them is ever the answer.",
        rich_help_panel=_VIEWS,
    ),
]
Context = Annotated[
    str | None,
    typer.Option(help="A passage that the answer should rest on.", rich_help_panel=_VIEWS),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="One JSON object a line instead of a table.", rich_help_panel=_OUT),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", callback=_verbose, help="Show the log, and tracebacks of errors.", rich_help_panel=_OUT),
]
