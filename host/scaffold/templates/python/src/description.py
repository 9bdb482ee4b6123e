"""What the plugin says about itself: the host asks once per build and keeps the answer."""

import json

from wit_world.imports.starsystem_provisioner_types import Description

# JSON Schema (2020-12) of the service's options.
OPTIONS = {
    "type": "object",
    "properties": {
        "size": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "default": 1,
            "description": "How large the widget is",
        },
    },
    "additionalProperties": False,
}

EXAMPLE = """\
services:
  widget:
    type: external
    provision:
      provider: {{name}}
      size: 3
"""

DESCRIPTION = Description(
    provider="{{name}}",
    summary="Widgets of the {{name}} API",
    requires_api_key=False,
    vault_keys=[],
    options_schema=json.dumps(OPTIONS),
    shapes=[],
    example=EXAMPLE,
)
