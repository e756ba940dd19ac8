"""Alembic's entry: runs the migrations on the connection that `pipelines.service.database` opened."""

from alembic import context

from pipelines.service.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
