//! `hashlib`.

use std::rc::Rc;

use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::hash::{Algorithm, Digest};
use crate::eval::interp::Interp;
use crate::eval::value::{Native, Value};

pub(super) static NATIVES: &[Native] = &[
    Native { name: "md5", call: |interp, args| make(interp, Algorithm::Md5, args.positional.first()) },
    Native { name: "sha1", call: |interp, args| make(interp, Algorithm::Sha1, args.positional.first()) },
    Native { name: "sha224", call: |interp, args| make(interp, Algorithm::Sha224, args.positional.first()) },
    Native { name: "sha256", call: |interp, args| make(interp, Algorithm::Sha256, args.positional.first()) },
    Native { name: "sha384", call: |interp, args| make(interp, Algorithm::Sha384, args.positional.first()) },
    Native { name: "sha512", call: |interp, args| make(interp, Algorithm::Sha512, args.positional.first()) },
    Native {
        name: "new",
        call: |interp, mut args| {
            let name = interp.required_text(&mut args, "new", 0, "name")?;
            match Algorithm::named(&name) {
                Some(algorithm) => make(interp, algorithm, args.positional.get(1)),
                None => interp
                    .value_error(format!("unknown hash '{name}'"))
                    .map_err(|stop| stop.help("available: md5, sha1, sha224, sha256, sha384, sha512")),
            }
        },
    },
];

fn make(interp: &mut Interp, algorithm: Algorithm, data: Option<&Value>) -> Eval<Value> {
    let digest = Rc::new(Digest { algorithm, data: Vec::new().into() });
    if let Some(data) = data {
        update(interp, &digest, data)?;
    }
    Ok(Value::Hash(digest))
}

fn update(interp: &mut Interp, digest: &Digest, data: &Value) -> Eval<()> {
    let bytes: Rc<[u8]> = match data {
        Value::Bytes(bytes) => bytes.clone(),
        Value::Str(text) => text.as_bytes().into(),
        other => return interp.type_error(format!("a hash is made of bytes, not {}", other.type_name())),
    };
    interp.budget.bytes(bytes.len())?;
    digest.data.borrow_mut().extend_from_slice(&bytes);
    Ok(())
}

pub(in crate::eval) fn method(
    interp: &mut Interp,
    digest: &Rc<Digest>,
    name: &str,
    args: &Args,
) -> Eval<Value> {
    if name == "update" {
        return match args.positional.first() {
            Some(data) => update(interp, digest, data).map(|()| Value::None),
            None => interp.type_error("update() misses its data"),
        };
    }
    let data = digest.data.borrow().clone();
    if name == "copy" {
        interp.budget.bytes(data.len())?;
        return Ok(Value::Hash(Rc::new(Digest { algorithm: digest.algorithm, data: data.into() })));
    }
    interp.budget.steps(data.len() / 4)?;
    let bytes = digest.algorithm.digest(&data);
    if name == "digest" {
        return Ok(Value::Bytes(bytes.into()));
    }
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    interp.text(text)
}
