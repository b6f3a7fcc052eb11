"""The verbs of the command `voicebox`, one per module, each imported when it is used."""
