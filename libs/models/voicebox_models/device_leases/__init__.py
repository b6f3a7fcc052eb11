"""Who uses a device of this machine: services that answer calls share it with jobs, by files that the holders lock."""
