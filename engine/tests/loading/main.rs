//! What is refused when it is loaded, and in what words: a mistake that loads would open or close something unseen.

#![cfg(test)]

mod key_sets;
mod keys;
mod policy;
mod resources;
mod revocations;
