"""How often what nobody known tried was tried."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Counts."""
    op.add_column("audit", sa.Column("times", sa.BigInteger, nullable=False, server_default="1"))


def downgrade() -> None:
    """Counts no more."""
    op.drop_column("audit", "times")
