"""Truth against prediction: metrics, scorers, baselines, intervals."""
