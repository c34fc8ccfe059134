#!/usr/bin/env python3
"""Runs every case of cases/. See --help."""

import importlib
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "cases")]

from harness import ARGUMENTS, TESTS  # noqa: E402
from sandbox import Bubblewrap, Container, Direct  # noqa: E402

for case in ("commands", "ends", "limits", "attach", "wire", "init", "files", "watching", "archives", "keeper", "frozen", "network"):
    importlib.import_module("case_" + case)


def choose_place():
    if ARGUMENTS.container:
        return Container(ARGUMENTS.binary, ARGUMENTS.runtime)
    return Bubblewrap(ARGUMENTS.binary) if ARGUMENTS.bubblewrap else Direct(ARGUMENTS.binary)


def run(function, place):
    started = time.monotonic()
    print(function.__name__.replace("_", " "), flush=True)
    try:
        function(place)
    except Exception:
        traceback.print_exc(file=sys.stdout)
        return False
    print("   ok, %.2f s" % (time.monotonic() - started), flush=True)
    return True


def main():
    place = choose_place()
    chosen = [(function, places) for function, places in TESTS if ARGUMENTS.only in function.__module__ + " " + function.__name__]
    wanted = [function for function, places in chosen if not places or place.name in places]
    skipped = [function.__name__ for function, places in chosen if places and place.name not in places]
    failed = [function.__name__ for function in wanted if not run(function, place)]
    place.clean()
    if skipped:
        print("not run on %s: %s" % (place.name, ", ".join(skipped)))
    print("%d run, %d failed %s" % (len(wanted), len(failed), " ".join(failed)))
    return bool(failed)


sys.exit(main())
