"""Arithmetic on months."""

import calendar
from datetime import date


def add_months(day: date, months: int) -> date:
    """The same day so many months later; the last one of a month that is too short."""
    index = day.year * 12 + (day.month - 1) + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))
