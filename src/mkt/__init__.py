"""mkt: a marketplace of connectors for an operations team."""

__version__ = "0.1.0"
