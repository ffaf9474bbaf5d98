//! The clients: aurora and aurora_admin.
