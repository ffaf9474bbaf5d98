//! Values, types, scopes, mustaches and the Thermos and Aurora schema.
//!
//! The model of the `.aurora` language (`spec/config.md` §1 and §3): immutable typed values whose texts may hold
//! references (`{{profile.version}}`), the scopes those are looked up in, and the structs of Thermos and Aurora as
//! tables. It knows no Python and no files: the evaluator builds its values from it, and the executor and the runner
//! bind run-time values with it.
//!
//! Where to start: [`Type`] makes a [`Value`] from [`Raw`] data; [`Value::bind`] gives it scopes; [`Value::interpolate`]
//! resolves references; [`Value::check`] reports every problem; [`schema`] has the types of the language.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod budget;
mod check;
mod compare;
mod error;
mod interpolate;
mod json;
mod names;
mod origin;
mod path;
mod raw;
mod reference;
mod render;
pub mod schema;
mod scope;
mod suggest;
mod template;
mod types;
mod value;

pub use budget::{Budget, MAX_DEPTH, MAX_NODES};
pub use check::{Cause, Check, Problem, TriedAlternative};
pub use error::{Error, Limit, UnknownField};
pub use interpolate::{Escapes, Interpolated, UnboundRef};
pub use json::{UnknownKeys, canonical_json, json_text, python_json};
pub use origin::Origin;
pub use path::{Path, Step};
pub use raw::{Raw, RawData};
pub use reference::{AddressFinding, Component, InvalidAddress, Ref};
pub use render::{float_text, quoted};
pub use scope::{Environment, FindError, Found, Scope};
pub use suggest::nearest;
pub use template::{Segment, Template, TemplateError};
pub use types::{ChoiceType, EnumType, ListType, MapType, Signature, StructType, Type};
pub use value::Value;
