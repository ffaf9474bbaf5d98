//! The schema as JSON Schema, for editors and other programs.

use serde_json::{Map, Value as Json, json};

use super::{EnumTable, FieldTable, Presence, StructTable, TypeTable, enumerations, structs};

/// A JSON Schema (draft 2020-12) of what `aurora config render` prints and `--read-json` takes: one job, or
/// `{"jobs": [...]}`. Numbers and truth values may also be texts, since those may hold references.
///
/// ```
/// let schema = aurora_model::schema::json_schema();
/// assert_eq!(schema["$defs"]["Process"]["required"], serde_json::json!(["name", "cmdline"]));
/// ```
#[must_use]
pub fn json_schema() -> Json {
    let mut definitions = Map::new();
    for (name, kind) in [("Integer", "integer"), ("Float", "number"), ("Boolean", "boolean")] {
        let text =
            json!({"type": "string", "description": "A text that holds references or spells the value."});
        definitions.insert(name.to_owned(), json!({"anyOf": [{"type": kind}, text]}));
    }
    for table in enumerations() {
        definitions.insert(table.name.to_owned(), of_enumeration(table));
    }
    for table in structs() {
        definitions.insert(table.name.to_owned(), of_struct(table));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Aurora job configuration",
        "anyOf": [
            {"$ref": "#/$defs/MesosJob"},
            {
                "type": "object",
                "properties": {"jobs": {"type": "array", "items": {"$ref": "#/$defs/MesosJob"}}},
                "required": ["jobs"],
                "additionalProperties": false,
            },
        ],
        "$defs": definitions,
    })
}

fn of_enumeration(table: &EnumTable) -> Json {
    json!({"description": table.doc, "anyOf": [{"enum": table.values}, {"type": "string", "pattern": r"\{\{"}]})
}

fn of_struct(table: &StructTable) -> Json {
    let properties: Map<String, Json> =
        table.fields.iter().map(|field| (field.name.to_owned(), of_field(field))).collect();
    let required = table.fields.iter().filter(|field| matches!(field.presence, Presence::Required));
    json!({
        "title": if table.name == "MesosJob" { "Job" } else { table.name },
        "description": table.doc,
        "type": "object",
        "properties": properties,
        "required": required.map(|field| field.name).collect::<Vec<_>>(),
        "additionalProperties": false,
    })
}

fn of_field(field: &FieldTable) -> Json {
    let mut out = match of_type(&field.ty) {
        Json::Object(out) => out,
        _ => Map::new(),
    };
    out.insert("description".to_owned(), field.doc.into());
    if let Presence::Default(constant) = &field.presence {
        out.insert("default".to_owned(), constant.json());
    }
    Json::Object(out)
}

fn of_type(table: &TypeTable) -> Json {
    let reference = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
    match table {
        TypeTable::String => json!({"type": ["string", "number", "boolean"]}),
        TypeTable::Integer => reference("Integer"),
        TypeTable::Float => reference("Float"),
        TypeTable::Boolean => reference("Boolean"),
        TypeTable::Enum(table) => reference(table.name),
        TypeTable::Struct(table) => reference(table.name),
        TypeTable::List(element) => json!({"type": "array", "items": of_type(element)}),
        TypeTable::Map(_, value) => json!({"type": "object", "additionalProperties": of_type(value)}),
        TypeTable::Choice(alternatives) => {
            json!({"anyOf": alternatives.iter().map(of_type).collect::<Vec<_>>()})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` below, with all that it takes to find it.
    fn references<'j>(json: &'j Json, found: &mut Vec<&'j str>) {
        match json {
            Json::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Json::String(target) if name == "$ref" => found.push(target),
                        _ => references(value, found),
                    }
                }
            }
            Json::Array(elements) => elements.iter().for_each(|element| references(element, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_has_its_definition() {
        let schema = json_schema();
        let mut found = Vec::new();
        references(&schema, &mut found);
        assert!(found.len() > 50);
        for target in found {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(schema.pointer(pointer).is_some(), "{target}");
        }
    }

    #[test]
    fn a_struct_has_its_fields_with_defaults_and_documentation() {
        let schema = json_schema();
        let process = &schema["$defs"]["Process"];
        assert_eq!(process["properties"]["max_failures"]["default"], 1);
        assert_eq!(process["properties"]["daemon"]["$ref"], "#/$defs/Boolean");
        assert!(process["properties"]["cmdline"]["description"].as_str().unwrap().len() > 10);
        assert_eq!(schema["$defs"]["MesosJob"]["properties"]["health_check_config"]["default"], json!({}));
    }
}
