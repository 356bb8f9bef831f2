"""Who uses the console.

signing_in   password, code, sign-out; the first administrator
openid       by the word of the office's identity provider
people       who may come in, what they may do, and departments
account      one's own password, code and sessions
"""
