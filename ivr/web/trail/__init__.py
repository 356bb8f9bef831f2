"""The audit trail.

page        read entry by entry
examining   judged from its beginning, piece by piece
"""
