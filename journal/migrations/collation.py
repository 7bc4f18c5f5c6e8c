"""Text of the journal is compared by its bytes, whatever language the database was made for (docs/decisions/0236)."""

from sqlalchemy import Connection, text

_OTHERWISE = text(
    """
    SELECT attrelid::regclass AS name, string_agg(
        format('ALTER %I TYPE %s COLLATE "C"', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum
    ) AS changes
    FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid
    WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND attnum > 0 AND NOT attisdropped
        AND attcollation NOT IN (0, '"C"'::regcollation)
    GROUP BY attrelid
    """
)


def compare_bytes(connection: Connection) -> None:
    """For all text that is compared otherwise; a migration that adds text ends with this. SQLite never does otherwise.

    PostgreSQL makes the indexes anew, not the tables, and forgets what the planner knew of these columns.
    """
    if connection.dialect.name == "postgresql":
        for name, changes in connection.execute(_OTHERWISE).all():
            connection.exec_driver_sql(f"ALTER TABLE {name} {changes}")
            connection.exec_driver_sql(f"ANALYZE {name}")
