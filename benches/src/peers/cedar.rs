//! Cedar: whether this user, with these permissions, may perform this action in this organization. No token is
//! involved.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression,
};

use crate::world::RouteRule;

/// The policies, and the names that every request uses.
pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    user_type: EntityTypeName,
    resource_type: EntityTypeName,
    action_type: EntityTypeName,
}

impl Cedar {
    /// One `permit` for each route rule, its operation an action, as Cedar's documentation models an API.
    #[must_use]
    pub fn new(rules: &[RouteRule]) -> Self {
        let policies: String = rules
            .iter()
            .map(|RouteRule { method, path, permission }| {
                format!(
                    "permit(principal, action == Action::\"{method} {path}\", resource) when {{ \
                     principal.organization == resource.organization && \
                     principal.permissions.contains(\"{permission}\") }};\n"
                )
            })
            .collect();
        let type_name = |name: &str| name.parse().expect("this is a type name");
        Self {
            authorizer: Authorizer::new(),
            policies: policies.parse().expect("these are policies"),
            user_type: type_name("User"),
            resource_type: type_name("Document"),
            action_type: type_name("Action"),
        }
    }

    /// Whether the request is allowed. Entities are built for each request, because they come from the token.
    #[must_use]
    pub fn allows(&self, operation: &Operation<'_>) -> bool {
        let uid = |kind: &EntityTypeName, id: &str| {
            EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
        };
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        let permissions = RestrictedExpression::new_set(operation.permissions.iter().map(|one| text(one)));
        let user = uid(&self.user_type, operation.user);
        let resource = uid(&self.resource_type, operation.resource);
        let user_attributes = HashMap::from([
            ("organization".to_owned(), text(operation.organization)),
            ("permissions".to_owned(), permissions),
        ]);
        let resource_attributes =
            HashMap::from([("organization".to_owned(), text(operation.resource_organization))]);
        let entity = |uid: &EntityUid, attributes| {
            Entity::new(uid.clone(), attributes, HashSet::new()).expect("these are plain attributes")
        };
        let entities = [entity(&user, user_attributes), entity(&resource, resource_attributes)];
        let entities = Entities::from_entities(entities, None).expect("these are two entities");
        let action = uid(&self.action_type, operation.operation);
        let request =
            Request::new(user, action, resource, Context::empty(), None).expect("no schema refuses it");
        self.authorizer.is_authorized(&request, &self.policies, &entities).decision() == Decision::Allow
    }
}

/// The input of authorization: verified claims, and the operation.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Operation<'a> {
    /// The token's user.
    pub user: &'a str,
    /// The token's organization.
    pub organization: &'a str,
    /// The token's permissions.
    pub permissions: &'a [&'a str],
    /// The method and the pattern of the path.
    pub operation: &'a str,
    /// The requested resource.
    pub resource: &'a str,
    /// Its owner.
    pub resource_organization: &'a str,
}
