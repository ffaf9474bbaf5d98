//! Values as Python literals, laid out as Python's `pprint` does with an indent of 4 and a width of 80 (`thermos inspect`).

use serde_json::Value;

const WIDTH: usize = 80;
const INDENT: usize = 4;

/// A value over several lines where one is too long. Lists are shown as tuples, keys are sorted.
pub fn pretty(value: &Value) -> String {
    let mut out = String::new();
    layout(value, 0, 0, &mut out);
    out
}

/// A value in one line.
pub fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(literal).collect();
            format!("({}{})", items.join(", "), if list.len() == 1 { "," } else { "" })
        }
        Value::Object(_) => {
            let items: Vec<String> = sorted(value)
                .into_iter()
                .map(|(key, value)| format!("{}: {}", quoted(key), literal(value)))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
    }
}

/// A text as Python writes it.
pub fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            same if same == quote => {
                out.push('\\');
                out.push(same);
            }
            control if control.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push(quote);
    out
}

fn sorted(value: &Value) -> Vec<(&String, &Value)> {
    let mut items: Vec<_> = value.as_object().into_iter().flatten().collect();
    items.sort_by_key(|(key, _)| key.as_str());
    items
}

/// `column` is where the value begins, `after` how much has to fit behind it.
fn layout(value: &Value, column: usize, after: usize, out: &mut String) {
    let flat = literal(value);
    let is_too_long = flat.chars().count() > (WIDTH - 1).saturating_sub(column + after);
    let inner = column + INDENT;
    let gap = " ".repeat(INDENT - 1);
    let next_line = format!(",\n{}", " ".repeat(inner));
    match value {
        Value::Object(object) if is_too_long && !object.is_empty() => {
            out.push('{');
            out.push_str(&gap);
            for (index, (key, item)) in sorted(value).into_iter().enumerate() {
                if index > 0 {
                    out.push_str(&next_line);
                }
                let key = quoted(key);
                out.push_str(&key);
                out.push_str(": ");
                layout(item, inner + key.chars().count() + 2, after + 1, out);
            }
            out.push('}');
        }
        Value::Array(list) if is_too_long && !list.is_empty() => {
            out.push('(');
            out.push_str(&gap);
            for (index, item) in list.iter().enumerate() {
                if index > 0 {
                    out.push_str(&next_line);
                }
                layout(item, inner, after + 1, out);
            }
            if list.len() == 1 {
                out.push(',');
            }
            out.push(')');
        }
        _ => out.push_str(&flat),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn literals_are_pythons() {
        assert_eq!(
            literal(&json!({"b": [1], "a": [true, null, 1.5], "c": "it's \"\n\\"})),
            r#"{'a': (True, None, 1.5), 'b': (1,), 'c': 'it\'s "\n\\'}"#
        );
        assert_eq!(quoted("it's"), "\"it's\"");
    }

    #[test]
    fn long_values_are_broken_where_python_breaks_them() {
        let value = json!({"processes": [{"name": "a", "cmdline": "x".repeat(70)}], "name": "t"});
        let expected = format!(
            "{{   'name': 't',\n    'processes': (   {{   'cmdline': '{}',\n                         'name': 'a'}},)}}",
            "x".repeat(70)
        );
        assert_eq!(pretty(&value), expected);
        assert_eq!(pretty(&json!({"a": 1})), "{'a': 1}");
    }
}
