"""A campaign and the day as they go on.

page       the page of a campaign, live, and the server-sent events
watching   the one look at the store for everybody who watches
watchers   somebody who watches, and what waits to be sent to them
sights     what is shown, in words and numbers
lamps      the lines as lamps
"""
