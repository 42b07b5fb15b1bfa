//! Every key with every kind of value: the schema refuses nothing that the server takes, and no type that it refuses.

use serde_json::Value;

use super::example::cases;
use super::{as_json, is_about_shape, problem, schema, validator};

const VALUES: [&str; 25] = [
    "\"\"",
    "\"x\"",
    "\"/x\"",
    "0",
    "1",
    "-1",
    "1.5",
    "true",
    "false",
    "[]",
    "[\"\"]",
    "[\"x\"]",
    "[\"POST\"]",
    "[1]",
    "[true]",
    "[[\"x\"]]",
    "[[]]",
    "[[\"x\"], \"x\"]",
    "{}",
    "[{}]",
    "{ x = 1 }",
    "{ x = [1, \"x\", true] }",
    "{ x = 1.5 }",
    "{ x = [] }",
    "{ x = { y = 1 } }",
];

/// These values, the ends of the range and the values beside them, and the choices.
fn values(property: &Value) -> Vec<String> {
    let mut values: Vec<String> = VALUES.iter().map(|value| (*value).to_owned()).collect();
    let ends = ["minimum", "maximum"].into_iter().filter_map(|end| property[end].as_i64());
    values.extend(ends.flat_map(|end| [end - 1, end, end + 1]).map(|value| value.to_string()));
    values.extend(property["enum"].as_array().into_iter().flatten().map(Value::to_string));
    values
}

#[test]
fn the_schema_takes_what_the_server_takes() {
    let (validator, schema) = (validator(), schema());
    let (mut taken, mut refused, mut wrong) = (0, 0, Vec::new());
    for case in cases() {
        let lines = values(case.property(&schema)).into_iter().map(|value| format!("{} = {value}", case.key));
        for line in lines.chain([String::new()]) {
            let text = case.with(&line);
            let is_valid = validator.is_valid(&as_json(&text));
            let place = format!("[{}] `{}` as `{line}`", case.path, case.key);
            match problem(&text) {
                None => {
                    taken += 1;
                    if !is_valid {
                        wrong.push(format!("{place}: the schema refuses what the server takes"));
                    }
                }
                Some(problem) if is_about_shape(&problem) => {
                    refused += 1;
                    if is_valid {
                        wrong.push(format!("{place}: the schema takes what the server refuses: {problem}"));
                    }
                }
                // The schema does not check the meaning of a value.
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(taken > 200 && refused > 1000, "{taken} {refused}");
}
