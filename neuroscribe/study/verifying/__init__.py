"""Is a study whole, consistent, and true to its subject? Says what is wrong, and where."""

from neuroscribe.study.verifying.report import MOST_FINDINGS, Check, Finding, Report
from neuroscribe.study.verifying.whole import CHECKS, verify_study

__all__ = ["CHECKS", "MOST_FINDINGS", "Check", "Finding", "Report", "verify_study"]
