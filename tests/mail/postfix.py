"""
Postfix: a real mail server of one's own, with what it keeps in one folder.

Debian's program, our configuration: it listens on two free ports of 127.0.0.1, one that refuses
unknown mailboxes at once and one that takes them and tells the sender later, and delivers to
Maildirs below the folder. Nothing leaves the machine: no name is looked up, no other host called.

    with Postfix(folder) as mail:
        await mail.ready()
        ...
        [wire] = await mail.delivered("sora@example.com")

Needs root, as Postfix changes its user; the folder must be one that everybody may enter.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

from doubles.authority import issue

PROGRAM = "/usr/sbin/postfix"
DOMAINS = ("example.com", "shop.example", "bounce.shop.example")
MAILBOXES = ("sora@example.com", "hello@shop.example", "bounce@bounce.shop.example")
START_S = 30
WAIT_S = 20
STEP_S = 0.05

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = /dev/stdout
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
recipient_delimiter = +
virtual_mailbox_domains = {domains}
virtual_mailbox_maps = texthash:{folder}/mailboxes
virtual_mailbox_base = {folder}/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
default_transport = error:nothing leaves this machine
smtpd_tls_security_level = may
smtpd_tls_cert_file = {folder}/ca.pem
smtpd_tls_key_file = {folder}/key.pem
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
disable_dns_lookups = yes
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{lenient_port} inet n - n - - smtpd -o smtpd_reject_unlisted_recipient=no
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def why_not() -> str:
    """Say why Postfix cannot run here; empty: it can."""
    if not Path(PROGRAM).exists():
        return "Postfix is not installed: apt-get install --no-install-recommends postfix"
    return "" if os.geteuid() == 0 else "Postfix changes its user, so it needs root"


class Postfix:
    """See the module's text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = "127.0.0.1"
        self.port, self.lenient_port = _free_ports()
        self.ca_file = issue(folder).ca_file  # and key.pem beside it
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Write the configuration and start; ready when both ports answer."""
        owner = pwd.getpwnam("postfix")
        values = {
            "folder": self.folder, "domains": " ".join(DOMAINS), "uid": owner.pw_uid,
            "gid": owner.pw_gid, "port": self.port, "lenient_port": self.lenient_port,
        }  # fmt: skip
        (self.folder / "main.cf").write_text(MAIN.format(**values))
        (self.folder / "master.cf").write_text(MASTER.format(**values))
        places = (f"{box} {box.replace('@', '.at.')}/\n" for box in MAILBOXES)
        (self.folder / "mailboxes").write_text("".join(places))
        for name in ("queue", "data", "mail"):
            (self.folder / name).mkdir()
        for name in ("data", "mail"):
            shutil.chown(self.folder / name, "postfix", "postfix")
        with (self.folder / "log").open("w") as log:
            self._process = subprocess.Popen(  # noqa: S603 - Debian's program, our folder
                [PROGRAM, "-c", str(self.folder), "start-fg"], stdout=log, stderr=log, text=True
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        assert self._process is not None
        stop = [PROGRAM, "-c", str(self.folder), "stop"]
        subprocess.run(stop, check=False, capture_output=True)  # noqa: S603 - as above
        self._process.wait(timeout=START_S)

    async def ready(self) -> None:
        """Wait until both ports answer."""
        async with asyncio.timeout(START_S):
            for port in (self.port, self.lenient_port):
                while not await _answers(self.host, port):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(STEP_S)

    async def delivered(self, mailbox: str, count: int = 1) -> list[bytes]:
        """Wait for so many messages in a mailbox, take them out, and give what stands in them."""
        new = self.folder / "mail" / mailbox.replace("@", ".at.") / "new"
        async with asyncio.timeout(WAIT_S):
            while _count(new) < count:  # noqa: ASYNC110 - another process
                await asyncio.sleep(STEP_S)
        return [_taken(each) for each in sorted(new.iterdir())]

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        names = ("maildrop", "incoming", "active", "deferred")
        queue = self.folder / "queue"
        async with asyncio.timeout(WAIT_S):
            while any(map(_holds_files, (queue / name for name in names))):  # noqa: ASYNC110 - as above
                await asyncio.sleep(STEP_S)


def _count(folder: Path) -> int:
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def _holds_files(folder: Path) -> bool:
    return any(each.is_file() for each in folder.rglob("*"))


def _taken(file: Path) -> bytes:
    wire = file.read_bytes()
    file.unlink()
    return wire


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


async def _answers(host: str, port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    greeting = await reader.readline()
    writer.write(b"QUIT\r\n")
    writer.close()
    return greeting.startswith(b"220")
