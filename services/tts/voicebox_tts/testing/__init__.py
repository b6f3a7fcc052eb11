"""The suite that every text-to-speech engine passes, as a plugin of pytest. Needs the extra `testing`."""
