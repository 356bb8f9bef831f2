"""The state of the system.

page         how each thing is that calls depend on, and what to do
inspection   what is looked at, when, and since when it is as it is
looking      a look at each thing
words        what that means, in words for a clerk
"""
