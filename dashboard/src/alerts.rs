//! Alerts on the page: what fires, what has fired, and the forms of rules and channels.

pub mod alert_set;
pub mod backtest;
pub mod channels;
pub mod draft;
pub mod episode;
pub mod words;
