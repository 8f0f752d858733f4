"""The pages' HTML: only what a client could look for, in the shape of Forgejo's templates."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from .entities import Run
from .faces import Face

_PAGE = '<!DOCTYPE html>\n<html lang="en-US">\n<head><title>{title}</title></head>\n<body>\n{body}\n</body>\n</html>\n'
SHORTEST = 7000
"""Bytes of a page; Forgejo's shortest one that was recorded had about as many, so pages go in chunks."""


def page(title: str, body: str = "") -> str:
    return _PAGE.format(title=html.escape(title), body=body).ljust(SHORTEST)


_ERROR = (
    '<div id="flash-message" class="ui negative message flash-message flash-error" hx-swap-oob="true"><p>{}</p></div>'
)
_NO_ERROR = '<div id="flash-message" hx-swap-oob="true"></div>'


def _signing_in(title: str, body: str, error: str) -> str:
    """templates/user/auth/signin.tmpl and templates/base/alert.tmpl"""
    shown = _ERROR.format(error) if error else _NO_ERROR
    return page(title, f'<div role="main" class="page-content user signin">{shown}{body}</div>')


def sign_in(sub_path: str, with_form: bool, error: str = "", captcha: bool = False) -> str:
    """templates/user/auth/signin_inner.tmpl and captcha.tmpl"""
    field = '<input id="captcha" name="img-captcha-response" autocomplete="off">' if captcha else ""
    form = (
        f'<form class="ui form" action="{sub_path}/user/login" method="post">'
        '<input id="user_name" type="text" name="user_name" required>'
        '<input id="password" name="password" type="password" required>'
        f'<input name="remember" type="checkbox">{field}<button class="ui primary button">Sign in</button></form>'
    )
    return _signing_in("Sign in", form if with_form else "", error)


def suspended() -> str:
    """templates/user/auth/prohibit_login.tmpl; the page of an account that is to be activated has the same class."""
    return page("Account is suspended", '<div role="main" class="page-content user activate"></div>')


def second_factor(sub_path: str, error: str = "") -> str:
    """templates/user/auth/twofa.tmpl"""
    field = '<input id="passcode" name="passcode" type="text" required>'
    form = f'<form class="ui form" action="{sub_path}/user/two_factor" method="post">{field}</form>'
    return _signing_in("Two-factor authentication", form, error)


def settings() -> str:
    """templates/user/settings/layout_head.tmpl"""
    return page("Settings", '<div role="main" class="page-content user settings profile"></div>')


def enrolment(secret: str) -> str:
    """templates/user/settings/security/twofa_enroll.tmpl"""
    form = '<form class="ui form" method="post"><input id="passcode" name="passcode" required></form>'
    image = f'<img src="data:image/png;base64,AAAA" alt="{secret}">'
    return page("Enroll in two-factor authentication", f"{image}\n<p>Or enter the secret: {secret}</p>\n{form}")


def run_view(face: Face, run: Run, numbers: dict[str, int], state: Any, sub_path: str) -> str:
    """templates/repo/actions/view.tmpl; from 13 with the state and the artifacts in attributes."""
    shown: dict[str, str | int] = {"data-run-index": numbers["run"], "data-job-index": numbers["job"]}
    shown["data-actions-url"] = f"{sub_path}/{run.repo.full_name}/actions"
    shown["data-workflow-name"] = run.workflow
    if face.attempt_in_view:
        shown["data-run-id"] = run.id
        shown["data-attempt-number"] = numbers["attempt"]
        shown["data-initial-post-response"] = json.dumps(state)
        shown["data-initial-artifacts-response"] = '{"artifacts":[]}'
    attributes = "".join(f'\n\t\t{name}="{html.escape(str(value))}"' for name, value in shown.items())
    return page(run.title, f'<div id="repo-action-view"{attributes}\n>\n</div>')


def run_list(
    face: Face,
    link: str,
    workflows: dict[str, bool],
    runs: Sequence[Run],
    current: int,
    pages: int,
    params: dict[str, str],
) -> str:
    """templates/repo/actions/list_inner.tmpl, runs_list.tmpl and templates/base/paginate.tmpl"""
    items = []
    for run in runs:
        href = f"{link}/runs/{run.number}"
        title = html.escape(run.title or "(empty commit message)")
        anchor = face.title_anchor.format(title=title, href=href)
        items.append(
            f'<div class="flex-item tw-items-center">\n<div class="flex-item-main">\n{anchor}\n'
            f'<div class="flex-item-body"><b>{html.escape(run.workflow)} #{run.number}</b> -\n'
            f'<a href="{link.removesuffix("/actions")}/commit/{run.sha}">{run.sha[:10]}</a></div>\n</div>\n</div>'
        )
    body = "\n".join(items) or '<div class="empty-placeholder"><h2>The workflow has no runs yet.</h2></div>'
    shown = f'<div class="flex-list run-list">\n{body}\n</div>\n{_pager(link, current, pages, params)}'
    menu = _menu(face, workflows, params.get("workflow", "")) if workflows or runs else ""
    return page("Actions", f'<div class="page-content repository actions">\n{menu}{shown}\n</div>')


def _menu(face: Face, workflows: dict[str, bool], current: str) -> str:
    """The workflows of the default branch, and whether they are switched on (list_inner.tmpl; list.tmpl in 11)."""
    rest = "actor=0&status=0"
    items = [f'<a class="item{"" if current else " active"}" href="?{rest}">All workflows</a>']
    for file, is_on in workflows.items():
        shown = html.escape(file)
        name = f'<span class="content" data-tooltip-content="{shown}">{shown}</span>' if face.menu_content else shown
        off = "" if is_on else '<div class="ui red label">Disabled</div>'
        active = " active" if file == current else ""
        items.append(f'<a class="item{active}" href="?workflow={quote(file, safe="")}&{rest}">\n{name}\n{off}\n</a>')
    kind = " actions-menu" if face.menu_content else ""
    return f'<div class="ui fluid vertical menu{kind}">\n{"".join(items)}\n</div>\n'


def _pager(link: str, current: int, pages: int, params: dict[str, str]) -> str:
    if pages <= 1:
        return ""
    extra = "".join(f"&amp;{name}={quote(value)}" for name, value in params.items())

    def item(label: str, number: int, off: bool) -> str:
        href = "" if off else f' href="{link}?page={number}{extra}"'
        return f'<a class="{"disabled " if off else ""}item navigation"{href}>{label}</a>'

    items = [item("First", 1, current <= 1), item("Previous", current - 1, current <= 1)]
    items += [item("Next", current + 1, current >= pages), item("Last", pages, current >= pages)]
    return f'<div class="center page buttons">{"".join(items)}</div>'
