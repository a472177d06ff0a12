"""AgentHPO (arXiv 2402.01881): a Creator proposes, an Executor carries out and explains."""
