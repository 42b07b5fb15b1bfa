//! Errors at load time, with their messages: a mistake that loaded could open or close something unnoticed.

#![cfg(test)]

mod key_sets;
mod keys;
mod policy;
mod resources;
mod revocations;
