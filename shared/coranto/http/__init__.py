"""The guarded web client: one hop at a time, within limits, and never to an address that is not public."""

from coranto.http.client import WebClient, WebResponse
from coranto.http.connection.addresses import AddressGuard, special_range
from coranto.http.errors import (
    BodyTooLargeError,
    BrokenResponseError,
    CertificateError,
    ConnectFailedError,
    CutBodyError,
    DecompressionBombError,
    HeadersTooLargeError,
    NameNotResolvedError,
    NoContactError,
    PortNotAllowedError,
    PrivateAddressError,
    ProxyError,
    RefusedHereError,
    TimedOutError,
    TlsError,
    UndecodableBodyError,
    WebError,
)
from coranto.http.limits import WebLimits
from coranto.http.redirects import RedirectChain, RedirectLoopError, TooManyRedirectsError, follow_redirects

__all__ = [
    "AddressGuard", "BodyTooLargeError", "BrokenResponseError", "CertificateError", "ConnectFailedError", "CutBodyError",
    "DecompressionBombError", "HeadersTooLargeError", "NameNotResolvedError", "NoContactError", "PortNotAllowedError",
    "PrivateAddressError", "ProxyError", "RedirectChain", "RedirectLoopError", "RefusedHereError", "TimedOutError",
    "TlsError", "TooManyRedirectsError", "UndecodableBodyError", "WebClient", "WebError", "WebLimits", "WebResponse",
    "follow_redirects", "special_range",
]  # fmt: skip
