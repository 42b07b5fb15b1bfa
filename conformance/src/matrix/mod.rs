//! The matrix: every operation of an OpenAPI document, asked by every kind of caller.
//!
//! The document gives the operations, the profile gives values, tokens and permissions. A plan lists the requests before
//! the first one is sent, and pure functions judge the answers.

pub mod callers;
mod collate;
pub mod document;
pub mod html;
pub mod human;
pub mod judge;
pub mod plan;
pub mod report;
pub mod run;
pub mod select;
pub mod values;
