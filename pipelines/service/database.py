"""The engine of the service's database: SQLite in WAL mode, or what a URL names; and its migrations.

Transactions that write begin with the write lock on SQLite, so that none fails half way because another one wrote.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS = 30
MIGRATIONS = Path(__file__).with_name("migrations")


def open_database(url: str) -> Engine:
    """Returns an engine on an up-to-date database; makes the file of an SQLite database if there is none."""
    engine = connect(url)
    migrate(engine)
    return engine


def connect(url: str) -> Engine:
    """Returns an engine on a database as it is."""
    is_sqlite = url.startswith("sqlite")
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS} if is_sqlite else {}, pool_pre_ping=True)
    if is_sqlite:
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
    return engine


def migrate(engine: Engine) -> None:
    """Brings the schema up to date; two services that start at once take turns."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7203415)")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Yields a session for queries."""
    with Session(engine, expire_on_commit=False) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Yields a session whose changes are committed when the block ends without an error."""
    with engine.connect().execution_options(writes=True) as connection:
        with Session(connection, expire_on_commit=False) as session, session.begin():
            yield session
        connection.commit()


def _on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the listener below begins transactions
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {setting}")
        cursor.close()


def _on_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
