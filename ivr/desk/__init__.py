"""What staff do at a terminal while nothing is dialled from it: a drawer for each thing they come with.

    scenarios   check, listen to, draw
    lists       check a list, see who is excluded
    orders      create a campaign
    reports     look how far a campaign is, export its results
    records     the results store and its audit trail, opened for one command

Each command prints its answer and returns the exit status: 0 done, 1 something is wrong with what was given.
"""
