from datetime import date

import pytest

from recur import every, monthly


def test_a_day_that_every_month_has():
    assert monthly(date(2026, 1, 15), 3) == [date(2026, 1, 15), date(2026, 2, 15), date(2026, 3, 15)]


def test_the_last_day_comes_back_after_a_short_month():
    assert monthly(date(2026, 1, 31), 4) == [
        date(2026, 1, 31),
        date(2026, 2, 28),
        date(2026, 3, 31),
        date(2026, 4, 30),
    ]


def test_leap_day():
    assert every(12, date(2024, 2, 29), 5)[-1] == date(2028, 2, 29)


def test_over_the_end_of_the_year():
    assert every(3, date(2025, 11, 30), 3) == [date(2025, 11, 30), date(2026, 2, 28), date(2026, 5, 30)]


def test_no_step_is_refused():
    with pytest.raises(ValueError):
        every(0, date(2026, 1, 1), 2)
