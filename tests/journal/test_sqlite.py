"""SQLite is told how to deal with its memory before anybody connects."""

from journal.sqlite import library, sqlite


def test_memory_is_not_counted():
    with sqlite.connect(":memory:") as connection:
        connection.execute("CREATE TABLE a (b)")

        assert library().sqlite3_memory_used() == 0
    connection.close()
