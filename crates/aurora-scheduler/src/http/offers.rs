//! `/offers`: the held offers in the field names of Mesos's protobuf.

use axum::Json;
use axum::extract::State;
use mesos_v1::messages::value::{Ranges, Scalar, Set, Text, Type as ValueType};
use mesos_v1::messages::{Attribute, Offer, Resource};
use serde_json::{Map, Value, json};

use crate::app::AppState;

/// All held offers.
pub async fn offers(State(app): State<AppState>) -> Json<Value> {
    Json(app.held.all().iter().map(|offer| offer_json(offer)).collect())
}

fn offer_json(offer: &Offer) -> Value {
    let mut object = Map::new();
    object.insert("id".to_owned(), json!({"value": offer.id.value}));
    object.insert("framework_id".to_owned(), json!({"value": offer.framework_id.value}));
    object.insert("agent_id".to_owned(), json!({"value": offer.agent_id.value}));
    object.insert("hostname".to_owned(), json!(offer.hostname));
    object.insert("resources".to_owned(), offer.resources.iter().map(resource_json).collect());
    object.insert("attributes".to_owned(), offer.attributes.iter().map(attribute_json).collect());
    if !offer.executor_ids.is_empty() {
        let ids = offer.executor_ids.iter().map(|id| json!({"value": id.value})).collect();
        object.insert("executor_ids".to_owned(), ids);
    }
    if let Some(unavailability) = &offer.unavailability {
        let start = json!({"start": {"nanoseconds": unavailability.start.nanoseconds}});
        object.insert("unavailability".to_owned(), start);
    }
    Value::Object(object)
}

fn resource_json(resource: &Resource) -> Value {
    let mut object = value_json(
        &resource.name,
        resource.r#type,
        resource.scalar.as_ref(),
        resource.ranges.as_ref(),
        resource.set.as_ref(),
        None,
    );
    if let Some(role) = &resource.role {
        object.insert("role".to_owned(), json!(role));
    }
    if resource.revocable.is_some() {
        object.insert("revocable".to_owned(), json!({}));
    }
    Value::Object(object)
}

fn attribute_json(attribute: &Attribute) -> Value {
    Value::Object(value_json(
        &attribute.name,
        attribute.r#type,
        attribute.scalar.as_ref(),
        attribute.ranges.as_ref(),
        attribute.set.as_ref(),
        attribute.text.as_ref(),
    ))
}

fn value_json(
    name: &str,
    kind: i32,
    scalar: Option<&Scalar>,
    ranges: Option<&Ranges>,
    set: Option<&Set>,
    text: Option<&Text>,
) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("name".to_owned(), json!(name));
    if let Ok(kind) = ValueType::try_from(kind) {
        object.insert("type".to_owned(), json!(kind.as_str_name()));
    }
    if let Some(scalar) = scalar {
        object.insert("scalar".to_owned(), json!({"value": scalar.value}));
    }
    if let Some(ranges) = ranges {
        let ranges: Vec<Value> =
            ranges.range.iter().map(|range| json!({"begin": range.begin, "end": range.end})).collect();
        object.insert("ranges".to_owned(), json!({"range": ranges}));
    }
    if let Some(set) = set {
        object.insert("set".to_owned(), json!({"item": set.item}));
    }
    if let Some(text) = text {
        object.insert("text".to_owned(), json!({"value": text.value}));
    }
    object
}
