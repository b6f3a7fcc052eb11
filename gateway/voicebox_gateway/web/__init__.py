"""What HTTP clients want and gRPC cannot give: OpenAI's model list and Realtime API, and the description of the HTTP
face.
"""
