//! The Mesos executor of one task.
