//! One machine's task runner: plan, processes, checkpoints, logs.
