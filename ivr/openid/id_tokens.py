"""Whether an ID token is what it says it is. Pure: the keys and the time are passed in, the signature is joserfc's.

OpenID Connect Core 1.0, 3.1.3.7.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

ALGORITHMS: Mapping[str, type[RSAKey | ECKey]] = {"RS256": RSAKey, "PS256": RSAKey, "ES256": ECKey}
"""What may have signed a token, and with what kind of key; neither `none` nor what a shared secret can make."""

LEEWAY = 60
"""Seconds by which the provider's clock may be ahead or behind."""

OLDEST = 600
"""Seconds since a token was made: it is fetched as soon as it is."""

SMALLEST_RSA, LARGEST_RSA = 2048, 8192
"""Bits. RFC 7518, 3.3; more takes longer to judge than a page may."""

LARGEST_NUMBER = LARGEST_RSA // 8 * 4 // 3 + 4
"""Characters of one of its numbers in Base64."""

MOST_KEYS = 100
LONGEST_SUBJECT = 255
"""Characters. OpenID Connect Core 1.0, 2."""


class NoProof(Exception):
    """What came back proves nobody; the text says why, in a word for the record."""


class KeyUnknown(NoProof):
    """The key that a token names is not among those known: the provider may have a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key of the provider. `algorithm` is the only one it is for, "" where that is not said."""

    kid: str | None
    algorithm: str
    key: RSAKey | ECKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token must say."""

    issuer: str
    client_id: str
    nonce: str
    acr: Collection[str] = ()
    amr: Collection[str] = ()


def keys_of(document: Mapping[str, Any]) -> tuple[Key, ...]:
    """Return the keys of a JWK set that may sign a token for us; what is anything else is left out."""
    told = document.get("keys")
    found: list[Key] = []
    for one in told[:MOST_KEYS] if isinstance(told, list) else ():
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or one.get("kty") not in ("RSA", "EC"):
            continue
        # Its public half alone, whatever else stands there.
        public = {name: one[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in one}
        if not all(isinstance(value, str) and len(value) <= LARGEST_NUMBER for value in public.values()):
            continue
        try:
            key = import_key(public)
            size = key.raw_value.key_size if isinstance(key, RSAKey) else SMALLEST_RSA
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
        if isinstance(key, RSAKey | ECKey) and SMALLEST_RSA <= size <= LARGEST_RSA:
            kid, algorithm = one.get("kid"), one.get("alg")
            known = isinstance(kid, str)
            found.append(
                Key(kid=kid if known else None, algorithm=algorithm if isinstance(algorithm, str) else "", key=key)
            )
    return tuple(found)


def claims_of(token: str, keys: Iterable[Key], expected: Expected, now: int) -> Mapping[str, Any]:
    """Return what a token says that is signed by one of `keys` and meant for us, now; NoProof, KeyUnknown."""
    key, algorithm = _key(token, keys)
    try:
        claims = jwt.decode(token, key, registry=_registry(algorithm)).claims
        jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY,
            iss={"essential": True, "value": expected.issuer},
            aud={"essential": True, "value": expected.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True},
        ).validate(claims)
    except JoseError as error:
        raise NoProof(_word(error)) from None
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise NoProof("malformed") from None
    _see(claims, expected, now)
    return claims


def _key(token: str, keys: Iterable[Key]) -> tuple[RSAKey | ECKey, str]:
    try:
        header = jws.extract_compact(token.encode("ascii"), registry=_registry(*ALGORITHMS)).headers()
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise NoProof("malformed") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise NoProof("algorithm")
    fit = [
        one
        for one in keys
        if isinstance(one.key, ALGORITHMS[algorithm])
        and one.algorithm in ("", algorithm)
        and (kid is None or one.kid == kid)
    ]
    if not fit:
        raise KeyUnknown("key")
    if len(fit) > 1:
        raise NoProof("ambiguous key")
    return fit[0].key, algorithm


def _see(claims: Mapping[str, Any], expected: Expected, now: int) -> None:
    """See what a registry of claims does not."""
    # Not one among others, as a registry would have it.
    if claims["nonce"] != expected.nonce:
        raise NoProof("nonce")
    audience, party = claims["aud"], claims.get("azp")
    if isinstance(audience, list) and set(audience) != {expected.client_id} and party is None:
        raise NoProof("azp")
    if party is not None and party != expected.client_id:
        raise NoProof("azp")
    if claims["iat"] < now - OLDEST:
        raise NoProof("iat")
    subject = claims["sub"]
    if not subject.isprintable() or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise NoProof("sub")
    if expected.acr and claims.get("acr") not in expected.acr:
        raise NoProof("acr")
    methods = claims.get("amr")
    if expected.amr and not (isinstance(methods, list) and any(one in methods for one in expected.amr)):
        raise NoProof("amr")


def _registry(*algorithms: str) -> jws.JWSRegistry:
    """Return what a header may say: words that we do not know are no matter, unless it calls them critical."""
    return jws.JWSRegistry(algorithms=algorithms, strict_check_header=False)


def _word(error: JoseError) -> str:
    claim = getattr(error, "claim", "")
    return str(claim or error.error)
