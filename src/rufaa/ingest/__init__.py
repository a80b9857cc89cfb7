"""The callback hot path: bytes are committed before anything acts on them."""
