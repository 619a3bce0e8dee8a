"""A balancer that sends each request to another node, also those of one connection: blinder than any real one.

It knows just enough of HTTP/1.1 for that: heads, bodies by their length or in chunks, and that a client may go away. As AWS's own do, it
says at which port the client came. Standard library only.
"""

import asyncio
import itertools
import threading

HEAD_BYTES_MAX = 64 << 10
READ_BYTES = 64 << 10


class Closed(Exception):
    """The other end has gone."""


async def read_head(reader):
    """The lines of a head, without the empty one; the first is the request's or the status's."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Closed from error
    return head[:-4].split(b"\r\n")


def value_of(lines, name):
    for line in lines[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().lower()
    return None


async def read_body(reader, lines):
    """A body with what tells where it ends, as it came."""
    try:
        if value_of(lines, b"transfer-encoding") == b"chunked":
            parts = []
            while True:
                size = await reader.readuntil(b"\r\n")
                parts.append(size)
                if int(size.split(b";")[0], 16) == 0:
                    # No one sends trailers here.
                    parts.append(await reader.readuntil(b"\r\n"))
                    return b"".join(parts)
                parts.append(await reader.readexactly(int(size.split(b";")[0], 16) + 2))
        length = int(value_of(lines, b"content-length") or 0)
        return await reader.readexactly(length) if length else b""
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise Closed from error


class Balancer:
    """Listens at a free port of this machine, in a thread of its own; `url` is where."""

    def __init__(self, nodes):
        """`nodes` are (host, port)."""
        self.nodes = itertools.cycle(nodes)
        self.idle = {node: [] for node in nodes}
        self.counts = dict.fromkeys(nodes, 0)
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()

        async def serve():
            self.server = await asyncio.start_server(self.client, "127.0.0.1", 0, limit=HEAD_BYTES_MAX, backlog=1024)
            self.port = self.server.sockets[0].getsockname()[1]
            self.url = f"http://127.0.0.1:{self.port}"
            ready.set()

        def run():
            self.loop.run_until_complete(serve())
            self.loop.run_forever()

        threading.Thread(target=run, daemon=True).start()
        ready.wait()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)

    async def client(self, reader, writer):
        self.notice_end(reader)
        try:
            while True:
                lines = await read_head(reader)
                if value_of(lines, b"expect") == b"100-continue":
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    lines = [line for line in lines if not line.lower().startswith(b"expect:")]
                body = await read_body(reader, lines)
                # Else there is another one before it, which knows better.
                if value_of(lines, b"x-forwarded-proto") is None:
                    lines += [b"X-Forwarded-Proto: http", b"X-Forwarded-Port: %d" % self.port]
                answer, last = await self.exchange(lines, body, reader)
                writer.write(answer)
                await writer.drain()
                if last or value_of(lines, b"connection") == b"close":
                    return
        except (Closed, ConnectionError):
            pass
        finally:
            writer.close()

    async def exchange(self, lines, body, client):
        """Has the next node answer; whether that was the last answer of the client's connection."""
        node = next(self.nodes)
        self.counts[node] += 1
        while True:
            kept = bool(self.idle[node])
            upstream = self.idle[node].pop() if kept else await asyncio.open_connection(*node, limit=HEAD_BYTES_MAX)
            asking = asyncio.ensure_future(self.ask(upstream, lines, body))
            leaving = asyncio.ensure_future(client.ended.wait())
            try:
                await asyncio.wait([asking, leaving], return_when=asyncio.FIRST_COMPLETED)
                if not asking.done():
                    raise Closed
                answer, again, last = asking.result()
            except Closed:
                upstream[1].close()
                # A kept connection may have ended before anything was sent over it.
                if kept and asking.done():
                    continue
                raise
            finally:
                asking.cancel()
                leaving.cancel()
            if again:
                self.idle[node].append(upstream)
            else:
                upstream[1].close()
            return answer, last

    def notice_end(self, reader):
        """Has `reader.ended` set when the client goes; one that only sends its next request early stays."""
        reader.ended = asyncio.Event()
        feed_eof, set_exception = reader.feed_eof, reader.set_exception

        def at_end():
            feed_eof()
            reader.ended.set()

        def at_error(error):
            set_exception(error)
            reader.ended.set()

        reader.feed_eof, reader.set_exception = at_end, at_error

    async def ask(self, upstream, lines, body):
        reader, writer = upstream
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        try:
            await writer.drain()
        except ConnectionError as error:
            raise Closed from error
        head = await read_head(reader)
        while head[0].split(b" ")[1] == b"100":
            head = await read_head(reader)
        rest = b"" if lines[0].startswith(b"HEAD ") else await read_body(reader, head)
        last = value_of(head, b"connection") == b"close"
        return b"\r\n".join(head) + b"\r\n\r\n" + rest, not last, last
