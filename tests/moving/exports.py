"""Exports as Convex writes them, made by hand: a zip with a folder for each table."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

CREATED: Final = 1_760_000_000_000.5  # 2025-10-09, as Convex writes its instants
README: Final = "# Welcome to your Convex snapshot export!\n"


def convex_id(number: int) -> str:
    """An id of the form that Convex gives: 32 letters and digits, more than hexadecimal."""
    return f"j57{number:028d}w"


def referral(number: int, **fields: Any) -> dict[str, Any]:
    """A referral's document; a field that is None is left out."""
    document = {
        "_id": convex_id(number),
        "_creationTime": CREATED + number,
        "patientName": f"Jane Wafula {number}",
        "patientId": "UHC-7",
        "medicalHistory": "none",
        "labResults": ["Hb 11", "MPS negative"],
        "diagnosis": "fracture",
        "referringHospital": "Uhuru Health Centre",
        "receivingFacility": "Tumaini Referral Hospital",
        "priority": "Routine",
        "physicianId": "k17physician",
        "status": "pending-admin",
        "referralToken": f"token-of-the-link-{number:08d}",
        "stkSentCount": 0,
        **fields,
    }
    return {name: value for name, value in document.items() if value is not None}


def payment(number: int, of: int, **fields: Any) -> dict[str, Any]:
    document = {
        "_id": f"m97{number:028d}w",
        "_creationTime": CREATED + 1000 + number,
        "referralId": convex_id(of),
        "amount": 1000,
        "phoneNumber": "254708374149",
        "status": "completed",
        **fields,
    }
    return {name: value for name, value in document.items() if value is not None}


def people() -> list[dict[str, Any]]:
    return [{"_id": "k17physician", "_creationTime": CREATED, "username": "physician", "role": "physician"}]


def write(path: Path, tables: Mapping[str, Iterable[dict[str, Any] | bytes]]) -> Path:
    """An export with these tables; a document may be given as the bytes of its line."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.md", README)
        archive.writestr("_tables/documents.jsonl", lines([{"name": name, "id": 10001} for name in tables]))
        for name, documents in tables.items():
            archive.writestr(f"{name}/documents.jsonl", lines(documents))
            archive.writestr(f"{name}/generated_schema.jsonl", '"uniform"\n')
    return path


def lines(documents: Iterable[dict[str, Any] | bytes]) -> bytes:
    return b"".join(
        (each if isinstance(each, bytes) else json.dumps(each, ensure_ascii=False).encode()) + b"\n"
        for each in documents
    )
