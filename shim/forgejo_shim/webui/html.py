"""The HTML pages of the web UI: what each is recognised by, and what is read from it.

Rules: pure. A page is Forgejo's own only if it carries the marks of its template; whatever lacks them (a bot wall, an
error page of something in front, half a page) is none, so that nothing is concluded from what it does not hold. Marks
are element names, classes, ids and field names, the same in templates/ of 11.0.15 to 16; texts follow the account's
language and are never matched.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from html import unescape

from ..errors import PageChanged
from ..router import first_values


class SignIn(Enum):
    """What a page says of a sign-in."""

    REFUSED = auto()  # the form came back with an error: name or password are wrong
    CAPTCHA = auto()  # the form came back with an error, and has a CAPTCHA that is checked before the password
    FORM = auto()  # the form, without an error
    OFF = auto()  # the page without a form: sign-in by password is switched off
    CODE_REFUSED = auto()  # the form for a two-factor code came back with an error
    CODE = auto()  # the same without an error
    SUSPENDED = auto()  # the account is suspended, or has not been activated
    FOREIGN = auto()  # none of Forgejo's pages


def classify_sign_in(body: bytes) -> SignIn:
    """What a page says that was given in place of a redirect (user/auth/signin_inner, twofa, captcha, prohibit_login
    and activate.tmpl; the error is that of base/alert.tmpl)."""
    text = _text(body)
    if is_suspended(body):
        return SignIn.SUSPENDED
    if not _has_class(text, "page-content", "user", "signin"):
        return SignIn.FOREIGN
    failed = _has_class(text, "flash-error")
    if _form(text, "/user/two_factor", "passcode"):
        return SignIn.CODE_REFUSED if failed else SignIn.CODE
    form = _form(text, "/user/login", "user_name", "password")
    if not form:
        return SignIn.OFF if _is_whole(text) and 'name="password"' not in text else SignIn.FOREIGN
    if not failed:
        return SignIn.FORM
    return SignIn.CAPTCHA if re.search(r'\sid="captcha"', form) else SignIn.REFUSED


def is_suspended(body: bytes) -> bool:
    """Whether it is the page that an account gets which is suspended or not activated (activate.tmpl and
    prohibit_login.tmpl in user/auth)."""
    return _has_class(_text(body), "page-content", "user", "activate")


def is_settings(body: bytes) -> bool:
    """Whether it is a page of the account's own settings (user/settings/layout_head.tmpl)."""
    return _has_class(_text(body), "page-content", "user", "settings")


def parse_run_list(body: bytes, actions: str, what: str) -> list[tuple[int, str]]:
    """Run numbers and titles in the list of runs, newest first; `actions` is the path of the repository's Actions.

    Raises PageChanged, naming what was missing: a list is one only if the whole page is there, each of its rows was
    read, and one without rows says itself that it is empty (repo/actions/list, runs_list and no_workflows.tmpl).
    """
    text = _actions_page(body, what)
    pattern = r'href="[^"]*' + re.escape(actions) + r'/runs/(\d{1,18})"[^>]*>(.*?)</a>'
    found: dict[int, str] = {}
    for number, title in re.findall(pattern, text, re.IGNORECASE | re.DOTALL):
        found.setdefault(int(number), unescape(re.sub(r"<[^>]*>", "", title)).strip())
    rows = len(re.findall(r'<(?:a|div) class="flex-item-title"', text))  # up to 15 an anchor, in 16 a div around it
    if rows != len(found):
        raise _not_understood(what, f"it has {rows} rows, of which {len(found)} name a run")
    if not found and not _has_class(text, "empty-placeholder"):
        raise _not_understood(what, "it has no row, and does not say that there is none")
    return list(found.items())


def parse_switches(body: bytes, what: str) -> dict[str, bool]:
    """Whether each workflow file of the default branch is switched on, by the menu beside the list of runs.

    Raises PageChanged: a menu is one only if all that is in it was read, and a page without one says itself that it is
    empty (repo/actions/list_inner and no_workflows.tmpl; list.tmpl in 11).
    """
    text = _actions_page(body, what)
    menu = re.search(r'<div class="ui fluid vertical menu(?: actions-menu)?">', text)
    if not menu:
        if _has_class(text, "empty-placeholder"):
            return {}
        raise _not_understood(what, "it has no menu of workflows")
    found, at = {}, menu.end()
    item = re.compile(r'\s*<a class="item(?: active)?" href="\?([^"]*)">(.*?)</a>', re.DOTALL)
    while one := item.match(text, at):
        if file := first_values(unescape(one[1])).get("workflow"):
            found[file] = not _has_class(one[2], "ui", "red", "label")
        at = one.end()
    if not re.compile(r"\s*</div>").match(text, at):
        raise _not_understood(what, "its menu of workflows has something in it that is none")
    return found


def _actions_page(body: bytes, what: str) -> str:
    """The text of a whole page of a repository's Actions. Raises PageChanged."""
    text = _text(body)
    if not _has_class(text, "page-content", "repository", "actions"):
        raise _not_understood(what, "the answer is no page of Actions")
    if not _is_whole(text):
        raise _not_understood(what, "the end of the page is missing")
    return text


def _not_understood(what: str, reason: str) -> PageChanged:
    return PageChanged(
        f"{what} was not understood: {reason}; try again, and if it stays so report the server's version"
    )


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _is_whole(text: str) -> bool:
    """Whether a page's end is there (base/footer.tmpl)."""
    return text.rstrip().endswith("</html>")


def _has_class(text: str, *names: str) -> bool:
    """Whether an element has these classes, side by side and in this order."""
    return re.search(rf'<[a-z][^<>]*\sclass="(?:[^"]*\s)?{" ".join(map(re.escape, names))}[\s"]', text) is not None


def _form(text: str, action: str, *fields: str) -> str:
    """The form that is sent to `action` and has these fields, as far as its end; "" if there is none."""
    for form in re.findall(rf'<form\s[^>]*action="[^"]*{re.escape(action)}"[^>]*>.*?</form>', text, re.DOTALL):
        if all(f'name="{field}"' in form for field in fields):
            return str(form)
    return ""
