"""One certificate authority for the domain, and one certificate for each domain controller."""

import secrets

from .tools import tool, write_private


def make_ca(tls):
    tls.mkdir(parents=True)
    make_key(tls / "ca.key")
    tool("openssl", "req", "-x509", "-new", "-key", f"{tls}/ca.key", "-out", f"{tls}/ca.pem", "-days", "3650",
         "-subj", "/CN=contoso test CA", "-addext", "basicConstraints=critical,CA:TRUE",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign")


def make_key(path):
    write_private(path, tool("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout").stdout)


def make_leaf(tls, host, address):
    """rustls wants the name in the SAN; the address is there for clients that use no name."""
    make_key(tls / "leaf.key")
    request = tool("openssl", "req", "-new", "-key", f"{tls}/leaf.key", "-subj", f"/CN={host}").stdout
    extensions = tls / "leaf.ext"
    extensions.write_text(f"subjectAltName=DNS:{host},IP:{address}\nbasicConstraints=critical,CA:FALSE\n"
                          "extendedKeyUsage=serverAuth\n")
    leaf = tool("openssl", "x509", "-req", "-CA", f"{tls}/ca.pem", "-CAkey", f"{tls}/ca.key", "-days", "30",
                "-set_serial", str(secrets.randbits(63)), "-extfile", str(extensions), stdin=request).stdout
    (tls / "leaf.pem").write_text(leaf)
    extensions.unlink()
