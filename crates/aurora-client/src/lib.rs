//! HTTP client of the scheduler's API: transport, retries, discovery.
