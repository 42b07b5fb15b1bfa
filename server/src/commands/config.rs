//! `config`: the schema and the annotated example of the configuration file.

use std::io::{self, Write};

use crate::commands::{Exit, Failure};
use crate::config;

/// Prints the JSON Schema.
pub(crate) fn schema() -> Result<Exit, Failure> {
    print(&format!("{:#}\n", config::schema()))
}

/// Prints the annotated example.
pub(crate) fn example() -> Result<Exit, Failure> {
    print(&config::example())
}

fn print(text: &str) -> Result<Exit, Failure> {
    let mut output = io::stdout().lock();
    output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}
