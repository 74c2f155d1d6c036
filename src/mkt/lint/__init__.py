"""Rules over config files, offline. One file per family."""

from mkt.lint.base import Rule
from mkt.lint.check import check
from mkt.lint.families import chosen, explain, rules

__all__ = ["Rule", "check", "chosen", "explain", "rules"]
