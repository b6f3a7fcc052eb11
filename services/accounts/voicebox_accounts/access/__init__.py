"""Who calls, and whether they may: the decision about a request at the gateway."""
