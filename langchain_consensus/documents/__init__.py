"""The pipeline over documents: a query and passages -> views -> game -> relevant documents. Start at `reranking`."""
