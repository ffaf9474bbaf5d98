//! The scheduler daemon: journal, Mesos session, timers, API and pages around scheduler-core.
