//! The OpenAPI document as a page in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::Value;

/// The page: operations by tag, then the shapes that they name.
pub(super) fn page(contract: &Value) -> Result<String> {
    let mut text = String::from("# API\n\n");
    let description = contract["info"]["description"].as_str().unwrap_or_default();
    writeln!(text, "{description}\n\nThe server itself serves this contract as `GET /api/openapi.json`.\n")?;
    let mut by_tag: BTreeMap<&str, Vec<(&str, &str, &Value)>> = BTreeMap::new();
    let paths = contract["paths"].as_object().context("paths in the OpenAPI document")?;
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let tag = operation["tags"][0].as_str().unwrap_or("other");
            by_tag.entry(tag).or_default().push((path, method, operation));
        }
    }
    for (tag, operations) in by_tag {
        writeln!(text, "## {tag}\n")?;
        for (path, method, operation) in operations {
            write_operation(&mut text, path, method, operation)?;
        }
    }
    text.push_str("## Schemas\n\n");
    for (name, schema) in contract["components"]["schemas"].as_object().into_iter().flatten() {
        writeln!(text, "### Schema `{name}`\n\n{}\n", paragraph(schema))?;
        let properties = schema["properties"].as_object();
        if let Some(properties) = properties.filter(|properties| !properties.is_empty()) {
            text.push_str("| member | type | |\n|---|---|---|\n");
            let required = schema["required"].as_array();
            for (member, about) in properties {
                let must = required.is_some_and(|required| required.iter().any(|one| one == member));
                let mark = if must { "" } else { "?" };
                writeln!(text, "| `{member}`{mark} | {} | {} |", kind(about), cell(about))?;
            }
            text.push('\n');
        } else {
            writeln!(text, "{}\n", kind(schema))?;
        }
    }
    Ok(text)
}

fn write_operation(text: &mut String, path: &str, method: &str, operation: &Value) -> Result<()> {
    writeln!(text, "### `{} {path}`\n", method.to_uppercase())?;
    for key in ["summary", "description"] {
        if let Some(words) = operation[key].as_str() {
            writeln!(text, "{}\n", words.trim())?;
        }
    }
    if let Some(permission) = operation["x-permission"].as_str() {
        writeln!(text, "Permission: `{permission}`.\n")?;
    }
    let parameters = operation["parameters"].as_array();
    if let Some(parameters) = parameters.filter(|parameters| !parameters.is_empty()) {
        text.push_str("| parameter | in | type | |\n|---|---|---|---|\n");
        for one in parameters {
            let mark = if one["required"] == true { "" } else { "?" };
            let (name, place) = (one["name"].as_str().unwrap_or("-"), one["in"].as_str().unwrap_or("-"));
            writeln!(text, "| `{name}`{mark} | {place} | {} | {} |", kind(&one["schema"]), cell(one))?;
        }
        text.push('\n');
    }
    for (content, about) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        writeln!(text, "Body `{content}`: {}\n", kind(&about["schema"]))?;
        write_example(text, about)?;
    }
    text.push_str("| status | |\n|---|---|\n");
    let responses = operation["responses"].as_object();
    for (status, about) in responses.into_iter().flatten() {
        writeln!(text, "| {status} | {} |", cell(about))?;
    }
    text.push('\n');
    for (status, about) in responses.into_iter().flatten() {
        for about in about["content"].as_object().into_iter().flat_map(|content| content.values()) {
            if !example(about).is_null() {
                writeln!(text, "{status}, {}:\n", kind(&about["schema"]))?;
                write_example(text, about)?;
            }
        }
    }
    Ok(())
}

fn write_example(text: &mut String, about: &Value) -> Result<()> {
    match example(about) {
        Value::Null => {}
        Value::String(example) => writeln!(text, "```\n{example}\n```\n")?,
        example => writeln!(text, "```json\n{}\n```\n", serde_json::to_string_pretty(example)?)?,
    }
    Ok(())
}

/// The example of a body, where it has one.
fn example(about: &Value) -> &Value {
    let first = || about["examples"].as_object().and_then(|examples| examples.values().next());
    if about["example"].is_null() {
        first().map_or(&Value::Null, |first| &first["value"])
    } else {
        &about["example"]
    }
}

fn paragraph(about: &Value) -> String {
    about["description"].as_str().unwrap_or_default().trim().to_owned()
}

/// A description that fits into a cell of a table.
fn cell(about: &Value) -> String {
    paragraph(about).split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// A type in words; a named one is a link to its heading.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#schema-{})", name.to_lowercase());
    }
    for (key, word) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(kinds) = schema[key].as_array() {
            return kinds.iter().map(kind).collect::<Vec<_>>().join(word);
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    match &schema["type"] {
        Value::String(one) if one == "array" => format!("array of {}", kind(&schema["items"])),
        Value::String(one) => one.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::page::Page;
    use super::*;

    #[test]
    fn operations_and_shapes_are_shown_and_lead_to_each_other() {
        let contract = json!({
            "info": { "description": "About." },
            "paths": { "/api/things/{id}": { "put": {
                "tags": ["things"], "summary": "Save one", "x-permission": "SaveThing",
                "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }],
                "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Thing" }, "example": { "a": 1 },
                } } },
                "responses": { "200": { "description": "Saved | kept" } },
            } } },
            "components": { "schemas": { "Thing": {
                "type": "object", "required": ["a"],
                "properties": { "a": { "type": "number" }, "b": { "type": ["string", "null"] } },
            } } },
        });
        let text = page(&contract).unwrap();
        for line in [
            "### `PUT /api/things/{id}`",
            "| `id` | path | string |  |",
            "Body `application/json`: [Thing](#schema-thing)",
            "| 200 | Saved \\| kept |",
            "| `a` | number |  |",
            "| `b`? | string or null |  |",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        let page = Page::new(text);
        assert!(page.links.iter().all(|link| page.headings.contains(link.trim_start_matches('#'))));
    }
}
