//! Rego by regorus: the same question as Cedar's, with the rules as data.

use std::collections::BTreeMap;

use ::regorus::{Engine, Value};

use super::cedar::Operation;
use crate::world::RouteRule;

const POLICY: &str = r#"
package authz

default allow := false

allow if {
    input.organization == input.resource_organization
    data.needed[input.operation] in input.permissions
}
"#;

/// The engine, with the policy loaded.
pub struct Regorus(Engine);

impl Regorus {
    /// With these rules.
    #[must_use]
    pub fn new(rules: &[RouteRule]) -> Self {
        let needed: BTreeMap<String, &str> = rules
            .iter()
            .map(|rule| (format!("{} {}", rule.method, rule.path), rule.permission.as_str()))
            .collect();
        let data = serde_json::json!({"needed": needed}).to_string();
        let mut engine = Engine::new();
        engine.add_policy("authz.rego".to_owned(), POLICY.to_owned()).expect("this is a policy");
        engine.add_data(Value::from_json_str(&data).expect("this is JSON")).expect("data is added once");
        Self(engine)
    }

    /// Whether it is allowed; the input is JSON, the form in which claims arrive.
    #[must_use]
    pub fn allows(&mut self, operation: &Operation<'_>) -> bool {
        let input = serde_json::to_string(operation).expect("plain text serializes");
        self.0.set_input(Value::from_json_str(&input).expect("this is JSON"));
        self.0.eval_rule("data.authz.allow".to_owned()).is_ok_and(|value| value == Value::from(true))
    }
}
