"""An optional dependency that is missing is one sentence: what, and the command that installs it."""

import pytest

from langchain_consensus.dependencies import pip_command, require
from langchain_consensus.errors import MissingDependencyError


def sentence(*modules, **options):
    with pytest.raises(MissingDependencyError) as raised:
        require("eval", *modules, **options)
    return str(raised.value)


def test_what_is_there_is_no_error():
    require("eval", "json", "numpy")


def test_the_sentence_counts_what_is_missing():
    end = 'run: pip install "langchain-consensus[eval]" (in a checkout of the repository: pip install ".[eval]")'
    assert sentence("no_a", "json") == f"no_a is not installed; {end}"
    assert sentence("no_a", "no_b") == f"no_a and no_b are not installed; {end}"
    assert sentence("no_a", "no_b", "no_c") == f"no_a, no_b and no_c are not installed; {end}"


def test_another_way_out_is_told_last():
    assert sentence("no_a", otherwise="or give `--data DIR`").endswith('".[eval]"), or give `--data DIR`')


def test_the_command_installs_the_extra_of_this_package():
    assert pip_command("local") == 'pip install "langchain-consensus[local]"'
