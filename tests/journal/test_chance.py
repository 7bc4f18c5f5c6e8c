"""Random pieces: never the same one twice, whoever asks."""

import os
from concurrent.futures import ThreadPoolExecutor

from journal.chance import SIZE, piece


def test_pieces_are_as_long_as_a_nonce() -> None:
    assert {len(piece()) for _ in range(1000)} == {SIZE}


def test_no_two_threads_get_the_same_piece() -> None:
    with ThreadPoolExecutor(8) as threads:
        pieces = list(threads.map(lambda _: [piece() for _ in range(2000)], range(16)))

    taken = [one for some in pieces for one in some]
    assert len(set(taken)) == len(taken)


def test_a_forked_process_gets_others() -> None:
    piece()  # the pool is filled
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, piece())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, SIZE)
    os.close(reading)
    os.close(writing)

    assert theirs not in {piece() for _ in range(1000)}
