"""The command at a terminal and in a pipe: what is shown where, and how it ends when the other side does.

Rules: what click's runner cannot show – bytes on a pipe, a terminal, a reader that goes away – runs as a process.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from command import Place
from forgejo_shim.cli.log_terminal import shown_line
from forgejo_shim.inert import safe_text
from forgejo_shim.log_lines import Line, lines
from small import LOG


@pytest.mark.clause("C9")
def test_progress_is_for_a_terminals_stderr_only(web: Place, tmp_path: Path) -> None:
    job = web.small.add().jobs[0]
    web.small.double.faults.slow("/logs", piece=60_000, delay=0.05)
    words = ["logs", "o/r", job.id, "-o", tmp_path / "x.log"]
    process = web.process(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.communicate() == (b"", b"") and process.returncode == 0
    process, shown = on_terminal(web, words, "stderr")
    assert process.communicate()[0] == b"" and b"kB" in shown


def on_terminal(place: Place, words: list[object], stream: str) -> tuple[subprocess.Popen[bytes], bytes]:
    """The command with a terminal as that stream, and what it showed there."""
    controller, terminal = pty.openpty()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: terminal}
    place.environment["TERM"] = "xterm"
    process = place.process(*words, **pipes)
    os.close(terminal)
    shown = b""
    while True:
        try:
            data = os.read(controller, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        shown += data
    os.close(controller)
    process.wait()
    return process, shown


EVIL = (
    b"2026-01-02T03:04:05.0000000Z "
    + b"\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J \x9b31m \xc2\x9b2J \x00 \x08 \x7f ok\rno\r\n"
    + "\u202eturned \u2066 \u200b 👩\u200d💻 é 漢".encode()
    + b" \x1b[8mhidden\x1b[38;5;8mgrey\x1b[1;38;2;1;2;3mrgb\x1b[0;8mx\xff\n"
)
STAMP = "2026-01-02T03:04:05.0000000Z"
SHOWN = (
    f"{STAMP} \x1b[31mred\x1b[0m ␛]0;title␇ ␛[2J �31m <U+009B>2J ␀ ␈ ␡ ok␍no\n"
    "<U+202E>turned <U+2066> <U+200B> 👩\u200d💻 é 漢 ␛[8mhidden\x1b[38;5;8mgrey\x1b[1;38;2;1;2;3mrgb␛[0;8mx�\n"
)


@pytest.mark.clause("C10")
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_what_acts_on_a_terminal_is_shown_instead(size: int) -> None:
    chunks = [EVIL[at : at + size] for at in range(0, len(EVIL), size)]
    assert "".join(f"{shown(line)}\n" for line in lines(chunks)) == SHOWN.replace(f"{STAMP} ", "")


def shown(line: Line) -> str | None:
    return shown_line(line.text.removesuffix(b"\r").decode("utf-8", "replace"), has_colours=True)


@pytest.mark.clause("C10")
def test_no_control_character_but_colour_gets_through() -> None:
    for code in (*range(0x250), *range(0x2000, 0x2100), 0xFEFF, 0xE0041):
        for text in (chr(code), f"\x1b{chr(code)}", f"\x1b[{chr(code)}", f"\x1b[31{chr(code)}"):
            shown = safe_text(text)
            assert shown in (text, "\x1b[31m", "\x1b[m") or "\x1b" not in shown
            assert not re.search(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", shown)


@pytest.mark.clause("C10")
def test_a_pipe_gets_bytes_and_a_terminal_text(web: Place) -> None:
    job = web.small.add({"build": EVIL + LOG}).jobs[0]
    process = web.process("logs", "o/r", job.id, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.communicate() == (EVIL + LOG, b"")
    _, seen = on_terminal(web, ["logs", "o/r", job.id, "--timestamps"], "stdout")
    assert seen.decode().replace("\r\n", "\n") == SHOWN + LOG.decode() + "\x1b[0m"
    _, seen = on_terminal(web, ["logs", "o/r", job.id], "stdout")
    short = re.sub(r"(?m)^2026-01-02T(..:..:..)\S+", r"\1", SHOWN + LOG.decode())
    assert seen.decode().replace("\r\n", "\n") == short + "\x1b[0m"


@pytest.mark.clause("C10")
def test_a_reader_that_goes_away_has_what_it_wanted(web: Place) -> None:
    job = web.small.add({"build": LOG * 10}).jobs[0]
    process = web.process("logs", "o/r", job.id, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    assert process.stdout.read(10) == LOG[:10]
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 0
    process.stderr.close()


@pytest.mark.clause("C10")
def test_a_log_that_breaks_off_on_a_pipe_is_an_error(web: Place) -> None:
    job = web.small.add().jobs[0]
    web.small.cut(300_000)
    process = web.process("logs", "o/r", job.id, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, told = process.communicate()
    assert LOG.startswith(out) and process.returncode == 8 and b"broke off" in told


@pytest.mark.clause("C10")
@pytest.mark.parametrize("line", ['"$@" > /dev/full', '"$@" >&-'])
def test_an_output_that_takes_nothing_is_an_error(web: Place, line: str) -> None:
    job = web.small.add().jobs[0]
    verbs = (["runs", "o/r"], ["jobs", "o/r"], ["detect", "o/r"], ["--help"], ["--version"], ["spec", "rules"])
    for words in (["logs", "o/r", job.id], *verbs):
        ended = web.shell(line, *words)
        assert ended.returncode == 1 and ended.stdout == b""
        assert ended.stderr.startswith(b"forgejo-shim: stdout ") and ended.stderr.count(b"\n") == 1
        assert b"cannot be written (No space left on device); free some space" in ended.stderr or "&-" in line


@pytest.mark.clause("C10")
def test_from_a_closed_stdin_nothing_comes(web: Place) -> None:
    for words, code, said in (
        (["why", "--file", "-"], 3, b"no error was found in standard input (0 bytes)"),
        (["login", web.small.url, "--token-stdin"], 2, b"the token is missing on stdin"),
        (["login", web.small.url], 2, b"stdin is no terminal"),
        (["mcp"], 0, b""),
    ):
        ended = web.shell('"$@" <&-', *words)
        assert (ended.returncode, ended.stdout) == (code, b"") and said in ended.stderr
        assert ended.stderr.count(b"\n") == (code > 0)


@pytest.mark.clause("C10")
def test_what_the_encoding_lacks_is_shown(web: Place) -> None:
    web.small.add(title="漢字")
    ended = web.shell('"$@"', "runs", "o/r", PYTHONIOENCODING="latin-1")
    assert (ended.returncode, ended.stderr) == (0, b"") and b"\\u6f22\\u5b57" in ended.stdout
