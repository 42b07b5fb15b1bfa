//! A server process under attack: a valid client is answered throughout, memory stays bounded, and everything returns
//! to normal afterwards.

mod connections;
mod http1;
mod http2;
mod together;
mod victim;
