"""Dates that come back."""

from .monthly import every, monthly

__all__ = ["every", "monthly"]
