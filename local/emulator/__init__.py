"""MiniStack, with what it lacks for this project's template.

MiniStack (MIT, pinned in ``requirements-emulator.txt``) emulates the AWS services that the template deploys to. Where it
differs from AWS in something that the system stands on, a *gap* in this package closes the difference: one function each,
whose comment says what is missing and in which version. ``tests/`` starts the emulator with each gap left open, to show
that the gap is real and that its test would notice; when a new version of MiniStack has closed one, that is where it
shows, and the function goes.

Start it with ``python -m emulator``; it reads MiniStack's own environment variables, and ``EXPEDITE_WITHOUT``, a
comma-separated list of gaps to leave open.
"""
