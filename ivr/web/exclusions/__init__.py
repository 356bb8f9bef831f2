"""Who is not called.

page       the exclusion file as it is, what staff enter and lift, why somebody is excluded
excluded   what is known of it, as it is shown
"""
