"""The published JSON Schema of the canonical model, written from the code: `python -m tests.canonical_model.schema`."""

import json

from canonical_model.codec import json_schema
from tests.shipped import ROOT

PUBLISHED = ROOT / "docs" / "schema" / "canonical_model.schema.json"


def current() -> str:
    """What the file should say."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PUBLISHED.parent.mkdir(exist_ok=True)
    PUBLISHED.write_text(current())
    print(f"renewed {PUBLISHED.relative_to(ROOT)}")
