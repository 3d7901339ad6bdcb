"""The page of a real model's ranking: it tells what the engine was asked and what the game did with it."""

from langchain_consensus import Consensus, Question, given
from langchain_consensus.ranking import Rule


def test_the_page_of_a_real_ranking_holds_its_numbers_and_its_prompts(qwen_engine):
    question = Question(text="What is the capital of Australia?")
    [ranking] = Consensus(engine=qwen_engine).rank([given(question, ["Canberra", "Sydney", "Perth"])])
    html = ranking.to_html(seconds=1.0)
    assert "Proposed answer: Sydney" in html
    assert "Give the incorrect answer, and nothing else." in html
    for candidate in ranking.candidates:
        for rule in (Rule.SELF_CONTRASTIVE, Rule.DISCRIMINATOR, Rule.ER_GENERATOR, Rule.ER_DISCRIMINATOR):
            assert f'value="{round(candidate.scores[rule], 6)}"' in html
        assert f"log P = {candidate.generator_correct:.2f}" in html
    assert html == ranking.to_html(seconds=1.0)
