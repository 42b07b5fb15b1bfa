//! A server process under attack: a good client is answered all through, memory stays bounded, and once it is over
//! everything is as before.

mod connections;
mod http1;
mod http2;
mod together;
mod victim;
