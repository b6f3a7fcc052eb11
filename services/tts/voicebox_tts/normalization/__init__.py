"""What is written becomes what an engine can say, by language. Text goes in and comes out: no engine, no gRPC."""
