"""Commands that share options: in the place of what a group makes, they have the group's options."""

import inspect
from typing import Annotated

import typer
from typer.testing import CliRunner

from langchain_consensus.cli.groups import taking


def colour(*, red: Annotated[int, typer.Option(help="Of the colour.")] = 1, blue: int = 2):
    return ("colour", red, blue)


@taking(colour)
def paint(*, colour, coats: int = 3):
    return ("paint", colour, coats)


@taking(paint)
def wall(name: str, *, paint, dry: bool = False):
    print(name, paint, dry)


def test_the_options_of_a_group_stand_where_its_parameter_stood():
    assert list(inspect.signature(wall).parameters) == ["name", "red", "blue", "coats", "dry"]
    assert inspect.signature(wall).parameters["blue"].default == 2


def test_a_command_receives_what_its_groups_make_of_their_options():
    app = typer.Typer()
    app.command()(wall)
    done = CliRunner().invoke(app, ["north", "--red", "7", "--coats", "1", "--dry"])
    assert done.exit_code == 0, done.output
    assert done.output.strip() == "north ('paint', ('colour', 7, 2), 1) True"
    assert "Of the colour." in CliRunner().invoke(app, ["--help"]).output
