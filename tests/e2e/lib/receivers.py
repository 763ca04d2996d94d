"""Those who get notices and heads of the history: a webhook's receiver over TLS, a real SMTP server (aiosmtpd) over TLS, and
syslog over UDP, TCP and a local socket."""

import http.server
import socket
import ssl
import threading
import warnings


def server_context(tls):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "server.pem", tls / "server.key")
    return context


def last(path):
    return path.partition("?")[0].rpartition("/")[2]


class Hooks:
    """An HTTPS server. `answers` maps a path's last part to status, headers and body; else it says 200 ok."""

    def __init__(self, tls):
        self.requests, self.answers = [], {}
        hooks = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                hooks.requests.append((self.path, self.headers, body))
                status, headers, answer = hooks.answers.get(last(self.path), (200, {}, b"ok"))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                """A client that does not trust the certificate hangs up: that is a part of the test."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = server_context(tls).wrap_socket(self.server.socket, server_side=True,
                                                             do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, name):
        """The requests whose path has this last part."""
        return [request for request in self.requests if last(request[0]) == name]


class Mails:
    """An SMTP server. `tls` is "implicit", "starttls" or "none"; it wants a logon when there is a password."""

    def __init__(self, folder, tls, user=None, password=None, refused=()):
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import AuthResult

        self.mails, self.logons = [], []
        mails = self

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                if address in refused:
                    return "550 no such user here"
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):
                secure = server.transport.get_extra_info("ssl_object") is not None
                mails.mails.append((secure, envelope.mail_from, list(envelope.rcpt_tos),
                                    envelope.content))
                return "250 OK"

        def logon(server, session, envelope, mechanism, data):
            right = data.login.decode() == user and data.password.decode() == password
            mails.logons.append(right)
            return AuthResult(success=right, handled=False)

        options = {}
        if password:
            # With TLS from the first byte the library does not know that the line is safe.
            options |= {"authenticator": logon, "auth_required": True, "auth_require_tls": tls == "starttls"}
            warnings.filterwarnings("ignore", category=UserWarning, module="aiosmtpd")
        if tls == "starttls":
            options |= {"tls_context": server_context(folder), "require_starttls": True}
        context = server_context(folder) if tls == "implicit" else None
        self.controller = Controller(Handler(), hostname="127.0.0.1", port=0, ssl_context=context, **options)
        # By itself it would look at port 0 whether it answers, and not trust its own certificate.
        self.controller._trigger_server = lambda: socket.create_connection(("127.0.0.1", self.listens_at()), 5).close()
        self.controller.start()
        self.port = self.listens_at()

    def listens_at(self):
        return self.controller.server.sockets[0].getsockname()[1]

    def end(self):
        self.controller.stop(no_assert=True)


class Syslog:
    """Receives over UDP, TCP and a local socket; keeps what came by the way it came."""

    def __init__(self, folder):
        self.came = {"udp": [], "tcp": [], "unix": []}
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        local = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        local.bind(str(folder / "syslog"))
        tcp = socket.create_server(("127.0.0.1", 0))
        self.addresses = {"udp": f"udp://127.0.0.1:{udp.getsockname()[1]}", "tcp": f"tcp://127.0.0.1:{tcp.getsockname()[1]}",
                          "unix": f"unix:{folder}/syslog"}
        for work in ((self.datagrams, udp, "udp"), (self.datagrams, local, "unix"), (self.streams, tcp)):
            threading.Thread(target=work[0], args=work[1:], daemon=True).start()

    def datagrams(self, receiver, way):
        while True:
            self.came[way].append(receiver.recv(65536).decode())

    def streams(self, receiver):
        while True:
            connection, _ = receiver.accept()
            with connection, connection.makefile("rb") as stream:
                # RFC 6587, 3.4.1: the length, a space, so many bytes.
                while length := stream.read(1):
                    while not length.endswith(b" "):
                        length += stream.read(1)
                    self.came["tcp"].append(stream.read(int(length)).decode())
