"""The OpenAPI document of the gateway, as it serves it itself."""

from __future__ import annotations

import json

from generate.services import get_module


def render() -> str:
    """The document."""
    document = get_module("coranto_gateway.app", install="./services/gateway").create_api().openapi()
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
