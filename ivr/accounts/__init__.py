"""Who may use the console: what they prove it with, how they come in, who registers them.

    passwords       argon2, one at a time and beside the event loop
    second_factor   codes of a telephone's app (TOTP), and codes to keep on paper
    door            signing in, and waiting after wrong tries
    vouched         who it is for whom an identity provider vouches: linked, known by name, or by groups
    register        adding, changing and resetting people; departments
    commands        what whoever runs the machine does of that at a terminal

Nothing here knows a page or a request.
"""
