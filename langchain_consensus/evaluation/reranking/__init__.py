"""How well documents are re-ranked, on sets in BEIR's form: judged queries, their retriever's best, all documents.

    shortlists (BM25) -> scoring (the only step with a model) -> methods -> comparison

`python -m langchain_consensus.evaluation.reranking --help` runs it.
"""
