//! Boards: their panels, the draft of a reader, which lines are drawn, and what belongs to signals and instants.

pub mod annotations;
pub mod draft;
pub mod looks;
pub mod metadata;
pub mod mode;
pub mod panels;
pub mod route;
pub mod search;
pub mod selection;
