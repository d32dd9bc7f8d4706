"""The paper's tables and figures as commands: the runs behind each, what they cost, what the paper found."""
