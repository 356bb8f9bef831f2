"""OpenID Connect as a relying party: the authorization code flow with PKCE, and what an ID token proves.

    provider     where the provider is, where somebody is sent to, what a code is exchanged for
    exchange     one request, bounded in time and size
    id_tokens    whether a token is what it says: pure
    identity     whom the claims of a token name, in our words: pure

Signatures and keys are joserfc's. Sources: OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0; RFC 7636
(PKCE), RFC 9207 (`iss` in the answer), RFC 9700 (what OAuth takes care of today).
"""

from ivr.openid.id_tokens import NoProof
from ivr.openid.identity import Identity, identity_of
from ivr.openid.provider import Client, Provider

__all__ = ["Client", "Identity", "NoProof", "Provider", "identity_of"]
