"""Which exemplars an explainer is shown.

Each selection is one file whose name is its registered name and whose `PLUGIN` is a class as
`contract.Selection` describes. What a scorer shows a judge beside the exemplars, texts on which the
unit is silent, is chosen by the plug-ins in `selection.negatives`.
"""

from neuroscribe.selection.contract import Chosen, Selection

__all__ = ["Chosen", "Selection"]
