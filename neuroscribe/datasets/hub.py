"""Ask the Hugging Face hub what a name stands for, once, before anything is loaded.

One short question settles whether the name exists and which commit it is now, so that everything
after it reads that very commit and an unknown name costs no retries. `datasets` holds this because
subjects and corpora both need it. An unreachable hub is not an error here: what is in the local
cache may be all that is needed.
"""

from typing import Literal

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from neuroscribe.errors import InputError

_TIMEOUT_SECONDS = 10.0


def commit_on_hub(
    kind: Literal["model", "dataset"],
    name: str,
    *,
    revision: str | None = None,
    failure: type[InputError],
) -> str | None:
    """The commit that a name (and a branch or tag) stands for; None if the hub gives no answer.

    Args:
        kind: what is looked for.
        name: `owner/name`.
        revision: branch, tag or commit; None for the newest.
        failure: class of the error to raise.

    Raises:
        InputError: of the class asked for: the hub has no such name or revision, or wants a login.
    """
    hub = HfApi()
    ask = hub.model_info if kind == "model" else hub.dataset_info
    try:
        return ask(name, revision=revision, timeout=_TIMEOUT_SECONDS).sha
    except HFValidationError as error:
        raise failure(f"{name!r} is no folder, and no name that the hub could have") from error
    except GatedRepoError as error:
        raise failure(f"the {kind} {name} is gated on the hub: ask for access, log in") from error
    except RevisionNotFoundError as error:
        raise failure(f"the {kind} {name} has no revision {revision} on the hub") from error
    except RepositoryNotFoundError as error:
        raise failure(
            f"the hub has no {kind} called {name} (or it is private), and there is no such folder"
        ) from error
    except (httpx2.HTTPError, OSError):
        return None
