"""`langchain-consensus`: ask a model, rank candidates, see which models are here. One file a command.

Importing this loads typer and rich, and neither NumPy nor a model library: commands import what they need.
"""

from langchain_consensus.cli.app import app, main

__all__ = ["app", "main"]
