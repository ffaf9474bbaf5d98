//! The schema as pages of the manual.

use std::fmt::Write;

use super::{Constant, FieldTable, Layer, Presence, StructTable, TypeTable, enumerations, structs};

/// All structs and enumerations with their fields, as Markdown. `docs/reference/configuration.md` holds it.
#[must_use]
pub fn reference() -> String {
    let mut out = String::new();
    // A job first, then what it is made of.
    for table in structs().iter().rev() {
        let _ = write!(out, "### {}\n\n{}", shown(table.name), table.doc);
        out.push_str(layer(table.layer));
        out.push_str("\n\n| field | type | default | since | meaning |\n| --- | --- | --- | --- | --- |\n");
        for field in table.fields {
            row(&mut out, field);
        }
        out.push('\n');
    }
    out.push_str("### Enumerations\n\n| name | members | meaning |\n| --- | --- | --- |\n");
    for table in enumerations() {
        let members: Vec<String> = table.values.iter().map(|value| format!("`{value}`")).collect();
        let _ = writeln!(out, "| `{}` | {} | {} |", table.name, members.join(", "), table.doc);
    }
    out
}

fn shown(name: &str) -> &str {
    if name == "MesosJob" { "Job" } else { name }
}

fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Thermos => " Also in `.thermos` files.",
        Layer::Aurora => "",
    }
}

fn row(out: &mut String, field: &FieldTable) {
    let default = match &field.presence {
        Presence::Required => "**required**".to_owned(),
        Presence::Optional => "unset".to_owned(),
        Presence::Default(constant) => format!("`{}`", constant_text(constant, &field.ty)),
    };
    let _ = writeln!(
        out,
        "| `{}` | {} | {} | {} | {} |",
        field.name,
        type_text(&field.ty),
        default.replace('|', r"\|"),
        field.since,
        field.doc.replace('|', r"\|")
    );
}

fn type_text(table: &TypeTable) -> String {
    match table {
        TypeTable::String => "String".to_owned(),
        TypeTable::Integer => "Integer".to_owned(),
        TypeTable::Float => "Float".to_owned(),
        TypeTable::Boolean => "Boolean".to_owned(),
        TypeTable::Enum(table) => table.name.to_owned(),
        TypeTable::Struct(table) => struct_link(table),
        TypeTable::List(element) => format!("List({})", type_text(element)),
        TypeTable::Map(key, value) => format!("Map({}, {})", type_text(key), type_text(value)),
        TypeTable::Choice(alternatives) => {
            alternatives.iter().map(type_text).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn struct_link(table: &StructTable) -> String {
    let name = shown(table.name);
    format!("[{name}](#{})", name.to_lowercase())
}

/// A default as a file would write it.
fn constant_text(constant: &Constant, ty: &TypeTable) -> String {
    match constant {
        Constant::Int(number) => number.to_string(),
        Constant::Float(number) => crate::float_text(*number),
        Constant::Bool(true) => "True".to_owned(),
        Constant::Bool(false) => "False".to_owned(),
        Constant::Text(text) => format!("'{text}'"),
        Constant::EmptyList => "[]".to_owned(),
        Constant::Entries(entries) => match ty {
            TypeTable::Struct(table) => {
                let fields: Vec<String> = entries
                    .iter()
                    .map(|(name, value)| {
                        let ty = table
                            .fields
                            .iter()
                            .find(|field| field.name == *name)
                            .map_or(ty, |field| &field.ty);
                        format!("{name}={}", constant_text(value, ty))
                    })
                    .collect();
                format!("{}({})", shown(table.name), fields.join(", "))
            }
            _ => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("'{key}': {}", constant_text(value, ty)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
        },
    }
}
