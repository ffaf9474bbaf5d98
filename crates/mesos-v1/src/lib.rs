//! Mesos v1 HTTP API: messages, RecordIO, scheduler and executor sessions.
