//! Checks a JSON document against a JSON Schema. Stricter than the standard: a field that the schema does not name is
//! an error, and so is an unknown keyword.

use serde_json::Value;

/// Keywords that describe a schema and do not restrict a document.
const ANNOTATIONS: [&str; 8] =
    ["$schema", "$defs", "title", "description", "format", "default", "properties", "required"];

/// The violations of `schema` in `document`, each with its location; empty if the document is valid.
pub fn wrong(schema: &Value, document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    check(schema, schema, document, "$", &mut wrong);
    wrong
}

fn check(root: &Value, schema: &Value, value: &Value, place: &str, wrong: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else { return };
    for (keyword, asked) in keywords {
        match (keyword.as_str(), asked) {
            ("$ref", Value::String(path)) => match root.pointer(path.trim_start_matches('#')) {
                Some(other) => check(root, other, value, place, wrong),
                None => wrong.push(format!("{place}: the schema has no {path}")),
            },
            ("type", Value::String(name)) if is_of(name, value) => {}
            ("type", Value::Array(names))
                if names.iter().any(|name| name.as_str().is_some_and(|name| is_of(name, value))) => {}
            ("const", asked) if asked == value => {}
            ("minimum", asked) if !value.is_number() || value.as_f64() >= asked.as_f64() => {}
            ("maximum", asked) if !value.is_number() || value.as_f64() <= asked.as_f64() => {}
            ("minLength", asked) if length(value).is_none_or(|length| Some(length) >= asked.as_u64()) => {}
            ("maxLength", asked) if length(value).is_none_or(|length| Some(length) <= asked.as_u64()) => {}
            ("items", asked) => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, asked, item, &format!("{place}[{index}]"), wrong);
                }
            }
            ("anyOf" | "oneOf", Value::Array(schemas)) => {
                let tries = schemas.iter().map(|schema| {
                    let mut wrong = Vec::new();
                    check(root, schema, value, place, &mut wrong);
                    wrong
                });
                let best = tries.min_by_key(Vec::len).unwrap_or_default();
                wrong.extend(best);
            }
            (other, _) if ANNOTATIONS.contains(&other) => {}
            (other, asked) => wrong.push(format!("{place}: {value} against {other} {asked}")),
        }
    }
    if let (Some(fields), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        for (name, field) in fields {
            match properties.get(name) {
                Some(schema) => check(root, schema, field, &format!("{place}.{name}"), wrong),
                None => wrong.push(format!("{place}.{name} is not in the schema")),
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                wrong.push(format!("{place}.{name} is missing"));
            }
        }
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_outside_the_schema_are_wrong() {
        let schema = json!({
            "type": "object",
            "properties": {
                "pid": { "type": "integer", "minimum": 0, "maximum": 9 },
                "name": { "$ref": "#/$defs/Name" },
                "list": { "type": "array", "items": { "type": ["integer", "null"] } },
            },
            "required": ["pid"],
            "$defs": { "Name": { "anyOf": [{ "const": "shop" }, { "type": "string", "maxLength": 1 }] } },
        });
        let is_right = |document| wrong(&schema, &document).is_empty();
        assert!(is_right(json!({ "pid": 7, "name": "shop", "list": [1, null] })));
        assert!(is_right(json!({ "pid": 7, "name": "s" })));
        for document in [
            json!([]),
            json!({}),
            json!({ "pid": -1 }),
            json!({ "pid": 10 }),
            json!({ "pid": 7, "name": "stuck" }),
            json!({ "pid": 7, "list": ["1"] }),
            json!({ "pid": 7, "more": 1 }),
        ] {
            assert!(!is_right(document.clone()), "{document}");
        }
        assert!(!wrong(&json!({ "pattern": "a" }), &json!("a")).is_empty(), "a keyword that is not known");
    }
}
