//! What the backend promises, each promise in a file of its own, against the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../../store/src/tests/cluster.rs"]
mod cluster;
mod harness;
mod named;
mod receiver;
mod writers;

mod access;
mod alerts;
mod annotations;
mod attacks;
mod audit;
mod audited;
mod backpressure;
mod backtest;
mod backups;
mod boards;
mod bodies;
mod commands;
mod damage;
mod database_faults;
mod deletion;
mod disk_full;
mod drain;
mod durability;
mod end_to_end;
mod gate;
mod hostile_input;
mod ingest_report;
mod issuers;
mod keys;
mod live;
mod live_hostile;
mod live_noise;
mod live_refused;
mod live_stream;
mod matrix;
mod metadata;
mod migrate;
mod migration;
mod monitoring;
mod nodes;
mod oidc;
mod people;
mod postgres;
mod producer_outage;
mod proxies;
mod publisher;
mod push;
mod queries;
mod quotas;
mod retention;
mod secrets;
mod secure_clients;
mod shares;
mod shed;
mod signal_limit;
mod slow_client;
mod socketio;
mod storage_crashes;
mod tenants;
mod tls;
mod tools;
mod write_errors;
