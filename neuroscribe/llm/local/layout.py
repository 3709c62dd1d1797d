"""How a chat and a question become one text.

The tokenizer's chat template where it has one; a plain layout for base models. The input of a
question comes first, so that many questions about one input share a prefix.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jinja2
from transformers import PreTrainedTokenizerBase

from neuroscribe.llm.protocol import Message, Question


class Prompt(NamedTuple):
    """A text that an answer continues."""

    text: str
    has_specials: bool
    """Whether the model's special tokens are spelt out in it."""
    lead: str
    """What stands between the text and an answer."""


class NoLayoutError(Exception):
    """The chat template refuses the messages; the text says why."""


def chat_prompt(messages: Sequence[Message], tokenizer: PreTrainedTokenizerBase) -> Prompt:
    """The text of a chat up to where the assistant's turn begins.

    Raises:
        NoLayoutError: the template refuses the messages.
    """
    if not tokenizer.chat_template:
        turns = [f"{message.role}: {message.content}\n\n" for message in messages]
        return Prompt("".join([*turns, "assistant:"]), has_specials=False, lead=" ")
    turns_of = [{"role": message.role, "content": message.content} for message in messages]
    try:
        text = tokenizer.apply_chat_template(turns_of, tokenize=False, add_generation_prompt=True)
    except (jinja2.TemplateError, ValueError) as error:
        raise NoLayoutError(f"the chat template refuses the messages: {error}") from error
    return Prompt(str(text), has_specials=True, lead="")


def question_prompt(about: str, question: Question, tokenizer: PreTrainedTokenizerBase) -> Prompt:
    """The text of one question about an input.

    Raises:
        NoLayoutError: the template refuses the message.
    """
    asked = (
        f"{about}\n\nQuestion: {question.text}\n"
        f"Answer with one of these and nothing else: {', '.join(question.options)}"
    )
    if not tokenizer.chat_template:
        return Prompt(f"{asked}\nAnswer:", has_specials=False, lead=" ")
    return chat_prompt([Message(role="user", content=asked)], tokenizer)
