"""The wordings, to the letter, and the text of strangers that goes into them."""

import pytest
from pydantic import ValidationError

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import (
    PRESETS,
    ChatPrompt,
    Message,
    Question,
    TextPrompt,
    ToolCall,
    Wording,
    wording_named,
)

QUESTION = Question(text="Which is a metal?", choices=("iron", "air"))


def chat(*turns):
    return ChatPrompt(messages=tuple(Message(role=role, content=content) for role, content in turns))


def wording(**changes):
    fields = {
        "name": "mine",
        "kind": "text",
        "ask": "{question} {condition}",
        "judge": "{question} {answer}",
        "conditions": ("bad", "good"),
        "verdicts": ("no", "yes"),
    }
    return Wording(**fields | changes)


# The wordings of the first experiments, design section 6: what was measured is what ships.


@pytest.mark.parametrize(("correctness", "condition"), [(0, "incorrect"), (1, "correct")])
def test_chat_qa_asks_as_measured(correctness, condition):
    assert wording_named("chat_qa").generator_prompt(QUESTION, correctness) == chat(
        ("system", "You answer questions."),
        ("user", f"Question: Which is a metal?\nGive the {condition} answer, and nothing else."),
    )


def test_chat_qa_judges_as_measured():
    used = wording_named("chat_qa")
    assert used.discriminator_prompt(QUESTION, "iron") == chat(
        ("system", "You judge answers."),
        (
            "user",
            "Question: Which is a metal?\nProposed answer: iron\nIs the proposed answer correct? Reply Yes or No.",
        ),
    )
    assert used.verdicts == ("No", "Yes")
    assert used.continuation(QUESTION, "iron") == "iron"
    assert (used.length, used.end_token) == ("mean", False)


@pytest.mark.parametrize(("correctness", "condition"), [(0, "Incorrect Answer:"), (1, "Answer:")])
def test_qa_asks_as_measured(correctness, condition):
    prompt = wording_named("qa").generator_prompt(QUESTION, correctness)
    assert prompt == TextPrompt(text=f"Question: Which is a metal?\n{condition}")


def test_qa_judges_as_measured():
    used = wording_named("qa")
    assert used.discriminator_prompt(QUESTION, "iron").text == (
        "Question: Which is a metal?\nAnswer: iron\nIs this answer correct or incorrect? This answer is"
    )
    assert used.verdicts == (" incorrect", " correct")
    assert used.continuation(QUESTION, "iron") == " iron"
    assert (used.length, used.end_token, used.stop) == ("sum", False, ("\n",))


def test_multiple_choice_lists_the_options_in_both_views():
    used = wording_named("multiple_choice")
    listed = "Question: Which is a metal?\nOptions:\nA. iron\nB. air\n"
    asked = used.generator_prompt(QUESTION, 1).messages[-1].content
    judged = used.discriminator_prompt(QUESTION, "air").messages[-1].content
    assert asked == listed + "Give the correct option's text, without its letter, and nothing else."
    assert judged == listed + "Proposed answer: air\nIs the proposed answer correct? Reply Yes or No."


def test_a_context_comes_first_in_both_views_of_every_preset():
    question = Question(text="Which?", context="Iron is a metal.", choices=("iron", "air"))
    for used in PRESETS.values():
        for prompt in (used.generator_prompt(question, 0), used.discriminator_prompt(question, "iron")):
            text = prompt.text if isinstance(prompt, TextPrompt) else prompt.messages[-1].content
            block = used.context_block.format(context="Iron is a metal.")
            assert text.startswith((f"{block}Question: Which?\n", f"{block}Which?\n", f"{block}Request: Which?\n"))


def test_the_condition_is_the_only_difference_between_the_two_prompts_of_the_generator():
    for used in PRESETS.values():
        incorrect, correct = (str(used.generator_prompt(QUESTION, v)) for v in (0, 1))
        assert incorrect.replace(used.conditions[0], used.conditions[1]) == correct


@pytest.mark.parametrize("text", ["{condition}", "{0} {} {{x}}", "{question.__class__}", "}{", "%s {answer}"])
def test_braces_in_what_users_and_models_wrote_are_plain_text(text):
    question = Question(text=f"Q {text}", context=f"C {text}", choices=(f"a {text}", "b"))
    for used in PRESETS.values():
        for prompt in (used.generator_prompt(question, 1), used.discriminator_prompt(question, f"A {text}")):
            shown = prompt.text if isinstance(prompt, TextPrompt) else prompt.messages[-1].content
            assert f"Q {text}\n" in shown
            assert f"C {text}\n" in shown
        assert f": A {text}\n" in shown
        assert used.name != "multiple_choice" or f"A. a {text}\n" in shown


def test_the_history_stands_between_the_system_message_and_the_question():
    history = (Message(role="user", content="Hi"), Message(role="assistant", content="Hello"))
    prompt = wording_named("chat_qa").generator_prompt(Question(text="Why?", history=history), 1)
    assert [message.role for message in prompt.messages] == ["system", "user", "assistant", "user"]
    assert prompt.messages[1:3] == history


def test_a_system_message_of_the_conversation_replaces_the_wording_s_own():
    history = (Message(role="system", content="Be a pirate."),)
    prompt = wording_named("chat_qa").discriminator_prompt(Question(text="Why?", history=history), "Arr")
    assert [message.content for message in prompt.messages if message.role == "system"] == ["Be a pirate."]


def test_a_wording_without_system_messages_adds_none():
    prompt = wording(kind="chat").generator_prompt(QUESTION, 1)
    assert prompt == chat(("user", "Which is a metal? good"))


def test_letters_stand_for_the_choices_in_their_order():
    lettered = wording(ask="{question} {choices} {condition}", answer_as="letter", answer_lead=" ")
    assert [lettered.continuation(QUESTION, choice) for choice in QUESTION.choices] == [" A", " B"]
    with pytest.raises(InvalidInputError, match=r"answers by letter, and 'gold' is not among the question's `choices`"):
        lettered.continuation(QUESTION, "gold")


@pytest.mark.parametrize("text", ["", "  \n", None, 3, ["why"]])
def test_a_question_is_visible_text(text):
    with pytest.raises(InvalidInputError, match=r"`question` is .*; it must be a text with at least one visible"):
        Question(text=text)


def test_a_context_needs_a_place_in_the_wording():
    with pytest.raises(InvalidInputError, match=r"has a `context`, and wording 'mine' has no \{context\}"):
        wording().generator_prompt(Question(text="Why?", context="Because."), 1)


@pytest.mark.parametrize("choices", [(), tuple("x" * 27)])
@pytest.mark.parametrize("view", ["ask", "judge"])
def test_a_wording_that_lists_choices_needs_1_to_26_of_them(choices, view):
    used = wording(**{view: "{question} {choices} {condition}" if view == "ask" else "{question} {choices} {answer}"})
    question = Question(text="Why?", choices=choices)
    with pytest.raises(InvalidInputError, match=rf"the question has {len(choices)}; give 1 to 26 `choices`"):
        used.generator_prompt(question, 1) if view == "ask" else used.discriminator_prompt(question, "x")


@pytest.mark.parametrize("correctness", [0, 1])
def test_chat_tools_asks_for_a_response_which_may_be_a_call(correctness):
    asked = wording_named("chat_tools").generator_prompt(Question(text="2+2?", tools=("{}",)), correctness)
    condition = ("incorrect", "correct")[correctness]
    assert asked.tools == ("{}",)
    assert asked.messages[-1].content == f"2+2?\nGive the {condition} response, and nothing else."


def test_what_happened_since_the_question_stands_after_it_in_both_views():
    since = (
        Message(role="assistant", content="", tool_calls=(ToolCall(name="add", arguments='{"a": 2}'),)),
        Message(role="tool", content="4", name="add"),
    )
    question = Question(text="2+2?", history=(Message(role="system", content="s"),), since=since)
    used = wording_named("chat_qa")
    asked, judged = used.generator_prompt(question, 1).messages, used.discriminator_prompt(question, "4").messages
    assert asked[2:] == judged[2:4] == since
    assert asked[1].content.startswith("Question: 2+2?")
    assert judged[1] == Message(role="user", content="2+2?")
    assert judged[4].content.endswith("Proposed answer: 4\nIs the proposed answer correct? Reply Yes or No.")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tools": ("{}",)}, "has `tools`, and wording 'qa' is plain text"),
        ({"since": (Message(role="tool", content="4"),)}, "has tool results `since`, and wording 'qa' is plain text"),
    ],
)
def test_plain_text_has_no_place_for_tools(fields, said):
    with pytest.raises(InvalidInputError, match=said):
        wording_named("qa").generator_prompt(Question(text="q", **fields), 1)


def test_plain_text_has_no_place_for_a_history():
    question = Question(text="Why?", history=(Message(role="user", content="Hi"),))
    with pytest.raises(InvalidInputError, match="has a `history`, and wording 'qa' is plain text; use a chat wording"):
        wording_named("qa").generator_prompt(question, 1)


@pytest.mark.parametrize(
    "field", ["question.__class__", "question[0]", "question!r", "question:>9", "", "0", "answer", "quesiton"]
)
def test_a_template_may_use_its_own_fields_and_nothing_else(field):
    with pytest.raises(ValidationError, match=r"`ask` of wording 'mine' uses \{.*\}; it may use \['choices', 'condit"):
        wording(ask=f"{{question}} {{condition}} {{{field}}}")


def test_the_judge_is_not_told_the_condition():
    with pytest.raises(ValidationError, match=r"`judge` of wording 'mine' uses \{condition\}"):
        wording(judge="{question} {answer} {condition}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ask": "{question}"}, "`ask` of wording 'mine' has no {condition}"),
        ({"ask": "{condition}"}, "`ask` of wording 'mine' has no {question}"),
        ({"ask": "{condition} {{question}}"}, "`ask` of wording 'mine' has no {question}"),
        ({"judge": "{question}"}, "`judge` of wording 'mine' has no {answer}"),
        ({"context_block": "Context:"}, "`context_block` of wording 'mine' has no {context}"),
        ({"verdicts": ("yes", "yes")}, "must each hold two different texts"),
        ({"conditions": ("good", "good")}, "must each hold two different texts"),
        ({"answer_as": "letter"}, "answers by letter and `ask` has no {choices}"),
        ({"kind": "audio"}, "kind"),
        ({"lenght": "sum"}, "lenght"),
        ({"ask": "{question} {condition} {"}, "`ask` of wording 'mine': Single '{' encountered"),
    ],
)
def test_a_wording_that_cannot_work_is_refused_when_it_is_made(changes, said):
    with pytest.raises(ValidationError) as caught:
        wording(**changes)
    assert said in str(caught.value)


def test_doubled_braces_in_a_template_are_braces():
    used = wording(ask='{{"q": "{question}", "c": "{condition}"}}')
    assert used.generator_prompt(Question(text="Why?"), 1).text == '{"q": "Why?", "c": "good"}'


def test_a_wording_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        wording_named("qa").length = "mean"


def test_presets_are_found_by_their_names_alone():
    assert all(wording_named(name).name == name for name in PRESETS)
    with pytest.raises(InvalidInputError, match=r"`wording` is 'QA'; the presets are \['agent_answer', 'chat_qa'"):
        wording_named("QA")
