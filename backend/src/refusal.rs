//! Why something was not done: the one type that travels, whatever protocol answers it in the end.

use afterglow_wire::Code;
use serde_json::Value;

/// A reason with its code. Nothing of what was asked for was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What kind of reason it is; decides status and whether it makes sense to try again.
    pub code: Code,
    /// What was wrong, where, and what is allowed.
    pub message: String,
    /// More of it for programs.
    pub details: Option<Value>,
}

impl Refusal {
    /// A refusal without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None }
    }
}
