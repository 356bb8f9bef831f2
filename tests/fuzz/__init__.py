"""Fuzzing: every parser gets damaged and invented input, and may only refuse it in the way that it documents.

`python -m tests.fuzz` runs the targets for as long as it is told; the test suite runs each of them for a moment.
"""
