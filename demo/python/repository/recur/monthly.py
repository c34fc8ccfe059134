"""Recurring dates."""

from datetime import date

from .calendar_math import add_months


def every(months: int, start: date, count: int) -> list[date]:
    """`count` dates from `start` on, so many months apart."""
    if months < 1:
        raise ValueError("months must be at least 1")
    dates = []
    current = start
    for _ in range(count):
        dates.append(current)
        current = add_months(current, months)
    return dates


def monthly(start: date, count: int) -> list[date]:
    """`count` dates from `start` on, a month apart."""
    return every(1, start, count)
