"""Truth against prediction: metrics, scorers, baselines, intervals.

Each scorer is one file whose name is its registered name and whose `PLUGIN` is a class: calling it
with a `ScoringCase` gives a dialogue that ends in a `ScoringResult`. `score` is the plain function
for those who hold truth and prediction already.
"""

from neuroscribe.scoring.case import Scorer, ScoringCase, ScoringResult
from neuroscribe.scoring.pooled import PooledScore, score

__all__ = ["PooledScore", "Scorer", "ScoringCase", "ScoringResult", "score"]
