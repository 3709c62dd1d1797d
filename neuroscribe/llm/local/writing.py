"""Generate the answer of a chat, token by token, with exact log-probabilities.

transformers' `generate` samples a batch from one global stream of random numbers, so an answer
would depend on what happened to be asked beside it. Here every answer has its own stream, seeded by
the request's sample, and starts from a shared prefix; answers are written one after another.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from transformers import DynamicCache

from neuroscribe.llm.local.layout import NoLayoutError, chat_prompt
from neuroscribe.llm.local.opening import LocalModel
from neuroscribe.llm.local.questions import too_long
from neuroscribe.llm.local.rows import Ids, Row, Target
from neuroscribe.llm.local.scoring import Scorer
from neuroscribe.llm.outcome import Outcome, failed, rounded
from neuroscribe.llm.protocol import ChatRequest, GeneratedToken
from neuroscribe.shapes import Float

MOST_ALTERNATIVES = 20


def chat_ids(request: ChatRequest, model: LocalModel) -> Ids | Outcome:
    """The tokens that the answer continues, or why there can be none."""
    if request.schema is not None:
        return failed(
            f"{model.name} in this process follows no JSON schema; choose a simulator without one"
        )
    try:
        prompt = chat_prompt(request.messages, model.encoder.tokenizer)
    except NoLayoutError as error:
        return failed(str(error))
    (encoded,) = model.encoder.encode([prompt.text], with_prefix=not prompt.has_specials)
    problem = too_long(len(encoded.ids) + 1, model)
    return encoded.ids if problem is None else failed(problem)


def as_row(ids: Ids) -> Row:
    """A prompt as rows are grouped by: everything but its last token can be shared."""
    return Row(trunk=ids, targets=(Target(after=len(ids) - 1, token=0),))


def write(
    request: ChatRequest, ids: Ids, prefix: Ids, model: LocalModel, scorer: Scorer
) -> Outcome:
    """Write the answer.

    The likeliest token each time where the temperature is 0, or where none is given and the sample
    is the first; later samples are drawn at temperature 1.
    """
    temperature = request.temperature
    if temperature is None:
        temperature = 1.0 if request.sample else 0.0
    choose = _chooser(temperature, request.sample)
    n_most = request.max_tokens
    if model.max_positions is not None:
        n_most = min(n_most, model.max_positions - len(ids))
    ends = _end_ids(model)
    cache: DynamicCache | None = None
    n_known = 0
    if scorer.caches:
        cache = scorer.prefixes.get(prefix).cache(1) if prefix else DynamicCache()
        n_known = len(prefix)
    written: list[int] = []
    generated: list[GeneratedToken] = []
    while len(written) < n_most:
        unread = (*ids, *written)[n_known:]
        logits = scorer.forward.next_logits(unread, cache, n_known).cpu()
        if cache is not None:
            n_known += len(unread)
        if torch.isnan(logits).any():
            return failed(f"the arithmetic of {model.name} overflowed", input_tokens=len(ids))
        token = choose(logits)
        if token in ends:
            break
        written.append(token)
        if request.top_logprobs:
            generated.append(_generated(token, logits, request.top_logprobs, model))
    text = model.encoder.text(tuple(written))
    return Outcome(
        status="ok" if text.strip() else "unparsed",
        text=text,
        generated=tuple(generated) if request.top_logprobs else None,
        reason=None if text.strip() else "the answer has no text",
        input_tokens=len(ids),
        output_tokens=len(written),
    )


def _chooser(temperature: float, seed: int) -> Callable[[Tensor], int]:
    if temperature <= 0:
        return lambda logits: int(logits.argmax())
    # On the CPU, so that an answer is drawn alike whatever the model runs on.
    generator = torch.Generator().manual_seed(seed)

    def draw(logits: Tensor) -> int:
        probabilities = (logits / temperature).softmax(0)
        return int(torch.multinomial(probabilities, 1, generator=generator))

    return draw


def _generated(
    token: int, logits: Float[Tensor, " vocabulary"], n_most: int, model: LocalModel
) -> GeneratedToken:
    n_most = min(n_most, MOST_ALTERNATIVES, len(logits))
    values, tokens = logits.log_softmax(0).topk(n_most)
    top: dict[str, float] = {}
    for value, alternative in zip(values.tolist(), tokens.tolist(), strict=True):
        # Fragments of characters look alike; the likeliest stands for them.
        top.setdefault(model.encoder.token_text(alternative), value)
    return GeneratedToken(text=model.encoder.token_text(token), top=rounded(top))


def _end_ids(model: LocalModel) -> frozenset[int]:
    stated = getattr(model.model.generation_config, "eos_token_id", None)
    ids = stated if isinstance(stated, list) else [stated]
    return frozenset(
        token for token in (*ids, model.encoder.tokenizer.eos_token_id) if token is not None
    )
