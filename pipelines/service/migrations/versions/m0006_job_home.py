"""Which folder of a service a job was started in."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds it; jobs that were started before belong to none, so that any service may watch them."""
    op.add_column("jobs", sa.Column("home", sa.String(40)))


def downgrade() -> None:
    """Drops it."""
    op.drop_column("jobs", "home")
