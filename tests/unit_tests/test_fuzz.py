"""A few inputs for every parser that the fuzzer knows; `python -m tests.experiments.fuzz` tries ten thousand."""

import pytest

from tests.experiments.fuzz import fuzzed
from tests.experiments.fuzz_parsers import PARSERS

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")  # `load` is in beta


@pytest.mark.parametrize("name", sorted(PARSERS))
def test_a_parser_ends_in_a_result_or_a_documented_error(name, tmp_path):
    ends, finding = fuzzed(PARSERS[name], inputs=max(int(25 * PARSERS[name].share), 1), number=1, folder=tmp_path)
    assert finding == ""
    assert ends.total() >= 1
