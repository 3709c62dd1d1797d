"""Every exception that Neuroscribe raises, in one tree.

```
NeuroscribeError
├── InputError            the caller can mend it: nothing was changed (exit code 2)
│   ├── SubjectError      no such model, site or unit; a model that has no such site
│   ├── CorpusError       no such corpus, unreadable, empty, or shorter than one sequence
│   ├── StudyError        not a study, one from a newer format, or one made with other settings
│   ├── RecordError       a record whose parts contradict each other
│   ├── RegistryError     an unknown name for an explainer, simulator, scorer, corpus or client
│   ├── SaeError          no sparse autoencoder, a damaged one, or one that cannot do what is asked
│   └── StoreError        a table could not be written or read
├── LLMError              the endpoint cannot do what was asked of it
│   └── CapabilityError   it lacks log-probabilities, a JSON schema, or the like
└── BudgetReached         the stated cost or number of requests is used up (exit code 3)
```

A failed request, a refusal or an answer that cannot be read is not an exception: it is an outcome,
kept as data with its reason (`records.Status`), because one bad unit must not end a run.
"""


class NeuroscribeError(Exception):
    """Root of the tree; its text is a sentence for a person: what, which value, what to do."""

    exit_code = 1


class InputError(NeuroscribeError):
    """What was asked for cannot be done as asked; nothing was changed."""

    exit_code = 2


class SubjectError(InputError):
    """The model under study, one of its sites or one of its units does not exist."""


class CorpusError(InputError):
    """The corpus is missing, unreadable, empty, or too short to cut one sequence from."""


class StudyError(InputError):
    """The directory is not a study this version reads, or it was made with other settings."""


class RecordError(InputError):
    """The parts of a record contradict each other, such as 63 activations for 64 tokens."""


class RegistryError(InputError):
    """No plug-in has this name; the message lists those there are."""


class SaeError(InputError):
    """The sparse autoencoder is missing, damaged, unknown in kind, or does not fit its use."""


class StoreError(InputError):
    """A table could not be written or read; what was already stored is intact."""


class LLMError(NeuroscribeError):
    """The LLM endpoint cannot do what was asked of it."""

    exit_code = 2


class CapabilityError(LLMError):
    """The endpoint lacks an ability that the chosen simulator needs."""


class BudgetReached(NeuroscribeError):
    """The stated cost or number of requests is used up; the run can be resumed."""

    exit_code = 3
