"""Whole campaigns under rules, lists and callees made by chance, in virtual time, judged by a reference of its own.

`make test` runs a thousand; `python -m tests.campaigns --cases 20000` runs as many as one likes.
"""
