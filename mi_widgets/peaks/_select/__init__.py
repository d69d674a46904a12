"""How many peaks: what is looked at (`data`), fitted (`search`), run (`run`, `parts`) and judged (`judge`)."""
