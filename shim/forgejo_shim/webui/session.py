"""The shim's own session at the web UI: signing in, the cookies, the CSRF token.

Rules: whatever cookies the server sets are sent back, by no assumed name; nothing of the caller's is sent. A sign-in is
tried once: a refusal is remembered, so a wrong password never locks the account (for good, or with `backs_off` for five
minutes, then for twice as long each time, up to an hour; and there an answer that is neither yes nor no, a 429 or 500
say, for five seconds, then twice as long, up to five minutes). Anonymous unless credentials were given. A code of
two-factor sign-in that is refused is tried once more in the next window (each works once only).
Neither a yes nor a no is concluded without a sign of Forgejo's own: "refused" is its form with its error, "signed in" a
redirect that sets the account's language, "signed out" the redirect to its sign-in page. All else is PageChanged.
Facts: routers/web/auth/auth.go and 2fa.go, 11.0.15 to 16; answers recorded on all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from math import ceil, inf
from typing import Self
from urllib.parse import urlencode

from ..errors import NotNow, PageChanged, ShimError, WebAccount
from ..models import Pairs, WebCookie, WebCredentials, WebLogin
from ..transport import Answer, Transport, read_head, retry_after
from .cookies import CSRF_COOKIE, cookies_in, set_cookies
from .grammar import CHANGE_PASSWORD, LOGIN, SECURITY, SETTINGS, TWO_FACTOR, path_of
from .html import SignIn, classify_sign_in, is_settings, is_suspended
from .totp import PERIOD, totp

LANGUAGE_COOKIE = "lang"  # set by each sign-in, whatever the way, and by no page (routers/web/auth/auth.go, 11 to 16)
SECURITY_KEY = "/user/webauthn"
USER_AGENT = "forgejo-shim"
REFUSED = 300.0, 3600.0  # seconds after the first refusal, and at most
TROUBLE = 5.0, 300.0  # the same after the first answer that tells nothing of the account


class WebSession:
    """The cookies of one account at one server. `on_change` is called with them after each sign-in."""

    def __init__(
        self,
        credentials: WebCredentials | None,
        cookies: dict[str, str] | None = None,
        on_change: Callable[[dict[str, str]], None] | None = None,
        *,
        backs_off: bool = False,
    ) -> None:
        self.credentials = credentials
        self.cookies = dict(cookies or {})
        self.generation = 1 if cookies else 0  # how often it was signed in; 0: not yet
        self._on_change = on_change
        self.refusals = 0  # sign-ins in a row that failed in the same way
        self._refusal: ShimError | None = None
        self._until = inf  # when a refused sign-in is tried again, in seconds since the epoch
        self.backs_off = backs_off
        if isinstance(credentials, WebCookie):
            if not re.fullmatch(r"[\x20-\x7e]*", credentials.cookie):
                raise WebAccount(
                    "the web cookie holds a character that no header can carry; check how it was copied",
                    cause="web-account-unsendable",
                )
            self.cookies.update(cookies_in(credentials.cookie))
            self.generation = 1
        # A browser's, or of before an upgrade: it would say what this server is not.
        self.cookies.pop(CSRF_COOKIE, None)

    @property
    def account(self) -> str:
        """The account's name as messages give it."""
        if isinstance(self.credentials, WebLogin):
            return f"web account {self.credentials.user}"
        return "web account of the given cookie" if self.credentials else "anonymous web session"

    async def send(
        self, net: Transport, method: str, path: str, headers: Pairs = (), body: bytes = b"", *, signs_in: bool = True
    ) -> Answer:
        """Send one request in this session; with `signs_in`, signed in first if credentials were given."""
        if signs_in and self.credentials and not self.generation:
            await self.sign_in(net, seen=0)
        jar = self.cookies  # whose answer comes after a sign-in by another flow has no say in the new one's
        sent = [("User-Agent", USER_AGENT), ("Accept", "*/*"), ("Accept-Encoding", "identity"), *headers]
        if jar:
            sent.append(("Cookie", "; ".join([f"{name}={value}" for name, value in list(jar.items())])))
        if method in ("POST", "DELETE") and (token := jar.get(CSRF_COOKIE)):
            sent.append(("X-Csrf-Token", token))
        answer = await net.web(method, path, sent, body)
        for name, value in set_cookies(answer.headers).items():
            if value:
                jar[name] = value
            else:
                jar.pop(name, None)
        return answer

    async def sign_in(self, net: Transport, seen: int) -> None:
        """Sign in, unless another flow has done so since generation `seen`. Raises WebAccount, with the cause."""
        async with net.signing_in:
            if self._refusal and net.now() < self._until:
                if self.backs_off:
                    self._refusal.retry_after = ceil(self._until - net.now())
                raise self._refusal.with_traceback(None)
            if self.generation == seen:
                await self._renew(net)

    async def _renew(self, net: Transport) -> None:
        """Sign in now, with `signing_in` held."""
        new = self._with(self.cookies)
        try:
            await new._sign_in(net)
        except (WebAccount, NotNow, PageChanged) as error:
            self._back_off(error, net.now())
            raise
        self._become(new.cookies)
        if self._on_change:
            self._on_change(self.cookies)

    def _with(self, cookies: dict[str, str]) -> Self:
        """The same with cookies of its own, so that others go on with the old ones meanwhile."""
        new = copy(self)
        new.cookies = dict(cookies)
        return new

    def _become(self, cookies: dict[str, str]) -> None:
        """Go on with the cookies of a new session."""
        self._refusal, self.refusals, self.cookies = None, 0, cookies
        self.generation += 1

    def _back_off(self, error: ShimError, now: float) -> None:
        """Note a sign-in that failed, and when it is tried again."""
        if not (self.backs_off or isinstance(error, WebAccount)):
            return
        self.refusals = self.refusals + 1 if type(error) is type(self._refusal) else 1
        self._refusal = error
        if self.backs_off:
            first, most = REFUSED if isinstance(error, WebAccount) else TROUBLE
            seconds = max(min(first * 2 ** min(self.refusals - 1, 9), most), error.retry_after or 0)
            self._until = now + seconds
            error.retry_after = ceil(seconds)

    async def is_signed_in(self, net: Transport) -> bool:
        """Whether the server still knows the session: it shows the account's settings, or sends to its sign-in page.

        Raises PageChanged if it does neither, NotNow if it is busy.
        """
        answer = await self.send(net, "GET", SETTINGS, signs_in=False)
        body = await read_head(answer)
        target = path_of(answer.headers.get("Location"))
        if answer.status == 303 and target.endswith(LOGIN):
            return False
        if answer.status == 303 and target.endswith((CHANGE_PASSWORD, SECURITY)):
            return True
        if answer.status == 200 and (is_settings(body) or is_suspended(body)):
            return True
        raise not_understood(answer, f"{net.server_name} answered whether the shim's {self.account} is signed in")

    async def ensure_signed_in(self, net: Transport) -> None:
        """Sign in unless the server still knows the session. Raises ShimError."""
        if not self.generation or not await self.is_signed_in(net):
            await self.sign_in(net, self.generation)

    async def shows_sign_in(self, net: Transport) -> bool:
        """Whether the server's sign-in page is Forgejo's own."""
        return (await self._sign_in_page(net))[1] in (SignIn.FORM, SignIn.OFF)

    async def renew_token(self, net: Transport, path: str) -> None:
        """Have the server set a new CSRF token cookie (up to 13, every page does)."""
        self.cookies.pop(CSRF_COOKIE, None)
        answer = await self.send(net, "GET", path, signs_in=False)
        await answer.close()

    @property
    def has_token(self) -> bool:
        """Whether the server uses CSRF tokens and has given one."""
        return CSRF_COOKIE in self.cookies

    async def _sign_in(self, net: Transport) -> None:
        if isinstance(self.credentials, WebCookie):
            return await self._follow_remember_cookie(net)
        assert self.credentials, "an anonymous session is never signed in"
        self.cookies = {}  # a jar that is signed in already would not look at the password
        form = {"user_name": self.credentials.user, "password": self.credentials.password}
        answer, body = await self._post_form(net, LOGIN, form)
        target = path_of(answer.headers.get("Location"))
        if answer.status == 303 and target.endswith((TWO_FACTOR, SECURITY_KEY)):
            return await self._second_factor(net, self.credentials)
        if answer.status == 303 and not target.endswith(LOGIN):
            return await self._be_in(net, answer)
        raise await self._refused(net, answer, body)

    async def _be_in(self, net: Transport, answer: Answer) -> None:
        """Raise PageChanged unless the redirect is that of a sign-in, or the session is known to the server."""
        if LANGUAGE_COOKIE not in set_cookies(answer.headers) and not await self.is_signed_in(net):
            raise not_understood(answer, f"{net.server_name} answered the sign-in")

    async def _refused(self, net: Transport, answer: Answer, body: bytes) -> ShimError:
        """The error that an answer to name and password stands for."""
        page = classify_sign_in(body) if answer.status == 200 else SignIn.FOREIGN
        if page is SignIn.REFUSED:
            again = "until Retry-After is over" if self.backs_off else "in this session"
            return WebAccount(
                f"{net.server_name} refused the sign-in of the shim's {self.account}; check its name and password"
                f" (not tried again {again}, so that the account is not locked)",
                cause="web-sign-in-refused",
            )
        if page is SignIn.CAPTCHA:
            return WebAccount(
                f"{net.server_name} wants a CAPTCHA solved at each sign-in; give the shim a session cookie instead",
                cause="web-captcha-needed",
            )
        if page is SignIn.SUSPENDED:
            return self.inactive(net)
        if answer.status == 403 and (await self._sign_in_page(net))[1] is SignIn.OFF:
            return WebAccount(
                f"{net.server_name} has its sign-in by password switched off; give the shim a session cookie instead",
                cause="web-sign-in-disabled",
            )
        return not_understood(answer, f"{net.server_name} answered the sign-in")

    def inactive(self, net: Transport) -> WebAccount:
        """The error for an account that may not sign in any more, or not yet."""
        return WebAccount(
            f"the shim's {self.account} at {net.server_name} is suspended or not activated;"
            " let an administrator activate it",
            cause="web-account-inactive",
        )

    async def _sign_in_page(self, net: Transport, path: str = LOGIN) -> tuple[Answer, SignIn]:
        """The answer to a GET of a page of the sign-in, and what it says: only with 200 can it say something."""
        answer = await self.send(net, "GET", path, signs_in=False)
        page = classify_sign_in(await read_head(answer))
        return answer, page if answer.status == 200 else SignIn.FOREIGN

    async def _follow_remember_cookie(self, net: Transport) -> None:
        answer, page = await self._sign_in_page(net)  # which signs in by a remember cookie, if there is one
        if answer.status == 303:
            return await self._be_in(net, answer)
        if page is SignIn.SUSPENDED:
            raise self.inactive(net)
        if page in (SignIn.FORM, SignIn.OFF):
            raise WebAccount(
                f"{net.server_name} no longer knows the given web cookie; sign in with a browser and give a new one",
                cause="web-sign-in-refused",
            )
        raise not_understood(answer, f"{net.server_name} answered the web cookie")

    async def _second_factor(self, net: Transport, login: WebLogin) -> None:
        if not login.totp_secret:
            raise await self._factor_needed(net)
        for try_again in (True, False):
            code = totp(login.totp_secret, net.now())
            answer, body = await self._post_form(net, TWO_FACTOR, {"passcode": code})
            target = path_of(answer.headers.get("Location"))
            if answer.status == 303 and not target.endswith((LOGIN, TWO_FACTOR)):
                return await self._be_in(net, answer)
            if answer.status != 200 or classify_sign_in(body) is not SignIn.CODE_REFUSED:
                raise not_understood(answer, f"{net.server_name} answered the two-factor code")
            if try_again:
                await net.sleep(PERIOD - net.now() % PERIOD + 0.5)
        raise WebAccount(
            f"{net.server_name} refused two codes of the shim's {self.account}; check the TOTP secret and the clock",
            cause="web-two-factor-refused",
        )

    async def _factor_needed(self, net: Transport) -> ShimError:
        """The error for an account without a secret that was sent to the page for a code, if it is Forgejo's."""
        answer, page = await self._sign_in_page(net, TWO_FACTOR)
        if page is SignIn.CODE:
            return WebAccount(
                f"the shim's {self.account} has two-factor sign-in; give its TOTP secret, or a session cookie",
                cause="web-two-factor-needed",
            )
        return not_understood(answer, f"{net.server_name} answered the two-factor sign-in")

    async def _post_form(self, net: Transport, path: str, form: dict[str, str]) -> tuple[Answer, bytes]:
        headers = [("Content-Type", "application/x-www-form-urlencoded")]
        answer = await self.send(net, "POST", path, headers, urlencode(form).encode(), signs_in=False)
        return answer, await read_head(answer)


def not_understood(answer: Answer, what: str) -> ShimError:
    """The error for an answer of the web UI that says nothing of what was asked: it is busy, or not understood."""
    if answer.status in (429, 503):
        return NotNow(
            f"{what} with {answer.status}; try later", cause="upstream-busy", retry_after=retry_after(answer.headers)
        )
    kind = answer.headers.get("Content-Type") or "no type"
    return PageChanged(
        f"{what} with {answer.status} ({kind}), which was not understood; try again, and if it stays so look for what"
        " is in front of the server, or report its version"
    )
