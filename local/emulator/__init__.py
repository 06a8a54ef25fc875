"""MiniStack, with what it lacks for this project's template.

MiniStack (MIT, pinned in ``requirements-emulator.txt``) emulates the AWS services that the template deploys to. Where
it differs from AWS in something that the system stands on, that is a *gap*, and one function of this package closes it.
Its comment says what is missing, and in which version. ``tests/`` starts the emulator with each gap left open as well:
so a test shows that the gap is real, and when a new version of MiniStack has closed one, the test says so and the
function goes.

Start it with ``python -m emulator``; it reads MiniStack's own environment variables, and ``EXPEDITE_WITHOUT``, a
comma-separated list of gaps to leave open.
"""
