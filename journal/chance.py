"""Random bytes that need not stay secret: nonces and the ends of ids.

They come from the operating system in larger pieces, as asking it costs far more than the bytes: eight times per
message otherwise. Keys are secret, so they are asked for one by one.
"""

import os
from collections import deque
from typing import Final

SIZE: Final = 12
"""Bytes of a piece: a nonce of AES-GCM."""
_PIECES: Final = 256

_pool: Final[deque[bytes]] = deque()  # taking one is atomic, so no two threads get the same
os.register_at_fork(after_in_child=_pool.clear)  # nor two processes


def piece() -> bytes:
    """Twelve random bytes, each time others."""
    while True:
        try:
            return _pool.popleft()
        except IndexError:
            fresh = os.urandom(SIZE * _PIECES)
            _pool.extend(fresh[at : at + SIZE] for at in range(0, len(fresh), SIZE))
