"""Mathematics that two or more topics share; empty until a second topic needs something of the first."""

__all__: list[str] = []
