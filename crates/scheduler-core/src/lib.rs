//! Every decision the scheduler makes, and nothing else.
