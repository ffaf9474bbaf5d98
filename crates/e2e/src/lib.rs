//! Drives the built programs against the embedded cluster and a real Mesos.
