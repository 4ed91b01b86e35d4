"""What a new password must be, in one place.

Knows: the rule. Does not know hashes, nor who sets the password.
"""

from hubbub.accounts.fields import Fields


def new_password(fields: Fields, field: str, value: object, email: str) -> str:
    """Check the new password of the user with the address `email`: 8 to 1024 characters, and not that address."""
    password = fields.password(field, value)
    if email and password.strip().lower() == email.lower():
        fields.fault(field, "must not be the e-mail address")
    return password
