//! Shapes of Mesos's JSON that master and agents share (`spec/mesos.md` §6.3).

use mesos_v1::messages as v1;
use serde_json::{Value, json};

use crate::resources::{Quantity, Resources};

/// The version whose API this is.
pub const MESOS_VERSION: &str = "1.11.0";

/// Resources as tools expect them: four numbers always, the rest as text.
pub fn view_resources(resources: &Resources) -> Value {
    let mut object = serde_json::Map::new();
    for name in ["cpus", "gpus", "mem", "disk"] {
        object.insert(name.to_owned(), json!(resources.scalar(name)));
    }
    for (name, quantity) in resources.by_name() {
        let value = match quantity {
            Quantity::Scalar(_) => json!(resources.scalar(name)),
            Quantity::Ranges(_) | Quantity::Set(_) => json!(quantity.to_string()),
        };
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}

/// An attribute's value as tools expect it.
pub fn view_attribute(attribute: &v1::Attribute) -> Value {
    match attribute.r#type() {
        v1::value::Type::Scalar => json!(attribute.scalar.map_or(0.0, |scalar| scalar.value)),
        v1::value::Type::Text => {
            json!(attribute.text.as_ref().map(|text| text.value.clone()).unwrap_or_default())
        }
        v1::value::Type::Ranges => {
            let ranges = attribute.ranges.iter().flat_map(|ranges| &ranges.range);
            json!(Quantity::ranges(ranges.map(|range| (range.begin, range.end)).collect()).to_string())
        }
        v1::value::Type::Set => {
            json!(
                Quantity::set(attribute.set.as_ref().map(|set| set.item.clone()).unwrap_or_default())
                    .to_string()
            )
        }
    }
}
