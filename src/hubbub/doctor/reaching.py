"""How to get there: the name's addresses, which of them answer, and TLS.

Knows DNS, TCP and certificates. Does not know what is behind.
"""

import asyncio
import socket
import ssl
import time
import warnings
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final

from cryptography import x509

from hubbub.doctor.chart import Chart
from hubbub.doctor.faults import (
    ADDRESS_DEAD,
    AUTHORITY_UNKNOWN,
    CERTIFICATE_EARLY,
    CERTIFICATE_ENDING,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NAME,
    CERTIFICATE_SELF_SIGNED,
    CHAIN_INCOMPLETE,
    HTTP2_ONLY,
    IPV6_DEAD,
    NAME_UNRESOLVED,
    REFUSED,
    TLS_FAILED,
    TLS_OLD,
    TLS_ON_PLAIN,
    UNREACHABLE,
)
from hubbub.doctor.finding import Skipped, Symptom
from hubbub.doctor.line import Broken, Way, said

ENOUGH_LEFT: Final = 14 * 86400
"""Seconds that a certificate should still have, or a fifth of its life where that is less."""

# X509_V_ERR_… of OpenSSL.
_EARLY, _EXPIRED, _SELF_SIGNED, _OWN_ROOT, _NO_ISSUER, _NO_FIRST = 9, 10, 18, 19, 20, 21
_WRONG_NAME, _WRONG_ADDRESS = 62, 64
_HTTP2_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS: Final = 4
"""The type of the frame that either side sends first."""

_NO_ROUTE: Final = "Network is unreachable"


async def resolve(chart: Chart) -> str:
    """Find the addresses of the host's name."""
    target = chart.target
    if target.addresses:
        chart.addresses = list(target.addresses)
        return f"{', '.join(chart.addresses)}, as told"
    host = target.place.host
    try:
        async with asyncio.timeout(target.patience):
            found = await asyncio.get_running_loop().getaddrinfo(host, target.place.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        problem = error.strerror if isinstance(error, socket.gaierror) else str(error)
        raise NAME_UNRESOLVED(f"{host}: {problem}") from None
    except TimeoutError:
        raise NAME_UNRESOLVED(f"{host}: no answer of the DNS within {target.patience:g} s") from None
    chart.addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    return f"{host} is {', '.join(chart.addresses)}"


async def connect(chart: Chart) -> str:
    """Find out which of the addresses take connections."""
    began = time.monotonic()
    came = await asyncio.gather(*(_knock(chart, address) for address in chart.addresses))
    dead = {address: error for address, error in zip(chart.addresses, came, strict=True) if error is not None}
    alive = [address for address in chart.addresses if address not in dead]
    port = chart.target.place.port
    seen = "; ".join(f"{_shown(address)} port {port}: {said(error)}" for address, error in dead.items())
    if not alive:
        if all(isinstance(error, ConnectionRefusedError) for error in dead.values()):
            raise REFUSED(seen)
        raise UNREACHABLE(seen)
    chart.addresses = alive
    if dead:
        of_six = [address for address in dead if ":" in address]
        if of_six and len(of_six) == len(dead) and not any(":" in address for address in alive):
            if all(_is_without_route(error) for error in dead.values()):
                return f"{', '.join(alive)} answers; this machine itself has no IPv6, so {seen} says nothing"
            raise IPV6_DEAD(seen)
        raise ADDRESS_DEAD(f"{seen}; {', '.join(map(_shown, alive))} answers")
    return f"{len(alive)} of {len(alive)} addresses, in {_ms(time.monotonic() - began)}"


async def encrypt(chart: Chart) -> str:
    """Begin TLS with each address that answers, and look at its certificate."""
    target = chart.target
    if not target.place.tls:
        raise Skipped("the address is http")
    chart.context = context = ssl.create_default_context()
    if target.ca is not None:
        context.load_verify_locations(target.ca)
    context.set_alpn_protocols(["http/1.1"])
    notes = [await _handshake(chart, address, context) for address in chart.addresses]
    return notes[0]


async def _knock(chart: Chart, address: str) -> OSError | TimeoutError | None:
    target = chart.target
    try:
        _, writer = await Way(target.place, address, None, target.source, target.patience).open()
    except (OSError, TimeoutError) as error:
        return error
    writer.transport.abort()
    return None


async def _handshake(chart: Chart, address: str, context: ssl.SSLContext) -> str:
    """Give a note on a certificate that is good. Raises the Symptom of what is wrong."""
    target = chart.target
    way = Way(target.place, address, context, target.source, target.patience)
    try:
        _, writer = await way.open()
    except ssl.SSLCertVerificationError as error:
        raise await _distrusted(way, error) from None
    except (OSError, TimeoutError) as error:
        raise await _unencrypted(way, error) from None
    try:
        certificate: dict[str, Any] = writer.get_extra_info("peercert")
        version = writer.get_extra_info("ssl_object").version()
    finally:
        writer.transport.abort()
    begins, ends = (ssl.cert_time_to_seconds(certificate[name]) for name in ("notBefore", "notAfter"))
    left = ends - chart.clock()
    note = f"{version}, good for {_span(left)}"
    if left < min(ENOUGH_LEFT, (ends - begins) / 5):
        chart.note(CERTIFICATE_ENDING(f"it ends {_day(ends)}, in {_span(left)}"))
    return note


async def _distrusted(way: Way, error: ssl.SSLCertVerificationError) -> Symptom:
    """Tell what is wrong with a certificate, by OpenSSL's word for it and by what it holds."""
    shown = await _shown_certificates(way)
    leaf = shown[0] if shown else None
    match error.verify_code:
        case code if code == _EXPIRED and leaf is not None:
            return CERTIFICATE_EXPIRED(f"it ended {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
        case code if code == _EXPIRED:
            return CERTIFICATE_EXPIRED(error.verify_message)
        case code if code == _EARLY and leaf is not None:
            return CERTIFICATE_EARLY(f"it begins {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
        case code if code in (_WRONG_NAME, _WRONG_ADDRESS):
            names = ", ".join(_names(leaf)) if leaf is not None else "other names"
            return CERTIFICATE_NAME(f"asked for {way.place.host}, it is for {names}")
        case code if code == _SELF_SIGNED:
            return CERTIFICATE_SELF_SIGNED(f"{_subject(leaf)} is vouched for by nobody else")
        case code if code in (_NO_ISSUER, _NO_FIRST) and leaf is not None and len(shown) == 1:
            issuer = leaf.issuer.rfc4514_string()
            return CHAIN_INCOMPLETE(f"one certificate was shown, {_subject(leaf)}; that of {issuer} was not")
        case code if code in (_OWN_ROOT, _NO_ISSUER, _NO_FIRST) and shown:
            return AUTHORITY_UNKNOWN(f"{len(shown)} certificates were shown, up to {shown[-1].issuer.rfc4514_string()}")
    return TLS_FAILED(error.verify_message)


async def _unencrypted(way: Way, error: OSError | TimeoutError) -> Symptom:
    """Tell why TLS did not come about: by trying other ways."""
    plain = Way(way.place, way.address, None, way.source, way.patience)
    try:
        answer = await plain.ask("GET", "/")
    except Broken:
        pass
    else:
        if "https" not in answer.text.lower():
            return TLS_ON_PLAIN(f"TLS: {said(error)}. Without it the port answered {answer.status}")
    if await _agrees(way, _lenient(alpn=["h2"])):
        return HTTP2_ONLY(f"offered http/1.1: {said(error)}. Offered h2, TLS comes about")
    if await _agrees(way, _lenient(is_old=True)):
        return TLS_OLD(f"{said(error)}; TLS 1.0 or 1.1 comes about")
    return TLS_FAILED(said(error))


async def speaks_tls(way: Way) -> bool:
    """Tell whether TLS comes about, whatever the certificate."""
    return await _agrees(way, _lenient()) or await _agrees(way, _lenient(is_old=True))


async def speaks_http2(way: Way) -> bool:
    """Tell whether HTTP/2 is answered, whatever was agreed on: by the frame that begins it (RFC 9113, 3.4)."""
    context = _lenient(alpn=["h2"]) if way.context is not None else None
    try:
        async with asyncio.timeout(way.patience):
            reader, writer = await Way(way.place, way.address, context, way.source, way.patience).open()
            try:
                writer.write(_HTTP2_PREFACE)
                return (await reader.readexactly(9))[3] == _SETTINGS
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


async def _agrees(way: Way, context: ssl.SSLContext) -> bool:
    try:
        _, writer = await Way(way.place, way.address, context, way.source, way.patience).open()
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return True


def _lenient(*, alpn: list[str] | None = None, is_old: bool = False) -> ssl.SSLContext:
    """Make what takes any certificate, to find out more about who has been refused already."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn is not None:
        context.set_alpn_protocols(alpn)
    if is_old:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is what is asked
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context


async def _shown_certificates(way: Way) -> list[x509.Certificate]:
    """Give the certificates that the server shows, its own first."""
    try:
        _, writer = await Way(way.place, way.address, _lenient(), way.source, way.patience).open()
    except (OSError, TimeoutError):
        return []
    try:
        # Public only from Python 3.13 on, and there since 3.10.
        session = writer.get_extra_info("ssl_object")._sslobj  # noqa: SLF001
        return [x509.load_der_x509_certificate(_der(one)) for one in session.get_unverified_chain() or ()]
    except ValueError:
        return []
    finally:
        writer.transport.abort()


def _der(certificate: Any) -> bytes:
    return certificate if isinstance(certificate, bytes) else ssl.PEM_cert_to_DER_cert(certificate.public_bytes())


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return [_subject(certificate)]
    return [str(name.value) for name in names]


def _subject(certificate: x509.Certificate | None) -> str:
    return certificate.subject.rfc4514_string() or "it" if certificate is not None else "it"


def _is_without_route(error: OSError | TimeoutError) -> bool:
    return isinstance(error, OSError) and error.strerror in (_NO_ROUTE, "Cannot assign requested address")


def _shown(address: str) -> str:
    try:
        return f"[{address}]" if ip_address(address).version == 6 else address
    except ValueError:
        return address


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _span(seconds: float) -> str:
    return f"{seconds / 86400:.0f} days" if seconds >= 2 * 86400 else f"{seconds / 3600:.1f} hours"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
