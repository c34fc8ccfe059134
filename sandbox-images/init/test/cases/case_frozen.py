"""An init that did not run for a while: what its host wrote meanwhile comes before what its clock says."""

import signal
import time

from harness import Session, equal, test
from wire import *  # noqa: F403

SLEPT = 0x0C


def frozen(session, seconds):
    session.process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)


def sleeps_through_its_time(place, tell_before, tell_after):
    """A command has 1.2 seconds, of which it slept two: it ends by its time, which began again where it was left."""
    session = Session(place, grace_ms=600)
    with session as wire:
        stream = wire.start("sleep", "1000", wall_ms=1200)
        wire.until(stream, "started")
        session.process.send_signal(signal.SIGSTOP)
        if tell_before:
            wire.send(SLEPT, 0, u64(2000))
        time.sleep(2)
        session.process.send_signal(signal.SIGCONT)
        woken = time.monotonic()
        if tell_after:
            time.sleep(0.1)
            wire.send(SLEPT, 0, u64(2000))
        while not wire.streams[stream]["end"]:
            wire.ping()
            time.sleep(0.05)
        # Two seconds of its time are not its own.
        end = wire.streams[stream]["end"]
        assert time.monotonic() - woken > 0.7, time.monotonic() - woken
        equal(end["cause"], "timeout")
        assert end["wall_us"] < 1_900_000, end


@test("direct")
def finds_word_of_its_host_when_it_is_woken(place):
    sleeps_through_its_time(place, tell_before=True, tell_after=False)


@test("direct")
def waits_for_word_that_comes_after_it_is_woken(place):
    sleeps_through_its_time(place, tell_before=False, tell_after=True)


@test("direct")
def counts_no_silence_that_it_slept_through(place):
    session = Session(place, grace_ms=600)
    with session:
        for _ in range(3):
            frozen(session, 1.5)
            session.process.send_signal(signal.SIGCONT)
            time.sleep(0.1)
            equal(session.process.poll(), None)
        # Awake, it is as strict as ever.
        equal(session.process.wait(5), 71)


@test("direct")
def ends_a_command_that_slept_with_the_time_that_it_ran(place):
    session = Session(place, grace_ms=5000)
    with session as wire:
        stream = wire.start("sleep", "0.5")
        wire.until(stream, "started")
        frozen(session, 2)
        # It has ended before init is awake; what its host wrote is found first all the same.
        wire.send(SLEPT, 0, u64(2000))
        session.process.send_signal(signal.SIGCONT)
        wire.until(stream, "end")
        assert wire.streams[stream]["end"]["wall_us"] < 1_500_000, wire.streams[stream]["end"]


@test("direct")
def takes_no_century_for_a_nap(place):
    with Session(place) as wire:
        wire.send(SLEPT, 0, u64((1 << 42) + 1))
        equal(wire.fault(), (9, "payload"))
