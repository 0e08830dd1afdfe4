//! Users, their sessions, and tokens for machines.
