"""The subject as a service: its units on any text, and what their values do to its predictions.

It holds one model. Recording needs no language-model head, so the head is loaded only when next
tokens are first asked about, and the model with it then serves both.
"""

from collections.abc import Sequence as Seq
from functools import cached_property

import torch
from torch import Tensor

from neuroscribe.datasets.sequences import sequence_of_text
from neuroscribe.errors import SubjectError
from neuroscribe.records import Sequence, Site, UnitId
from neuroscribe.services import Divergences, TextActivations
from neuroscribe.subjects.capture import pad_with_special_tokens
from neuroscribe.subjects.intervention import jensen_shannon, replaced
from neuroscribe.subjects.language_model import cannot_predict, load_language_model
from neuroscribe.subjects.subject import Subject


class Runner:
    """A `services.SubjectRunner` around a subject."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._sites: dict[str, Site] = {}

    @property
    def name(self) -> str:
        """The subject's name."""
        return self._subject.name

    @cached_property
    def cannot_predict(self) -> str | None:
        """Why the subject predicts no next tokens; None where it does."""
        return cannot_predict(self._subject)

    def activations(self, unit: UnitId, texts: Seq[str]) -> list[TextActivations]:
        """What a unit does on texts; one without any token has no activations."""
        subject = self._subject
        cut = [
            sequence_of_text(text, subject.tokenizer, longest=subject.longest_sequence)
            for text in texts
        ]
        present = [sequence for sequence in cut if sequence is not None]
        values = iter(self._values(unit, present))
        return [
            TextActivations((), ())
            if sequence is None
            else TextActivations(sequence.tokens, next(values))
            for sequence in cut
        ]

    def divergences(
        self, unit: UnitId, sequence: Sequence, replacements: Seq[Seq[float]]
    ) -> Divergences:
        """How far replaced values move the next-token distributions; see the protocol.

        Raises:
            SubjectError: the subject predicts no next tokens, or a replacement has another length.
        """
        for values in replacements:
            if len(values) != len(sequence):
                raise SubjectError(
                    f"{len(values)} values to put in place of {unit} on {len(sequence)} tokens"
                )
        model = self._language_model
        subject = self._subject
        ids = torch.tensor([sequence.token_ids] * (len(replacements) + 1), device=subject.device)
        lengths = torch.full((len(ids),), len(sequence), device=subject.device)
        padded, mask = pad_with_special_tokens(
            ids,
            lengths,
            prefix_ids=subject.prefix_ids,
            suffix_ids=subject.suffix_ids,
            pad_id=0,
        )
        first = len(subject.prefix_ids)
        replaced_by = unit.polarity * torch.tensor(replacements, device=subject.device)
        with (
            torch.inference_mode(),
            replaced(
                subject.model,
                self._site(unit.site),
                unit.index,
                replaced_by.reshape(len(replacements), len(sequence)),
                first=first,
                positions=padded.shape[1],
            ),
        ):
            output = model(input_ids=padded, attention_mask=mask.long(), use_cache=False)
            logits: Tensor = output.logits[:, first : first + len(sequence)]
            logprobs = logits.float().log_softmax(-1)
            untouched = logprobs[-1]
            totals = [float(jensen_shannon(row, untouched).sum()) for row in logprobs[:-1]]
        return Divergences(n_tokens=len(sequence), totals=tuple(totals))

    def _values(self, unit: UnitId, sequences: Seq[Sequence]) -> list[tuple[float, ...]]:
        if not sequences:
            return []
        longest = max(map(len, sequences))
        ids = torch.zeros((len(sequences), longest), dtype=torch.int64)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence.token_ids)
        lengths = torch.tensor([len(sequence) for sequence in sequences])
        found: list[Tensor] = []

        def keep(_: Site, values: Tensor) -> None:
            found.append((unit.polarity * values[:, :, unit.index]).float().cpu())

        self._subject.capture(ids, lengths, [self._site(unit.site)], keep)
        (rows,) = found
        return [
            tuple(row[: len(sequence)].tolist())
            for row, sequence in zip(rows, sequences, strict=True)
        ]

    def _site(self, name: str) -> Site:
        if name not in self._sites:
            (self._sites[name],) = self._subject.sites(name)
        return self._sites[name]

    @cached_property
    def _language_model(self) -> torch.nn.Module:
        if self.cannot_predict is not None:
            raise SubjectError(self.cannot_predict)
        model = load_language_model(self._subject)
        # The model with its head contains the other one: hold it once.
        old = self._subject
        self._subject = Subject(
            name=old.name,
            model=model,
            tokenizer=old.tokenizer,
            location=old.location,
            revision=old.revision,
        )
        return model
