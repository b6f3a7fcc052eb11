"""Who may call, how much they may use, and how much they used."""
