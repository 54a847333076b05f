"""
Mail sink: an SMTP server that takes everything and keeps nothing.

As little as a client needs to hear: one reply a line, and one after a line with a dot. Run as a
process of its own, on the other core; prints ``listening on 127.0.0.1:PORT``.
"""

import asyncio

REPLIES = {
    b"EHLO": b"250-sink.example\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}
END = b"\r\n.\r\n"


class Conversation(asyncio.Protocol):
    """One client."""

    def __init__(self) -> None:
        self.rest = b""
        self.takes_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self.transport = transport
        self.write(b"220 sink.example\r\n")

    def write(self, reply: bytes) -> None:
        """Answer."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.write(reply)

    def data_received(self, data: bytes) -> None:
        """Take lines, or a message."""
        self.rest += data
        while self.took():
            pass

    def took(self) -> bool:
        """Take one line, or the rest of a message, if it is all there."""
        end = END if self.takes_data else b"\r\n"
        line, found, rest = self.rest.partition(end)
        if not found:
            return False
        self.rest = rest
        self.write(b"250 OK\r\n" if self.takes_data else REPLIES.get(line[:4], b"250 OK\r\n"))
        self.takes_data = not self.takes_data and line == b"DATA"
        return True


async def main() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Conversation, "127.0.0.1", 0)
    print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201 - its one answer
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
