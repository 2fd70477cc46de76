"""What can go wrong between a URL and its bytes, one class per case that a caller may want to tell apart."""

from __future__ import annotations


class WebError(Exception):
    """Base: the request gave no usable response. The text says what was seen, and where there is one, the limit."""


class RefusedHereError(WebError, OSError):
    """Our own rules refuse the request; nothing was sent."""

    # An OSError too: aiohttp lets only those out of a resolver and a socket factory as a failed connection.


class PrivateAddressError(RefusedHereError):
    """The host is, or resolves to, an address that is not public and not allowed."""


class PortNotAllowedError(RefusedHereError):
    """The port is not one that may be asked."""


class NoContactError(RefusedHereError):
    """A public host would be asked without a contact in the User-Agent."""


class NameNotResolvedError(WebError):
    """The host's name has no address, or the name service did not answer."""


class ConnectFailedError(WebError):
    """No connection: refused, reset, unreachable."""


class ProxyError(WebError):
    """The proxy refused, or could not be reached."""


class TlsError(WebError):
    """The TLS handshake failed for another reason than the certificate."""


class CertificateError(TlsError):
    """The certificate is not valid for this host."""


class TimedOutError(WebError):
    """The response was not complete within the time allowed."""


class HeadersTooLargeError(WebError):
    """The response's headers are larger than allowed."""


class BodyTooLargeError(WebError):
    """The body is larger than allowed, as sent or unpacked."""


class DecompressionBombError(BodyTooLargeError):
    """The body unpacks to so many times its size that it looks like a decompression bomb."""


class UndecodableBodyError(WebError):
    """The body's packing is corrupt, or one that is not undone here."""


class BrokenResponseError(WebError):
    """What came is not a valid HTTP response, or the connection ended before it was complete."""


class CutBodyError(BrokenResponseError):
    """The body ends within its packed form. Asked again, the server may send all of it."""
