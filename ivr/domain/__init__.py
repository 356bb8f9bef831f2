"""The rules of a campaign, pure: no asyncio, clock, I/O or logging in this room."""
