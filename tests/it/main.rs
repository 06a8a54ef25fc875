//! Functions and adapters without services.

mod store;
