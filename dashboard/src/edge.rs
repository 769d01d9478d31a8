//! The browser: everything that does I/O, touches the document or is a component.

pub mod address;
pub mod ahead;
pub mod clock;
pub mod download;
pub mod feed;
pub mod framed;
pub mod loader;
pub mod page_state;
pub mod paint_loop;
pub mod plot;
pub mod rest;
pub mod shared;
pub mod storage;
pub mod timer;
pub mod view;
pub mod zones;
