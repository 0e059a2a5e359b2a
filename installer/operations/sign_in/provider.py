"""The cluster's OpenID provider, as a client asks it: discovery, the code and device flows, and fresh tokens."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from installer.cluster.identity import KUBECTL_CLIENT
from installer.common.errors import ExitCode, InstallerError
from installer.operations.sign_in.tokens import Tokens

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import OAuth2Client

_SCOPE = "openid email profile groups offline_access"
_SECONDS = 15.0
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_NEEDED = ("authorization_endpoint", "token_endpoint")


@dataclass(frozen=True, slots=True)
class Provider:
    """`metadata` is the provider's discovery document; `trust` what its certificate is judged by."""

    cluster: str
    issuer: str
    metadata: Mapping[str, Any]
    trust: ssl.SSLContext

    @classmethod
    def discover(cls, cluster: str, issuer: str, certificate: str) -> Provider:
        """Ask the issuer who it is. `certificate` is the PEM of its CA, or empty for those of this computer.

        Raises InstallerError.
        """
        import httpx2

        trust = ssl.create_default_context(cadata=certificate or None)
        url = f"{issuer}/.well-known/openid-configuration"
        try:
            answer = httpx2.get(url, verify=trust, timeout=_SECONDS)
            answer.raise_for_status()
            metadata = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise _unreachable(cluster, url, error) from None
        if not isinstance(metadata, dict) or metadata.get("issuer") != issuer:
            observed = f"{url} says that it is another issuer than {issuer}"
            raise _failed(cluster, observed, "find out who answers there: it is not this cluster's Dex")
        if any(not str(metadata.get(name, "")).startswith("https://") for name in _NEEDED):
            raise _failed(cluster, f"{url} lacks {' or '.join(_NEEDED)}", "craton check says whether Dex works")
        return cls(cluster, issuer, metadata, trust)

    def authorization(self, redirect: str) -> tuple[str, str, str]:
        """Where the browser goes; the state that comes back; and the verifier of the code (RFC 7636)."""
        from authlib.common.security import generate_token

        verifier = generate_token(64)
        with self._client(redirect) as client:
            url, state = client.create_authorization_url(
                self.metadata["authorization_endpoint"], code_verifier=verifier
            )
        return str(url), str(state), verifier

    def exchange(self, redirect: str, code: str, verifier: str) -> Tokens:
        """The tokens for a code that came back. Raises InstallerError."""
        with self._client(redirect) as client:
            return self._tokens(
                lambda: client.fetch_token(self.metadata["token_endpoint"], code=code, code_verifier=verifier)
            )

    def refreshed(self, tokens: Tokens) -> Tokens:
        """New tokens for old ones. Raises InstallerError (usage) if whoever it is has to sign in again."""
        with self._client() as client:
            return self._tokens(
                lambda: client.refresh_token(self.metadata["token_endpoint"], refresh_token=tokens.refresh_token),
                before=tokens.refresh_token,
            )

    def device(self, show: Callable[[str, str], None], deadline: float) -> Tokens:
        """RFC 8628: `show` gets the address and the code to enter there; then ask until somebody did.

        Raises InstallerError, also after `deadline` seconds.
        """
        import httpx2

        endpoint = str(self.metadata.get("device_authorization_endpoint", ""))
        if not endpoint.startswith("https://"):
            raise _failed(
                self.cluster, "the provider doesn't support device codes", "sign in with a browser: leave out --device"
            )
        with httpx2.Client(verify=self.trust, timeout=_SECONDS) as client:
            asked = client.post(endpoint, data={"client_id": KUBECTL_CLIENT, "scope": _SCOPE})
            try:
                found = asked.json()
                device, code, address = found["device_code"], found["user_code"], found["verification_uri"]
                pause = max(1.0, float(found.get("interval", 5)))
            except (ValueError, KeyError, TypeError, AttributeError):
                raise _failed(self.cluster, f"{endpoint} gave no code (HTTP status {asked.status_code})",
                              "craton check says whether Dex works") from None  # fmt: skip
            show(str(address), str(code))
            until = time.monotonic() + deadline
            while time.monotonic() < until:
                time.sleep(pause)
                answer = client.post(
                    self.metadata["token_endpoint"],
                    data={"grant_type": _DEVICE, "device_code": device, "client_id": KUBECTL_CLIENT},
                )
                error = _error_of(answer)
                if not error:
                    return self._tokens(answer.json)
                if error == "slow_down":
                    pause += 5.0
                elif error != "authorization_pending":
                    raise _failed(self.cluster, f"the provider says {error}", f"craton login {self.cluster} again")
        raise _failed(self.cluster, f"nobody entered the code within {deadline:.0f} s", "try again")

    def _client(self, redirect: str | None = None) -> OAuth2Client:
        from authlib.integrations.httpx_client import OAuth2Client

        return OAuth2Client(
            KUBECTL_CLIENT,
            scope=_SCOPE,
            redirect_uri=redirect,
            token_endpoint_auth_method="none",  # noqa: S106 (a client that can keep no secret)
            code_challenge_method="S256",
            verify=self.trust,
            timeout=_SECONDS,
        )

    def _tokens(self, ask: Callable[[], Any], before: str = "") -> Tokens:
        import httpx2
        from authlib.common.errors import AuthlibBaseError

        try:
            found = dict(ask())
            expires = time.time() + float(found.get("expires_in", 300))
            tokens = Tokens(self.issuer, str(found["id_token"]), str(found.get("refresh_token") or before), expires)
            claims = tokens.claims
        except AuthlibBaseError as error:
            raise _failed(self.cluster, f"the provider says {error.error}", _AGAIN.format(self.cluster)) from None
        except httpx2.HTTPError as error:
            raise _unreachable(self.cluster, self.issuer, error) from None
        except (ValueError, KeyError, TypeError):
            raise _failed(
                self.cluster, "the provider gave no token that can be read", _AGAIN.format(self.cluster)
            ) from None
        with suppress(KeyError, TypeError, ValueError):
            tokens = Tokens(tokens.issuer, tokens.id_token, tokens.refresh_token, float(claims["exp"]))
        if claims.get("iss") != self.issuer or KUBECTL_CLIENT not in _audience(claims):
            raise _failed(
                self.cluster, "the token has another issuer, or is for another program", _AGAIN.format(self.cluster)
            )
        return tokens


_AGAIN = "sign in again: craton login {}"


def _audience(claims: Mapping[str, Any]) -> list[str]:
    found = claims.get("aud")
    return [found] if isinstance(found, str) else found if isinstance(found, list) else []


def _error_of(answer: Any) -> str:
    """The OAuth error of an answer; empty if it is none."""
    if answer.status_code == 200:
        return ""
    try:
        return str(answer.json().get("error") or answer.status_code)
    except (ValueError, AttributeError):
        return f"HTTP status {answer.status_code}"


def _unreachable(cluster: str, where: str, error: Exception) -> InstallerError:
    hint = (
        f"does this computer know the console's name? craton review {cluster} lists the cluster's names and addresses"
    )
    return _failed(cluster, f"{where}: {error}", hint)


def _failed(cluster: str, observed: str, hint: str) -> InstallerError:
    return InstallerError(f"sign in to {cluster}", observed, hint=hint, exit_code=ExitCode.USAGE)
