//! The embedded cluster: a Mesos master and agents in one process, for one machine.
