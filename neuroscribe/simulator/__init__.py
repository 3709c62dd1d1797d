"""Explanation and tokens to predicted activations.

Each simulator is one file whose name is its registered name and whose `PLUGIN` is a class as
`simulator.Simulator` describes. `choose` picks the best one that an endpoint can serve.
"""

from neuroscribe.simulator.choice import Simulator, choose
from neuroscribe.simulator.distribution import Expectation, expectation, expected_value

__all__ = ["Expectation", "Simulator", "choose", "expectation", "expected_value"]
