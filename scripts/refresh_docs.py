"""Keeps README.md and docs/ true: what the program prints is printed by the program.

A page says what it wants between two comments, and the text between them is written by this script:

    <!-- run: wayfare overview -->          the command and what it prints, in a console block
    <!-- run at 100: wayfare overview -->   the same in a terminal of 100 columns
    <!-- help: wayfare funnel -->           a command's help, without the options that all commands have
    <!-- help in full: wayfare -->          a command's help
    <!-- file: docs/examples/tickets.toml -->
    <!-- end -->

With --check nothing is written: texts that differ are an error, and so is a line `$ command` in a console block that
fails. Commands run in a copy of `data/` and `docs/examples/`, with `wayfare` on the PATH and the sample in the store
`demo-store`, which WAYFARE_STORE names. Only the standard library is used.
"""

import argparse
import difflib
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

ROOT = Path(__file__).resolve().parent.parent
MARKED = re.compile(
    r"^<!-- (run|run at (\d+)|help|help in full|file): (.+?) -->\n.*?^<!-- end -->$", re.MULTILINE | re.DOTALL
)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# sections of a help text that every command has
COMMON = ("Store:", "Output:", "Resources:")
# these build the program and take minutes; they are run by people and by CI itself
NOT_HERE = re.compile(r"(git clone|cd wayfare|cargo|\./scripts/)\b")


class Sandbox:
    """A folder with the sample and the examples, and an environment without anything of the user's."""

    def __init__(self, folder, binary):
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "bin" / "wayfare").symlink_to(binary)
        shutil.copytree(ROOT / "data", folder / "data")
        shutil.copytree(ROOT / "docs" / "examples", folder / "docs" / "examples")
        self.environment = {
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "TERM": "xterm",
            "WAYFARE_STORE": "demo-store",
        }
        self.output("wayfare ingest --quiet data/sample.ndjson.gz")

    def start(self, command, stdout, stderr):
        shell = ["bash", "-euo", "pipefail", "-c", command]
        return subprocess.Popen(
            shell, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )

    def output(self, command, width=None):
        """What a command prints on stdout, into a pipe or on a terminal of `width` columns."""
        reader, writer = os.pipe() if width is None else pty.openpty()
        if width is not None:
            ioctl(writer, TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
        with tempfile.TemporaryFile() as complaints:
            child = self.start(command, writer, complaints)
            os.close(writer)
            printed = read_all(reader)
            child.wait()
            complaints.seek(0)
            complaint = complaints.read()
        if child.returncode != 0:
            raise SystemExit(f"error: `{command}` ended with code {child.returncode}\n{complaint.decode()}")
        return printed.decode().replace("\r\n", "\n")

def read_all(reader):
    printed = b""
    while True:
        try:
            piece = os.read(reader, 65536)
        except OSError:
            # how a terminal says that nobody writes to it any more
            piece = b""
        if not piece:
            os.close(reader)
            return printed
        printed += piece


def marked(sandbox, match):
    """A marked part as it ought to be."""
    kind, width, what = match.group(1).split()[0], match.group(2), match.group(3)
    if kind == "file":
        path = ROOT / what
        language = {".rs": "rust", ".toml": "toml", ".csv": "text"}.get(path.suffix, "text")
        body = f"```{language}\n{path.read_text().rstrip()}\n```"
    elif kind == "help":
        text = sandbox.output(f"{what} --help")
        text = text if " in full" in match.group(1) else own_help(text)
        body = "```text\n" + "\n".join(line.rstrip() for line in text.rstrip().splitlines()) + "\n```"
    else:
        printed = sandbox.output(what, int(width) if width else None)
        # a place in a log holds when the store was made
        printed = re.sub(r"--after [0-9a-f][0-9a-f.]+", "--after …", printed)
        body = "```console\n" + f"$ {what}\n{printed}".rstrip() + "\n```"
    first = match.group(0).splitlines()[0]
    return f"{first}\n{body}\n<!-- end -->"


def own_help(text):
    """A help text without the sections that stand once for all commands."""
    kept, keep = [], True
    for line in text.rstrip().splitlines():
        if line and not line.startswith(" "):
            keep = not line.startswith(COMMON)
        if keep:
            kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def commands(block):
    """The commands of a console block: what stands behind `$ `, with the lines behind `> ` that go on."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif line.startswith("> ") and found:
            found[-1] += "\n" + line[2:]
    return found


def run_blocks(sandbox, page, text):
    """Runs what a page tells its reader to type, one shell a page, and gives what failed."""
    typed = [command for block in CONSOLE.findall(MARKED.sub("", text)) for command in commands(block)]
    typed = [command for command in typed if not NOT_HERE.match(command)]
    if not typed:
        return []
    script = "\n".join(f"echo {quoted(f'$ {command}')} >&2\n{command}" for command in typed)
    child = sandbox.start(script, subprocess.DEVNULL, subprocess.PIPE)
    _, complaint = child.communicate()
    if child.returncode == 0:
        return []
    last = "\n".join(complaint.decode().splitlines()[-12:])
    return [f"{page}: a console block ended with code {child.returncode}\n{last}"]


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def main():
    parser = argparse.ArgumentParser(description="Writes or checks the generated parts of the documentation.")
    parser.add_argument("--binary", type=Path, required=True, help="the wayfare to ask")
    parser.add_argument("--check", action="store_true", help="compare, and run the console blocks")
    arguments = parser.parse_args()
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(Path(folder), arguments.binary.resolve())
        for path in pages:
            page, text = path.relative_to(ROOT), path.read_text()
            fresh = MARKED.sub(lambda match: marked(sandbox, match), text)
            if fresh != text and arguments.check:
                lines = difflib.unified_diff(
                    text.splitlines(), fresh.splitlines(), f"{page}", f"{page} as it ought to be", lineterm=""
                )
                wrong.append("\n".join(lines))
            elif fresh != text:
                path.write_text(fresh)
                print(f"wrote {page}")
            if arguments.check:
                wrong.extend(run_blocks(sandbox, page, text))
    for complaint in wrong:
        print(f"error: {complaint}\n", file=sys.stderr)
    if wrong:
        sys.exit("hint: scripts/refresh-docs writes the generated parts anew")


if __name__ == "__main__":
    main()
