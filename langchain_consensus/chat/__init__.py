"""What the chat model needs beside the pipeline: how calls are written and read, forced forms, messages, batches."""
