"""What every case uses."""

import argparse
import time

from sandbox import Session  # noqa: F401

TESTS = []


def arguments():
    parser = argparse.ArgumentParser(description="Drives a real init over its wire and looks at what a host would see.")
    parser.add_argument("binary")
    parser.add_argument("--container", action="store_true", help="in a hardened container, with limits")
    parser.add_argument("--runtime", help="of the container")
    parser.add_argument("--bubblewrap", action="store_true")
    parser.add_argument("--only", default="", help="cases whose name, or whose file's, contains this")
    parser.add_argument("--sanitized", action="store_true", help="a build with sanitizers: do not judge its memory")
    return parser.parse_args()


ARGUMENTS = arguments()


def test(*places):
    """Where it is run: everywhere, or only where it shows, or does no harm."""

    def add(function):
        TESTS.append((function, places))
        return function

    return add


def sh(wire, script, **options):
    return wire.run("sh", "-c", script, **options)


def wait_until(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.01)


def equal(left, right):
    assert left == right, "%r is not %r" % (left, right)
