"""Taking place, camera and time out of a photo without decoding it: only the parts that make the picture are kept."""

from __future__ import annotations

import struct

_JPEG_KEPT = {0xDB, 0xC4, 0xDD}  # quantisation, Huffman, restart interval
_JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PNG_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"sRGB", b"cHRM", b"acTL", b"fcTL", b"fdAT"}
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"}
_EXIF_BITS = 0x08 | 0x04  # VP8X flags: EXIF and XMP present


def without_metadata(data: bytes, kind: str) -> bytes:
    """The picture alone; what cannot be read to its end is cut there."""
    strip = {"image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp}[kind]
    try:
        return strip(data)
    except (struct.error, IndexError):
        return b""


def _jpeg(data: bytes) -> bytes:
    kept = bytearray(data[:2])
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
            continue
        (length,) = struct.unpack(">H", data[place + 2 : place + 4])
        segment = data[place : place + 2 + length]
        if marker == 0xDA:  # the scan: everything from here is picture
            end = data.rfind(b"\xff\xd9")
            return bytes(kept + (data[place : end + 2] if end > place else data[place:]))
        colours = marker == 0xEE and segment[4:9] == b"Adobe"
        if marker in _JPEG_FRAMES or marker in _JPEG_KEPT or colours or (marker == 0xE0 and segment[4:8] == b"JFIF"):
            kept += segment
        if marker == 0xE1 and (turned := _orientation(segment)):
            kept += turned
        place += 2 + length
    return bytes(kept)


def _orientation(segment: bytes) -> bytes:
    """An EXIF block with nothing but which side is up; "" when that is not said."""
    if segment[4:10] != b"Exif\0\0" or len(segment) < 18:
        return b""
    tiff = segment[10:]
    order = ">" if tiff[:2] == b"MM" else "<"
    (first,) = struct.unpack(f"{order}I", tiff[4:8])
    (count,) = struct.unpack(f"{order}H", tiff[first : first + 2])
    for entry in range(min(count, 64)):
        start = first + 2 + 12 * entry
        tag, _, _, value = struct.unpack(f"{order}HHIH", tiff[start : start + 10])
        if tag == 0x0112 and 1 <= value <= 8:
            block = (
                b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">HH", value, 0) + b"\0\0\0\0"
            )
            return b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    return b""


def _png(data: bytes) -> bytes:
    kept = bytearray(data[:8])
    place = 8
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        chunk = data[place : place + 12 + length]
        if chunk[4:8] in _PNG_KEPT:
            kept += chunk
        place += 12 + length
    return bytes(kept)


def _webp(data: bytes) -> bytes:
    kept = bytearray()
    place = 12
    while place + 8 <= len(data):
        (length,) = struct.unpack("<I", data[place + 4 : place + 8])
        size = 8 + length + (length & 1)
        chunk = bytearray(data[place : place + size])
        if bytes(chunk[:4]) == b"VP8X":
            chunk[8] &= ~_EXIF_BITS & 0xFF
        if bytes(chunk[:4]) in _WEBP_KEPT:
            kept += chunk
        place += size
    return b"RIFF" + struct.pack("<I", len(kept) + 4) + b"WEBP" + bytes(kept)
