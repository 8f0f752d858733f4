"""The shim's own web session: one-time codes, cookies, the CSRF token."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest
from double import pages
from forgejo_shim import WebCookie, WebLogin
from forgejo_shim.errors import NotNow, PageChanged, WebAccount
from forgejo_shim.models import Headers, WebCredentials
from forgejo_shim.transport import run
from forgejo_shim.webui.session import WebSession
from forgejo_shim.webui.totp import totp
from scripted import (
    BASE,
    CODE_PAGE,
    CODE_REFUSED,
    REFUSED,
    SETTINGS_PAGE,
    SIGN_IN_IS_OFF,
    SIGN_IN_PAGE,
    SIGNED_IN,
    Lines,
    Said,
    Scripted,
    page,
    text,
    to,
)

LOGIN = WebLogin("log-reader", "p w&d=é")
HOME = "GET /o/r/actions"


def cookie(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple(("Set-Cookie", value) for value in values)


@pytest.mark.clause("S24")
@pytest.mark.parametrize(
    "at, code",
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
     (2000000000, "69279037"), (20000000000, "65353130")],
)  # fmt: skip
def test_the_codes_of_rfc_6238(at: int, code: str) -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert totp(secret, at) == code[2:], "the RFC's are of eight digits"
    spaced = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4)).lower()
    assert totp(spaced, at + 0.9) == code[2:]


@pytest.mark.clause("S24", "S35")
@pytest.mark.parametrize("secret", ["not base32 at all!", "ABC1", "é"])
def test_a_secret_that_is_none(secret: str) -> None:
    with pytest.raises(WebAccount) as caught:
        totp(secret, 0)
    assert caught.value.cause == "web-two-factor-refused" and secret not in str(caught.value)


def play(lines: Lines, session: WebSession, *asked: str) -> Scripted:
    net = Scripted(lines)
    for one in asked:
        method, _, path = one.partition(" ")
        run(session.send(net, method, path))
    return net


def cookies_sent(net: Scripted) -> list[str]:
    return [Headers(headers).get("Cookie") for _, headers, _ in net.sent]


@pytest.mark.clause("S7", "S20")
def test_every_cookie_is_sent_back_by_whatever_name() -> None:
    first = to(
        "/", 303, *cookie("any-name=a; Path=/; HttpOnly", "i_like=b=c; Max-Age=60", "gone=; Max-Age=0", "lang=en-US")
    )
    net = play({"POST /user/login": first, HOME: [Said(200, cookie("lang=; Max-Age=0", "any-name=z")), page()]},
               WebSession(LOGIN), HOME, HOME)  # fmt: skip
    assert cookies_sent(net) == ["", "any-name=a; i_like=b=c; lang=en-US", "any-name=z; i_like=b=c"]
    assert net.sent[0][2] == b"user_name=log-reader&password=p+w%26d%3D%C3%A9"
    assert {name for _, headers, _ in net.sent for name, _ in headers} <= {
        "User-Agent", "Accept", "Accept-Encoding", "Cookie", "Content-Type",
    }  # fmt: skip


@pytest.mark.clause("S7")
def test_cookies_are_quoted_and_removed_as_they_came() -> None:
    session = WebSession(WebCookie('session="a b"; lang=en ;; broken'))
    net = play(
        {HOME: Said(200, cookie("session=deleted; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=-1"))}, session, HOME
    )
    assert cookies_sent(net) == ['session="a b"; lang=en']
    assert session.cookies == {"lang": "en"}


@pytest.mark.clause("S20")
@pytest.mark.parametrize(
    "said, error, cause",
    [
        (REFUSED, WebAccount, "web-sign-in-refused"),
        (page(pages.sign_in("", True, "no", captcha=True)), WebAccount, "web-captcha-needed"),
        (page(pages.suspended()), WebAccount, "web-account-inactive"),
        (to("/user/login"), PageChanged, "page-changed"),
        (text(429, ""), NotNow, "upstream-busy"),
        (text(503, ""), NotNow, "upstream-busy"),
        (text(500, ""), PageChanged, "page-changed"),
    ],
)
def test_answers_to_a_sign_in(said: Said, error: type[Exception], cause: str) -> None:
    session = WebSession(LOGIN)
    net = Scripted({"POST /user/login": said})
    for _ in range(2):
        with pytest.raises(error) as caught:
            run(session.send(net, "GET", "/o/r/actions"))
        assert caught.value.cause == cause  # type: ignore[attr-defined]
        assert LOGIN.password not in str(caught.value)
    assert len(net.asked) == (1 if error is WebAccount else 2), "a refusal is not tried again, other answers are"


@pytest.mark.clause("S21")
@pytest.mark.parametrize("seen, sign_ins", [(0, 1), (1, 2)])
def test_two_flows_that_lost_the_session_sign_in_once(seen: int, sign_ins: int) -> None:
    session, net = WebSession(LOGIN), Scripted({"POST /user/login": to("/", 303, *cookie("s=1", "lang=de-DE"))})
    run(session.sign_in(net, 0))
    run(session.sign_in(net, seen))
    assert net.asked.count("POST /user/login") == sign_ins


@pytest.mark.clause("S21")
@pytest.mark.parametrize(
    "said, signed_in",
    [
        (to("/user/login"), False),
        (to("/sub/user/login"), False),
        (SETTINGS_PAGE, True),
        (page(pages.suspended()), True),
        (to("/user/settings/change_password"), True),
    ],
)
def test_whether_a_session_is_still_there(said: Said, signed_in: bool) -> None:
    session = WebSession(WebCookie("s=1"))
    assert run(session.is_signed_in(Scripted({"GET /user/settings": said}))) is signed_in


@pytest.mark.clause("S7")
def test_the_csrf_token_goes_with_posts() -> None:
    session = WebSession(None)
    lines = {HOME: Said(200, cookie("_csrf=token:1; Path=/", "session=x")), "POST /o": page(), "GET /o": page()}
    net = play(lines, session, HOME, "POST /o", "GET /o")
    tokens = [Headers(headers).get("X-Csrf-Token") for _, headers, _ in net.sent]
    assert tokens == ["", "token:1", ""] and session.has_token


@pytest.mark.clause("C13")
def test_kept_cookies_are_used_and_new_ones_told() -> None:
    told: list[dict[str, str]] = []
    session = WebSession(LOGIN, {"s": "kept"}, lambda cookies: told.append(dict(cookies)))
    net = play({HOME: page(), "POST /user/login": to("/", 303, *cookie("s=new", "lang=de-DE"))}, session, HOME)
    assert cookies_sent(net) == ["s=kept"] and told == []
    run(session.sign_in(net, session.generation))
    assert told == [{"s": "new", "lang": "de-DE"}]


@pytest.mark.clause("S20", "S35")
def test_who_the_account_is() -> None:
    cases: list[tuple[WebSession, str]] = [
        (WebSession(LOGIN), "web account log-reader"),
        (WebSession(WebCookie("session=s3cret")), "web account of the given cookie"),
        (WebSession(None), "anonymous web session"),
    ]
    assert [session.account for session, _ in cases] == [name for _, name in cases]
    shown: Callable[[object], str] = repr
    assert "s3cret" not in shown(WebCookie("session=s3cret")) and "p w" not in shown(LOGIN)
    assert "JBSW" not in shown(WebLogin("u", "p", "JBSWY3DP"))


@pytest.mark.clause("S27")
@pytest.mark.parametrize(
    "location", [f"{BASE}/forge/user/two_factor", "https://elsewhere.example/forge/user/two_factor"]
)
def test_only_the_path_of_a_redirect_counts(location: str) -> None:
    session = WebSession(LOGIN)
    with pytest.raises(WebAccount) as caught:
        lines = {"POST /user/login": to(location), "GET /user/two_factor": CODE_PAGE}
        run(session.send(Scripted(lines), "GET", "/o/r/actions"))
    assert caught.value.cause == "web-two-factor-needed"


# What stands in for an answer: a bot wall, an error page, a sign-in of somebody else's, half a page, nothing.
FOREIGN = {
    "200 page": page("<html><body>Checking your browser</body></html>"),
    "200 form": page('<form action="/user/login" method="post"><input name="user_name"><input name="password"></form>'),
    "200 error": page('<div class="flash-error">no</div>'),
    "200 json": Said(200, (("Content-Type", "application/json"),), b'{"error": "no"}'),
    "200 nothing": Said(200),
    "cut before the form ends": replace(REFUSED, body=REFUSED.body[: REFUSED.body.index(b"</form>")]),
    "cut before the error": replace(REFUSED, body=REFUSED.body[: REFUSED.body.index(b"flash-error")]),
    "the home page": page(pages.page("Forgejo")),
    "401 page": page("<html>sign in</html>", 401),
    "403 page": page("<html>denied</html>", 403),
    "403 text": text(403, "Forbidden"),
    "302 elsewhere": to("https://sso.example/start?rd=%2Fuser%2Flogin", 302),
    "303 elsewhere": to("https://sso.example/start"),
    "303 home": to("/"),
    "500 page": page("<html>oops</html>", 500),
    "503 page": page("<html>maintenance</html>", 503),
    "429 page": page("<html>slow down</html>", 429),
}
WITH_A_CODE = WebLogin("log-reader", "p", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
TO_CODE = to("/user/two_factor")
MOMENTS: dict[str, tuple[WebCredentials, Callable[[Said], Lines]]] = {
    "password": (LOGIN, lambda said: {"POST /user/login": said, "GET /user/settings": said, "GET /user/login": said}),
    "sign-in page after a 403": (LOGIN, lambda said: {"POST /user/login": text(403, "no"), "GET /user/login": said}),
    "code": (
        WITH_A_CODE,
        lambda said: {"POST /user/login": TO_CODE, "POST /user/two_factor": said, "GET /user/settings": said},
    ),
    "code page": (LOGIN, lambda said: {"POST /user/login": TO_CODE, "GET /user/two_factor": said}),
    "cookie": (WebCookie("s=1"), lambda said: {"GET /user/login": said, "GET /user/settings": said}),
}


@pytest.mark.clause("S45")
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("said", FOREIGN.values(), ids=FOREIGN)
def test_an_answer_that_is_not_forgejos_is_no_refusal(moment: str, said: Said) -> None:
    credentials, lines = MOMENTS[moment]
    session, net = WebSession(credentials, backs_off=True), Scripted(lines(said))
    error = PageChanged if said.status not in (429, 503) or moment == "sign-in page after a 403" else NotNow
    with pytest.raises(error) as caught:
        run(session.sign_in(net, session.generation))
    assert caught.value.retry_after == 5, "seconds, not the minutes of a refusal"  # type: ignore[attr-defined]
    net.lines = {"POST /user/login": SIGNED_IN, "GET /user/login": SIGNED_IN}
    net.at += 5
    run(session.sign_in(net, session.generation))
    assert session.generation


@pytest.mark.clause("S51")
@pytest.mark.parametrize("said", FOREIGN.values(), ids=FOREIGN)
def test_an_answer_that_is_not_forgejos_is_no_lost_session(said: Said) -> None:
    with pytest.raises((PageChanged, NotNow)):
        run(WebSession(WebCookie("s=1")).is_signed_in(Scripted({"GET /user/settings": said})))


@pytest.mark.clause("S20", "S24", "S25")
@pytest.mark.parametrize(
    "moment, said, cause",
    [
        ("password", REFUSED, "web-sign-in-refused"),
        ("password", page(pages.sign_in("/sub", True, "\u540d\u524d")), "web-sign-in-refused"),
        ("password", page(pages.sign_in("", True, "no", captcha=True)), "web-captcha-needed"),
        ("sign-in page after a 403", SIGN_IN_IS_OFF, "web-sign-in-disabled"),
        ("code", CODE_REFUSED, "web-two-factor-refused"),
        ("code page", CODE_PAGE, "web-two-factor-needed"),
        ("cookie", SIGN_IN_PAGE, "web-sign-in-refused"),
        ("cookie", page(pages.suspended()), "web-account-inactive"),
    ],
)
def test_forgejos_own_no_is_one(moment: str, said: Said, cause: str) -> None:
    credentials, lines = MOMENTS[moment]
    with pytest.raises(WebAccount) as caught:
        run(WebSession(credentials).sign_in(Scripted(lines(said)), 1 if moment == "cookie" else 0))
    assert caught.value.cause == cause
