"""The subject: a model, its tokenizer, and what is known about where they came from.

It holds the BASE model: the language-model head costs time and memory and says nothing about inner
units (`location` tells where to load the model with its head from, should a score need it). Of a
model with an encoder and a decoder it holds the encoder. The special tokens that the model expects
are put around every sequence here and cut off again, so nobody else needs to know of them.
"""

import hashlib
import inspect
import json
import string
from collections.abc import Callable, Sequence as Seq
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from neuroscribe import registry
from neuroscribe.errors import SubjectError
from neuroscribe.records import Site
from neuroscribe.shapes import Float, Int64
from neuroscribe.subjects.capture import Tap, pad_with_special_tokens, tapped
from neuroscribe.subjects.selectors import split_site_selector
from neuroscribe.subjects.weights import sha256_of_files, sha256_of_tensors

OnActivations = Callable[[Site, Tensor], None]


class Subject:
    """A model under study. Made by `load_subject`, or by `from_model` from one already in hand."""

    def __init__(
        self,
        *,
        name: str,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        location: str | None = None,
        revision: str | None = None,
        weights_files: Seq[Path] = (),
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise SubjectError(
                f"the tokenizer of {name} is a slow one ({type(tokenizer).__name__}), which cannot "
                "say where its tokens are in the text; a tokenizer.json is needed"
            )
        self.name = name
        """As the user gave it."""
        self.model = _base_model(model)
        """The base model, without a head."""
        self.tokenizer = tokenizer
        self.location = location
        """Folder or hub name that the weights were read from; None for a model already in hand."""
        self.revision = revision
        """Commit on the hub, or version of the package that carries the model."""
        self._weights_files = tuple(weights_files)
        self.prefix_ids, self.suffix_ids = _special_tokens(tokenizer, name)
        """Ids that the model expects before and behind a sequence."""
        self.max_positions = _max_positions(self.model)
        """Tokens that the model reads at most, special ones included; None if there is no limit."""

    @classmethod
    def from_model(
        cls, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, name: str
    ) -> "Subject":
        """A subject from a model already in hand, with or without a head; it is not changed."""
        return cls(name=name, model=model, tokenizer=tokenizer)

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return next(self.model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the model's weights, and of the activations."""
        return next(self.model.parameters()).dtype

    @cached_property
    def weights_sha256(self) -> str:
        """Hash of the weights: of the file they came in, or of the tensors of a model in hand.

        Of several files it is the hash of their hashes in order of name. Taken when first asked.
        """
        if self._weights_files:
            return sha256_of_files(self._weights_files)
        return sha256_of_tensors(self.model.state_dict())

    @property
    def longest_sequence(self) -> int | None:
        """Content tokens that fit into the model at most; None if there is no limit."""
        if self.max_positions is None:
            return None
        return self.max_positions - len(self.prefix_ids) - len(self.suffix_ids)

    def require_length(self, n_tokens: int) -> None:
        """Check that sequences of `n_tokens` content tokens fit into the model.

        Raises:
            SubjectError: they do not; the message says how many do.
        """
        if self.longest_sequence is not None and n_tokens > self.longest_sequence:
            raise SubjectError(
                f"sequences of {n_tokens} tokens do not fit into {self.name}; "
                f"the longest that does has {self.longest_sequence}"
            )

    def sites(self, selector: str | Seq[str] = "mlp") -> list[Site]:
        """The sites that a selector asks for, by layer.

        Args:
            selector: `KIND`, `KIND.*`, `KIND.LAYER` or `module:PATH[:in]`; several as a list, or
                separated by commas.

        Raises:
            SubjectError: no such kind, layer or module; the message lists what there is.
        """
        found: dict[str, Site] = {}
        for kind, argument in split_site_selector(selector):
            known = registry.names("source")
            if kind not in known:
                raise SubjectError(f"no kind of site is called {kind!r}; there are: {known}")
            for site in registry.load("source", kind)(self, argument):
                found[site.name] = site
        return sorted(found.values(), key=lambda site: (site.layer is None, site.layer or 0))

    def capture(
        self,
        token_ids: Int64[Tensor, "batch sequence"],
        lengths: Int64[Tensor, " batch"],
        sites: Seq[Site],
        on_activations: OnActivations,
    ) -> None:
        """Run the model once over a batch and hand over what each site carries.

        Args:
            token_ids: content only; what stands beyond a row's length does not matter.
            lengths: content tokens of each row.
            sites: from `sites`.
            on_activations: called once per site, from inside the forward pass and in inference
                mode, with `[batch, sequence, units]`: the content positions, whose rows beyond
                `lengths` are to be ignored. It must copy what it wants to keep.

        Raises:
            SubjectError: the sequences are too long, or a site carries no row per token.
        """
        n_before, n_content = len(self.prefix_ids), token_ids.shape[1]

        def receiver(site: Site) -> Callable[[Tensor], None]:
            def receive(values: Float[Tensor, "batch positions units"]) -> None:
                if values.shape[-1] != site.width:
                    raise SubjectError(
                        f"site {site.name} gave {values.shape[-1]} units in place of {site.width}"
                    )
                on_activations(site, values[:, n_before : n_before + n_content])

            return receive

        self._forward(
            token_ids, lengths, [Tap(site.module, site.side, receiver(site)) for site in sites]
        )

    def width_at(self, module: str, side: Literal["in", "out"]) -> int:
        """Number of units that a module carries, seen in a forward pass over two tokens.

        Raises:
            SubjectError: the module does not carry one row of numbers per token.
        """
        widths: list[int] = []
        two_tokens = torch.zeros((1, 2), dtype=torch.int64, device=self.device)
        tap = Tap(module, side, lambda values: widths.append(values.shape[-1]))
        self._forward(two_tokens, torch.tensor([2], device=self.device), [tap])
        return widths[0]

    def provenance(self) -> dict[str, Any]:
        """What a manifest states about the subject; plain values."""
        return {
            "name": self.name,
            "revision": self.revision,
            "architecture": type(self.model).__name__,
            "weights_sha256": self.weights_sha256,
            "tokenizer_sha256": _tokenizer_sha256(self.tokenizer),
            "dtype": str(self.dtype).removeprefix("torch."),
            "device": self.device.type,
            "prefix_ids": list(self.prefix_ids),
            "suffix_ids": list(self.suffix_ids),
            "max_positions": self.max_positions,
        }

    def _forward(self, token_ids: Tensor, lengths: Tensor, taps: Seq[Tap]) -> None:
        self.require_length(token_ids.shape[1])
        pad_id = self.tokenizer.pad_token_id
        padded, mask = pad_with_special_tokens(
            token_ids.to(self.device),
            lengths.to(self.device),
            prefix_ids=self.prefix_ids,
            suffix_ids=self.suffix_ids,
            pad_id=0 if pad_id is None else pad_id,
        )
        options = {"use_cache": False} if self._takes_use_cache else {}
        rows, positions = padded.shape
        with torch.inference_mode(), tapped(self.model, taps, (rows, positions)):
            self.model(input_ids=padded, attention_mask=mask.long(), **options)

    @cached_property
    def _takes_use_cache(self) -> bool:
        return "use_cache" in inspect.signature(self.model.forward).parameters


def _base_model(model: PreTrainedModel) -> PreTrainedModel:
    base: Any = model.base_model
    return cast("PreTrainedModel", base.get_encoder() if base.config.is_encoder_decoder else base)


def _special_tokens(
    tokenizer: PreTrainedTokenizerBase, name: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the tokenizer puts around a text, seen on a text that has every ASCII letter.

    Raises:
        SubjectError: it knows none of the letters, as one without its vocabulary file.
    """
    encoding = tokenizer(
        string.printable, return_special_tokens_mask=True, truncation=False, verbose=False
    )
    ids, added = encoding["input_ids"], encoding["special_tokens_mask"]
    content = [place for place, is_added in enumerate(added) if not is_added]
    known = {ids[place] for place in content}.difference(tokenizer.all_special_ids)
    if not any(map(_has_letter, tokenizer.convert_ids_to_tokens(sorted(known)))):
        raise SubjectError(
            f"the tokenizer of {name} knows no letter: its vocabulary file is missing"
        )
    return tuple(ids[: content[0]]), tuple(ids[content[-1] + 1 :])


def _has_letter(form: str) -> bool:
    return any(character in string.ascii_letters for character in form)


def _max_positions(model: PreTrainedModel) -> int | None:
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    for name, module in model.named_modules():
        # RoBERTa and kin number positions from behind the padding id, so the first rows are lost.
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            unused = 0 if module.padding_idx is None else module.padding_idx + 1
            return module.num_embeddings - unused
    return None if limit is None else int(limit)


def _tokenizer_sha256(tokenizer: PreTrainedTokenizerBase) -> str:
    """Hash of the tokenizer's own description, less what each call sets anew."""
    description = json.loads(tokenizer.backend_tokenizer.to_str())
    for setting in ("truncation", "padding"):
        description.pop(setting, None)
    canonical = json.dumps(description, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
