"""What Label Studio's own Python runs: makes or updates the account read from stdin, then serves on an address, if any.

Imports nothing of ours. The command line of Label Studio would take secrets as arguments or from the environment,
where other processes may see them, and would move to the next port when one is taken.
"""

import json
import sys


def main() -> None:
    """Serves on the address in argv until the process is ended; without one only makes the account."""
    from label_studio import server  # type: ignore[import-not-found]  # noqa: PLC0415 - only in its own venv

    server._setup_env()
    server._apply_database_migrations()
    _account(**json.load(sys.stdin))
    if len(sys.argv) > 1:
        server._app_run(host=sys.argv[1], port=int(sys.argv[2]))


def _account(*, email: str, password: str, token: str) -> None:
    from organizations.models import Organization  # type: ignore[import-not-found]  # noqa: PLC0415
    from rest_framework.authtoken.models import Token  # type: ignore[import-not-found]  # noqa: PLC0415
    from users.models import User  # type: ignore[import-not-found]  # noqa: PLC0415

    user = User.objects.filter(email=email).first() or User.objects.create_user(email=email, password=password)
    if not user.check_password(password):
        user.set_password(password)
    user.is_staff = user.is_superuser = True
    Token.objects.filter(user=user).delete()
    Token.objects.create(user=user, key=token)
    organisation = Organization.objects.first() or Organization.create_organization(
        created_by=user, title="Gristmill", legacy_api_tokens_enabled=True
    )
    if not organisation.has_user(user):
        organisation.add_user(user)
    user.active_organization = organisation
    user.save()


if __name__ == "__main__":
    main()
