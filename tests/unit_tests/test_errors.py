"""The tree of errors."""

import pytest

from langchain_consensus import errors


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_can_be_caught_as_the_package_s_own_and_says_when_it_is_raised(name):
    error = getattr(errors, name)
    assert issubclass(error, errors.ConsensusError)
    assert error.__doc__


def test_misuse_and_missing_extras_are_the_built_in_errors_that_python_users_catch():
    assert issubclass(errors.InvalidInputError, ValueError)
    assert issubclass(errors.MissingDependencyError, ImportError)


def test_what_a_model_does_wrong_is_one_branch():
    assert issubclass(errors.ModelLoadError, errors.EngineError)
    assert issubclass(errors.EngineMemoryError, errors.EngineError)
    assert not issubclass(errors.EngineError, ValueError)


def test_the_list_of_names_is_sorted_and_complete():
    found = [name for name, value in vars(errors).items() if isinstance(value, type)]
    assert errors.__all__ == sorted(found)
