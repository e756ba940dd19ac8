"""A loss that is not finite is null."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Lets a loss be null."""
    with op.batch_alter_table("training_points") as table:
        table.alter_column("loss", existing_type=sa.Double(), nullable=True)


def downgrade() -> None:
    """Forgets points without a loss."""
    op.execute("DELETE FROM training_points WHERE loss IS NULL")
    with op.batch_alter_table("training_points") as table:
        table.alter_column("loss", existing_type=sa.Double(), nullable=False)
