"""What a token must say, how it must be signed, and whom it names."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import string
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from ivr.domain.account import unfit_name, unfit_words
from ivr.openid import NoProof, identity_of
from ivr.openid.id_tokens import LEEWAY, OLDEST, Expected, Key, KeyUnknown, claims_of, keys_of

NOW = 1_800_000_000
ISSUER = "https://idp.city.example.jp/realms/staff"
EXPECTED = Expected(issuer=ISSUER, client_id="yobirin", nonce="n")
RSA, OTHER = (RSAKey.generate_key(2048, {"kid": kid}) for kid in ("rsa", "other"))
EC, EC384 = (ECKey.generate_key(curve, {"kid": curve}) for curve in ("P-256", "P-384"))
RIGHT: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "yobirin",
    "sub": "0c5f",
    "exp": NOW + 300,
    "iat": NOW,
    "nonce": "n",
}


def published(*keys: RSAKey | ECKey, **more: object) -> tuple[Key, ...]:
    return keys_of({"keys": [key.as_dict(private=False) | more for key in keys]})


KEYS = published(RSA)


def signed(claims: dict[str, Any], header: dict[str, Any], key: RSAKey | ECKey | OctKey) -> str:
    return jwt.encode(header, claims, key, algorithms=[str(header["alg"])])


def said(expected: Expected = EXPECTED, **changed: object) -> Any:
    claims = {name: value for name, value in (RIGHT | changed).items() if value is not None}
    return claims_of(signed(claims, {"alg": "RS256", "kid": "rsa"}, RSA), published(RSA, EC), expected, NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"aud": ["yobirin"]},
        {"aud": ["yobirin", "another"], "azp": "yobirin"},
        {"azp": "yobirin"},
        {"exp": NOW - LEEWAY + 1},
        {"iat": NOW + LEEWAY},
        {"iat": NOW - OLDEST},
        {"nbf": NOW + LEEWAY},
    ],
)
def test_a_token_that_is_right_is_believed(changed: dict[str, Any]) -> None:
    assert said(**changed)["sub"] == "0c5f"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": ["n"]}, "nonce"),
        ({"aud": "another"}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": ["yobirin", "another"]}, "azp"),
        ({"azp": "another"}, "azp"),
        ({"exp": NOW - LEEWAY}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": "tomorrow"}, "exp"),
        ({"iat": NOW + LEEWAY + 1}, "iat"),
        ({"iat": NOW - OLDEST - 1}, "iat"),
        ({"iat": None}, "iat"),
        ({"nbf": NOW + LEEWAY + 1}, "nbf"),
        ({"iss": "https://other.example.jp"}, "iss"),
        ({"iss": f"{ISSUER}/"}, "iss"),
        ({"iss": [ISSUER]}, "iss"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": "x" * 256}, "sub"),
        ({"sub": "a\nb"}, "sub"),
        ({"sub": 7}, "sub"),
    ],
)
def test_a_token_that_says_something_else_proves_nobody(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(NoProof) as error:
        said(**changed)
    assert str(error.value) == why


@pytest.mark.parametrize(
    ("acr", "amr", "claims", "why"),
    [
        (["gold"], [], {}, "acr"),
        (["gold"], [], {"acr": "bronze"}, "acr"),
        (["gold"], [], {"acr": ["gold"]}, "acr"),
        (["gold", "silver"], [], {"acr": "silver"}, None),
        ([], ["mfa", "hwk"], {"amr": "mfa"}, "amr"),
        ([], ["mfa", "hwk"], {"amr": ["pwd"]}, "amr"),
        ([], ["mfa", "hwk"], {"amr": ["pwd", "mfa"]}, None),
    ],
)
def test_how_somebody_has_proven_themselves_can_be_asked_for(
    acr: Sequence[str], amr: Sequence[str], claims: dict[str, Any], why: str | None
) -> None:
    expected = Expected(issuer=ISSUER, client_id="yobirin", nonce="n", acr=acr, amr=amr)
    if why is None:
        assert said(expected, **claims)
        return
    with pytest.raises(NoProof, match=why):
        said(expected, **claims)


@pytest.mark.parametrize(("algorithm", "key"), [("RS256", RSA), ("PS256", RSA), ("ES256", EC)])
def test_each_algorithm_that_is_allowed_works(algorithm: str, key: RSAKey | ECKey) -> None:
    token = signed(RIGHT, {"alg": algorithm, "kid": key.kid}, key)
    assert claims_of(token, published(RSA, EC), EXPECTED, NOW)
    assert claims_of(signed(RIGHT, {"alg": algorithm}, key), published(RSA, EC), EXPECTED, NOW), (
        "the only one that fits"
    )


@pytest.mark.parametrize(
    ("header", "key", "why"),
    [
        ({"alg": "HS256", "kid": "rsa"}, OctKey.import_key("the client's secret"), "algorithm"),
        ({"alg": "RS512", "kid": "rsa"}, RSA, "algorithm"),
        ({"alg": "ES384", "kid": "P-384"}, EC384, "algorithm"),
        ({"alg": "RS256", "kid": "rsa"}, OTHER, "bad_signature"),
        ({"alg": "RS256", "kid": "other"}, OTHER, "key"),
        ({"alg": "RS256", "kid": "P-256"}, RSA, "key"),
    ],
)
def test_only_the_provider_can_have_signed_it(header: dict[str, Any], key: RSAKey | ECKey | OctKey, why: str) -> None:
    token = signed(RIGHT, header, key)
    with pytest.raises(NoProof) as error:
        claims_of(token, published(RSA, EC, EC384), EXPECTED, NOW)
    assert str(error.value).startswith(why)


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_public_key_is_no_shared_secret() -> None:
    pem = RSA.as_pem(private=False)
    signing = f"{encoded({'alg': 'HS256', 'kid': 'rsa'})}.{encoded(RIGHT)}"
    mac = base64.urlsafe_b64encode(hmac.digest(pem, signing.encode(), hashlib.sha256)).rstrip(b"=").decode()
    for token in (
        f"{signing}.{mac}",
        f"{encoded({'alg': 'none'})}.{encoded(RIGHT)}.",
        f"{encoded({'alg': 'None'})}.{encoded(RIGHT)}.",
    ):
        with pytest.raises(NoProof, match="algorithm"):
            claims_of(token, published(RSA), EXPECTED, NOW)


def test_what_a_header_calls_critical_is_not_passed_over() -> None:
    _, _, rest = signed(RIGHT, {"alg": "RS256", "kid": "rsa"}, RSA).partition(".")
    token = f"{encoded({'alg': 'RS256', 'kid': 'rsa', 'crit': ['exp'], 'exp': 1})}.{rest}"
    with pytest.raises(NoProof):
        claims_of(token, published(RSA), EXPECTED, NOW)


def test_keys_that_are_none_for_this_sign_nothing() -> None:
    token = signed(RIGHT, {"alg": "RS256", "kid": "rsa"}, RSA)
    public = RSA.as_dict(private=False)
    for keys in (
        keys_of({}),
        keys_of({"keys": "none"}),
        keys_of({"keys": [7, {}, {"kty": "RSA"}, {"kty": "RSA", "n": 7, "e": "AQAB"}, {"kty": "oct", "k": "eA"}]}),
        keys_of({"keys": [{"kty": "RSA", "kid": "rsa", "n": "A" * 100_000, "e": "AQAB"}]}),
        published(RSA, use="enc"),
        published(RSA, alg="PS256"),
        keys_of({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "rsa"}]}),
    ):
        with pytest.raises(KeyUnknown):
            claims_of(token, keys, EXPECTED, NOW)
    with pytest.raises(NoProof, match="ambiguous"):
        claims_of(token, keys_of({"keys": [public, OTHER.as_dict(private=False) | {"kid": "rsa"}]}), EXPECTED, NOW)
    with pytest.warns(SecurityWarning):
        assert published(RSAKey.generate_key(1024, {"kid": "rsa"})) == ()
    (found,) = keys_of({"keys": [RSA.as_dict(private=True)]})
    assert not found.key.is_private, "what a provider should never publish is not kept"


@given(st.one_of(st.text(max_size=60), st.text(string.ascii_letters + "._-", max_size=60)))
def test_no_token_is_anything_but_refused(token: str) -> None:
    with pytest.raises(NoProof):
        claims_of(token, KEYS, EXPECTED, NOW)


@given(st.binary(max_size=80))
def test_no_payload_is_anything_but_refused(payload: bytes) -> None:
    token = jws.serialize_compact({"alg": "RS256", "kid": "rsa"}, payload, RSA)
    with pytest.raises(NoProof):
        claims_of(token, KEYS, EXPECTED, NOW)


def named(claims: Mapping[str, object], **chosen: Any) -> Any:
    rest = {"name_claim": "preferred_username", "name_domain": None, "groups_claim": "groups"} | chosen
    return identity_of(RIGHT | dict(claims), **rest)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("Hanako@city.example.jp", "hanako"),
        ("hanako@evil.example.jp", ""),
        ("hanako@city.example.jp@evil.example.jp", ""),
        ("hanako", ""),
        ("@city.example.jp", ""),
        (["hanako"], ""),
    ],
)
def test_the_domain_of_a_name_is_that_of_the_office(told: object, name: str) -> None:
    assert named({"upn": told}, name_claim="upn", name_domain="city.example.jp").name == name


def test_groups_may_be_anywhere_and_of_any_kind() -> None:
    assert named({"groups": ["a", 7, "b"]}).groups == {"a", "b"}
    assert named({"groups": "a"}).groups == {"a"}
    assert named({}).groups == set()
    nested = {"realm_access": {"roles": ["a"]}, "https://x.example.jp/groups": ["b"]}
    assert named(nested, groups_claim="realm_access.roles").groups == {"a"}
    assert named(nested, groups_claim="https://x.example.jp/groups").groups == {"b"}
    assert named(nested, groups_claim="realm_access.roles.x").groups == set()


@given(
    st.dictionaries(st.sampled_from(["name", "preferred_username", "groups"]), st.text() | st.integers() | st.none())
)
def test_a_name_is_one_that_somebody_can_have(claims: dict[str, object]) -> None:
    found = named(claims)
    assert found.name == "" or unfit_name(found.name) is None
    assert found.display == found.name or unfit_words(found.display, "", 40) is None


@pytest.mark.parametrize("told", ["\u212aacho", "ma\u017fako", "stra\u00dfe"])
def test_a_name_that_only_looks_like_one_of_ours_is_nobodys(told: str) -> None:
    assert named({"preferred_username": told}).name == ""


@pytest.mark.parametrize(("verified", "name"), [(True, "hanako"), (False, ""), ("false", ""), (None, "hanako")])
def test_an_address_that_the_provider_has_not_verified_is_nobodys_name(verified: object, name: str) -> None:
    told = {"email": "hanako@city.example.jp"} | ({"email_verified": verified} if verified is not None else {})
    assert named(told, name_claim="email", name_domain="city.example.jp").name == name
